"""Options of `imgnet.encode`, for the API, the command line, batches and plug-ins.

This module does not import NumPy: the command line needs the defaults at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from imgnet.progress import Progress

if TYPE_CHECKING:
    from imgnet.arrays import Parameters
    from imgnet.image.masks import Mask
    from imgnet.spec import Spec

    OnSnapshot = Callable[[Spec, int, Parameters], None]

MODEL: Final = "grid"
QUALITY: Final = 75
EFFORT: Final = 3
LEAST_TIME_S = 1e-3


@dataclass(frozen=True)
class EncodeOptions:
    """Options of `imgnet.encode`; see there.

    Without callbacks, and with a mask that is a path or bytes in memory, they can be pickled.

    >>> EncodeOptions().effort
    3
    """

    model: str = MODEL
    quality: float = QUALITY
    target_bpp: float | None = None
    target_size: int | None = None
    target_psnr: float | None = None
    effort: int = EFFORT
    dim_axis: int | None = None
    dim_hidden: int | None = None
    num_layers: int | None = None
    weights: str = "coded"
    time_limit: float | None = None
    metadata: str = "all"
    seed: int = 0
    device: str = "auto"
    mask: Mask | None = None
    keep: float | None = None
    tune: str = "psnr"
    force_read: bool = False
    on_progress: Callable[[Progress], None] | None = None
    snapshot: tuple[int, Path | OnSnapshot] | None = None
    should_stop: Callable[[], bool] | None = None

    def later(self, seconds: float) -> EncodeOptions:
        """Return the options some seconds later, when less is left of the time limit.

        >>> EncodeOptions(time_limit=5.0).later(2.0).time_limit
        3.0
        """
        if self.time_limit is None:
            return self
        least = min(self.time_limit, LEAST_TIME_S)  # keeps a limit of 0, which is refused later
        return replace(self, time_limit=max(self.time_limit - seconds, least))

"""What a fit is asked for and what it gives, for all families."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from imgnet.codec.format.quantized import Quantized
from imgnet.image.picture import Samples
from imgnet.progress import Progress
from imgnet.request.efforts import Schedule
from imgnet.spec import Spec

LEAST_TIME_S = 1e-3

Arrays = dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Options:
    """What a fit is asked for besides the network's shape.

    Attributes:
        schedule: Schedule.
        budget_bytes: Most bytes of the packed weights; None leaves the weights real.
        target_psnr_db: PSNR to bring the picture to, of `grid` without a budget, of the other
            families within one; None for none.
        tune: What errors of `grid` count by: "psnr" or "msssim".
        time_limit_s: Seconds in which the schedule must end; None for no limit.
        seed: Of the first weights and the order of the pixels.
        device: "cpu", "cuda", "mps" or "auto".
        on_progress: Called a few times a second.
        snapshot_every: QSteps between two calls of `on_snapshot`; 0 for none.
        on_snapshot: Called with the network's shape, the step and the parameters as they would be
            stored.
        should_stop: Asked before every step whether to end as if the time were up; once True, it
            must stay so.
    """

    schedule: Schedule
    budget_bytes: int | None = None
    target_psnr_db: float | None = None
    tune: str = "psnr"
    time_limit_s: float | None = None
    seed: int = 0
    device: str = "auto"
    on_progress: Callable[[Progress], None] | None = None
    snapshot_every: int = 0
    on_snapshot: Callable[[Spec, int, Arrays], None] | None = None
    should_stop: Callable[[], bool] | None = None

    def part_done(self, step: int, started: float) -> float:
        """Return the part 0..1 of the schedule that lies behind, by steps, by time or by request.

        Args:
            step: QSteps taken.
            started: When, by the monotonic clock.

        >>> Options(Schedule(steps=200, pixels_per_step=4096)).part_done(50, time.monotonic())
        0.25
        """
        if self.should_stop is not None and self.should_stop():
            return 1.0
        done = step / self.schedule.steps
        if self.time_limit_s:
            done = max(done, (time.monotonic() - started) / self.time_limit_s)
        return done

    def in_time(self, started: float, part: float) -> Options:
        """Return these with a part of the time that is left.

        Args:
            started: When the time began, by the monotonic clock.
            part: Of the time.

        >>> Options(Schedule(200, 4096)).in_time(time.monotonic(), 0.5).time_limit_s is None
        True
        """
        if self.time_limit_s is None:
            return self
        left = self.time_limit_s - (time.monotonic() - started)
        return replace(self, time_limit_s=max(part * left, LEAST_TIME_S))

    def is_time_up(self, started: float) -> bool:
        """Tell whether the time is up, or the end has been asked for, whatever the steps.

        >>> Options(Schedule(200, 4096), time_limit_s=3600).is_time_up(time.monotonic())
        False
        """
        return self.part_done(0, started) >= 1


@dataclass(frozen=True)
class Result:
    """A fitted network.

    Attributes:
        parameters: The real parameters, or what the integers stand for.
        quantized: The integers, where there was a budget.
        steps: QSteps taken.
        device: Where they were taken.
        best_psnr_db: Of `gated` and `mlp`, if a PSNR was asked for: what the network had given
            before its weights were made coarser.
        drawn: The pixels that the stored parameters draw, of coded `grid`.
    """

    parameters: Arrays
    quantized: dict[str, Quantized] | None
    steps: int
    device: str
    best_psnr_db: float | None = None
    drawn: Samples | None = None

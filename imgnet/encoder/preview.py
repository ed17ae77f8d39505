"""Previews of a fit: image files of its decoded parameters."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from imgnet.arrays import Parameters
from imgnet.codec.families import render_native
from imgnet.errors import OutputError, UsageError
from imgnet.image.formats import write_image
from imgnet.spec import Spec

if TYPE_CHECKING:
    from imgnet.request.encode_options import OnSnapshot


def previews(every: int, sink: Path | OnSnapshot) -> OnSnapshot:
    """Return a function that takes a preview, given shape, optimiser step and parameters.

    Args:
        every: Steps between two previews.
        sink: Folder of the files, which is made if it is missing; or such a function itself.

    Raises:
        UsageError: The previews are less than one step apart.
        OutputError: The folder cannot be made.
    """
    if every < 1:
        raise UsageError(f"a snapshot every {every} steps; the least is 1")
    return sink if callable(sink) else _writing_to(sink)


def _writing_to(folder: Path) -> OnSnapshot:
    def write(spec: Spec, step: int, parameters: Parameters) -> None:
        write_image(render_native(spec, parameters), folder / f"{step:06d}.png")

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made a folder ({error.strerror})") from None
    return write

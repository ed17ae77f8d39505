"""Previews of a fit: image files of its decoded parameters."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from imgnet.arrays import Parameters
from imgnet.codec.families import render_native
from imgnet.errors import OutputError, UsageError
from imgnet.image.formats import write_image
from imgnet.spec import Spec


def previews(every: int, folder: Path) -> Callable[[Spec, int, Parameters], None]:
    """Return a function that writes a preview, given shape, optimiser step and parameters.

    Args:
        every: Steps between two previews.
        folder: Folder of the files; it is made if it is missing.

    Raises:
        UsageError: The previews are less than one step apart.
        OutputError: The folder cannot be made.
    """

    def write(spec: Spec, step: int, parameters: Parameters) -> None:
        write_image(render_native(spec, parameters), folder / f"{step:06d}.png")

    if every < 1:
        raise UsageError(f"a snapshot every {every} steps; the least is 1")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made a folder ({error.strerror})") from None
    return write

"""Rendering of each family of networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from numpy.typing import NDArray

from imgnet.codec.format.container import Encoded
from imgnet.codec.render import coordinate, grid
from imgnet.codec.render.resize import NEURAL, checksum, fitted, needed_level, needed_part
from imgnet.errors import FormatError
from imgnet.image.geometry import Crop, Size
from imgnet.image.picture import Samples
from imgnet.spec import Spec

WRONG_PIXELS = (
    "decodes to other pixels than its encoder saw; "
    "either this machine or a version of imgnet computes wrongly"
)

Parameters = Mapping[str, NDArray[Any]]


class Family(NamedTuple):
    """The renderers of a family.

    Attributes:
        render_native: As `render_native`.
        render: As `render`.
    """

    render_native: Callable[..., Samples]
    render: Callable[[Encoded, Size | None, Crop | None, int, str], Samples]


def render(
    encoded: Encoded,
    size: Size | None = None,
    crop: Crop | None = None,
    depth: int = 8,
    zoom: str = NEURAL,
) -> Samples:
    """Render an encoded image.

    Args:
        encoded: The image.
        size: Of the result; None for native.
        crop: Part to render, in native pixels; the size is then that of the part.
        depth: Bits of a sample, 8 or 16.
        zoom: One of `ZOOMS`; only `grid` heeds it.

    Returns:
        (height, width, channels) pixels.

    Raises:
        UsageError: The size or the crop makes no sense.
        FormatError: The coded stream is damaged, or the pixels are not those of the encoder. Those
            of a part, and those of a quarter of the size or less, are not compared.

    >>> import numpy as np
    >>> spec = Spec("mlp", 8, 6, 0, 2, 1)
    >>> tensors = {name: np.zeros(shape, np.float16) for name, shape in spec.shapes().items()}
    >>> render(Encoded(spec, "RGB", tensors), size="50%").shape
    (3, 4, 3)
    """
    return FAMILIES[encoded.spec.family].render(encoded, size, crop, depth, zoom)


def render_native(spec: Spec, parameters: Parameters, depth: int = 8) -> Samples:
    """Render parameters at native size.

    Args:
        spec: Shape of the network.
        parameters: Its tensors, by name.
        depth: Bits of a sample, 8 or 16.

    Returns:
        (height, width, channels) pixels.
    """
    return FAMILIES[spec.family].render_native(spec, parameters, depth=depth)


def is_exact(encoded: Encoded) -> bool | None:
    """Tell whether an encoded image decodes to the very pixels that its encoder saw.

    Returns:
        None where the file does not say.

    Raises:
        FormatError: The coded stream is damaged.
    """
    spec, parameters = encoded.spec, encoded.parameters()
    if encoded.pixels_crc is None:
        return None
    pixels = render_native(spec, parameters)
    return checksum(pixels) == encoded.pixels_crc


def _render_coordinates(
    encoded: Encoded, size: Size | None, crop: Crop | None, depth: int, _zoom: str
) -> Samples:
    parameters = encoded.parameters()
    return coordinate.render(encoded.spec, parameters, size=size, crop=crop, depth=depth)


def _render_grid(
    encoded: Encoded, size: Size | None, crop: Crop | None, depth: int, zoom: str
) -> Samples:
    spec = encoded.spec
    level = needed_level(spec, size, crop)
    part = needed_part(spec, size, crop)
    count = None if part is None else grid.needed_wavefronts(spec, level, part)
    pixels = grid.render(spec, encoded.parameters(level, count), level, depth, part)
    has_checksum = level == 0 and part is None
    if has_checksum and encoded.pixels_crc not in (None, checksum(grid.eight_bits(pixels))):
        raise FormatError(WRONG_PIXELS)
    return fitted(spec, pixels, size, crop, zoom)


_COORDINATE = Family(coordinate.render, _render_coordinates)

FAMILIES = {"grid": Family(grid.render, _render_grid), "gated": _COORDINATE, "mlp": _COORDINATE}

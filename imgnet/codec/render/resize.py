"""Resizing of rendered `grid` images.

Native size is exact. Larger images are enlarged by the zoom prior up to four times, and beyond that
by Lanczos-3, which also enlarges alpha. Smaller images are area averages; levels more than twice as
fine as the output need not be decoded.
"""

from __future__ import annotations

from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imgnet.codec.render.cosine import Axis
from imgnet.codec.render.zoom import LARGEST, zoomed
from imgnet.image.alpha import filled, has_alpha
from imgnet.image.geometry import Crop, Size, resolve_size
from imgnet.image.picture import Samples, peak_of
from imgnet.spec import Spec

Area = tuple[float, float, float, float]  # left, top, right, bottom

NEURAL, LANCZOS = ZOOMS = "neural", "lanczos"  # methods of enlargement

_MARGIN = 16  # samples around a crop that its enlargement may depend on, a few more than it does
_LEAST_ALPHA = 1e-3  # of a quantiser level; with less alpha, the colour is undefined


def needed_level(spec: Spec, size: Size | None, crop: Crop | None) -> int:
    """Return the coarsest level that is at least twice as fine as the requested image.

    A level just as fine would lack the contribution of finer levels to its averages. Nor is the
    level coarser than 1 or the finest that the file has: fits may store brightness there alone.
    The level is 0 at native size and above.

    Raises:
        UsageError: The crop is not inside the image, or the size is malformed or too large.

    >>> spec = Spec("grid", 768, 512, 0, 4, 1, num_levels=7, chroma_level=2, dim_context=4)
    >>> needed_level(spec, 192, None), needed_level(spec, 384, None), needed_level(spec, None, None)
    (1, 0, 0)
    """
    crop = crop or Crop(0, 0, spec.width, spec.height)
    crop.check(spec.width, spec.height)
    width, height = resolve_size((crop.width, crop.height), size)
    level = 0
    while level < min(max(1, spec.finest), spec.num_levels - 1) and (
        width << level + 2 <= crop.width and height << level + 2 <= crop.height
    ):
        level += 1
    return level


def needed_part(spec: Spec, size: Size | None, crop: Crop | None) -> Crop | None:
    """Return the part of the image at the size of `needed_level` that `fitted` reads.

    Returns:
        None for all.

    Raises:
        UsageError: As of `needed_level`.

    >>> spec = Spec("grid", 768, 512, 0, 4, 1, num_levels=7, chroma_level=2, dim_context=4)
    >>> needed_part(spec, None, Crop(9, 8, 70, 60)), needed_part(spec, "50%", Crop(9, 8, 70, 60))
    (Crop(x=9, y=8, width=70, height=60), Crop(x=0, y=0, width=95, height=84))
    """
    if crop is None:
        return None
    level = needed_level(spec, size, crop)
    native = resolve_size((crop.width, crop.height), size) == (crop.width, crop.height)
    margin = 0 if native else _MARGIN
    height, width = spec.grid_size(level)
    left, top = max((crop.x >> level) - margin, 0), max((crop.y >> level) - margin, 0)
    right = min((crop.x + crop.width - 1 >> level) + 1 + margin, width)
    bottom = min((crop.y + crop.height - 1 >> level) + 1 + margin, height)
    part = Crop(left, top, right - left, bottom - top)
    return None if part == Crop(0, 0, width, height) else part


def fitted(
    spec: Spec, pixels: Samples, size: Size | None, crop: Crop | None, zoom: str = NEURAL
) -> Samples:
    """Resize and crop an image rendered at the level of `needed_level`.

    Args:
        spec: Shape of the network.
        pixels: (H, W, C) image rendered at that level.
        size: See `geometry.resolve_size`; relative to the crop if there is one.
        crop: Part in native pixels; None for the whole image.
        zoom: Method of enlargement, one of `ZOOMS`; unused if a side shrinks.

    Returns:
        (H, W, C) pixels of the same depth.
    """
    crop = crop or Crop(0, 0, spec.width, spec.height)
    width, height = resolve_size((crop.width, crop.height), size)
    if (width, height) == (crop.width, crop.height):
        return pixels[crop.y : crop.y + crop.height, crop.x : crop.x + crop.width]
    if zoom == NEURAL and width >= crop.width and height >= crop.height:
        return _enlarged(pixels, crop, (width, height))
    # The last samples of a level may extend beyond the edge, so sizes do not give its scale.
    scale = 0.5 ** needed_level(spec, size, crop)
    right, bottom = crop.x + crop.width, crop.y + crop.height
    area = (crop.x * scale, crop.y * scale, right * scale, bottom * scale)
    return _resized(pixels, area, (width, height))


def _enlarged(pixels: Samples, crop: Crop, size: tuple[int, int]) -> Samples:
    """Enlarge a crop by the zoom prior; by Lanczos-3 its alpha and any further enlargement."""
    if has_alpha(pixels.shape[2]):
        return _enlarged_with_alpha(pixels, crop, size)
    x = _axis(crop.x, crop.width, size[0], pixels.shape[1])
    y = _axis(crop.y, crop.height, size[1], pixels.shape[0])
    enlarged = zoomed(pixels, y, x)
    if (x.count, y.count) == size:
        return enlarged
    left, top = (crop.x - x.start) * x.scale, (crop.y - y.start) * y.scale
    area = (left, top, left + crop.width * x.scale, top + crop.height * y.scale)
    return _resized(enlarged, area, size)


def _enlarged_with_alpha(pixels: Samples, crop: Crop, size: tuple[int, int]) -> Samples:
    planes = pixels.astype(np.float32)
    colours = _rounded(filled(planes[..., :-1], planes[..., -1:]), pixels.dtype)
    area = (crop.x, crop.y, crop.x + crop.width, crop.y + crop.height)
    alpha = _rounded(_resize_planes(planes[..., -1:], area, size), pixels.dtype)
    return np.concatenate([_enlarged(colours, crop, size), alpha], axis=2)


def _axis(start: int, length: int, count: int, native: int) -> Axis:
    """Return the output pixels of the zoom prior, with a margin for a further Lanczos-3."""
    if count <= LARGEST * length:
        return Axis(start, length, count)
    first, stop = max(start - 1, 0), min(start + length + 1, native)
    return Axis(first, stop - first, LARGEST * (stop - first))


def _resized(pixels: Samples, area: Area, size: tuple[int, int]) -> Samples:
    """Resize an area to (width, height).

    Colours are weighted by alpha, for the colours of transparent pixels are arbitrary.
    """
    if has_alpha(pixels.shape[2]):
        return _resized_by_alpha(pixels, area, size)
    planes = pixels if pixels.dtype == np.uint8 else pixels.astype(np.float32)
    return _rounded(_resize_planes(planes, area, size), pixels.dtype)


def _resized_by_alpha(pixels: Samples, area: Area, size: tuple[int, int]) -> Samples:
    planes = pixels.astype(np.float32)
    planes[..., :-1] *= planes[..., -1:] / peak_of(pixels.dtype)
    resized = _resize_planes(planes, area, size)
    alpha = np.maximum(resized[..., -1:], _LEAST_ALPHA)
    resized[..., :-1] *= peak_of(pixels.dtype) / alpha
    return _rounded(resized, pixels.dtype)


def _rounded(planes: NDArray[Any], dtype: np.dtype[Any]) -> Samples:
    whole = planes if planes.dtype == dtype else np.rint(planes).clip(0, peak_of(dtype))
    return np.asarray(whole, dtype)


def _resize_planes(planes: NDArray[Any], area: Area, size: tuple[int, int]) -> NDArray[Any]:
    """Resize the axes one after the other: by Lanczos-3 if an axis grows, else by averaging."""
    left, top, right, bottom = area
    across = Image.Resampling.BOX if size[0] < right - left else Image.Resampling.LANCZOS
    down = Image.Resampling.BOX if size[1] < bottom - top else Image.Resampling.LANCZOS
    channels = [
        Image.fromarray(np.ascontiguousarray(planes[..., i]))
        .resize((size[0], planes.shape[0]), across, (left, 0, right, planes.shape[0]))
        .resize(size, down, (0, top, size[0], bottom))
        for i in range(planes.shape[2])
    ]
    return np.stack([np.asarray(channel) for channel in channels], axis=-1)


def checksum(pixels: Samples) -> int:
    """Return the CRC-32 of pixels in row order.

    >>> checksum(np.zeros((1, 1, 1), np.uint8)) == crc32(bytes(1))
    True
    """
    return crc32(np.ascontiguousarray(pixels).tobytes())

"""Advice on smaller files of the same picture: the one that came in, or an exact PNG."""

from __future__ import annotations

import os
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from imgnet.image.formats import encode_image, find_format, to_image
from imgnet.image.picture import NO_METADATA, Metadata, Samples
from imgnet.image.repair.png import png_chunks

_PNG = find_format("", "png")
_MOST_COLOURS = 256  # of a palette
_NUM_STRIPS, _STRIP_ROWS = 4, 32  # of the sample that tells whether a whole PNG is worth its time
_MARGIN = 2  # of the estimate


def advise(pixels: Samples, metadata: Metadata, num_bytes: int, image: Path | BinaryIO) -> str:
    """Return a sentence on smaller files of a picture, or "".

    Args:
        pixels: (H, W, C) samples of the picture.
        metadata: Metadata that its file holds.
        num_bytes: Size of that file.
        image: The file that came in.
    """
    size, parts = _size_of(image), []
    if 0 < size <= num_bytes:
        parts.append(f"the .inr file is not smaller than the image ({size:,} bytes)")
    if (
        png_may_have(num_bytes, pixels)
        and (size := len(smallest_png(pixels, metadata))) < num_bytes
    ):
        parts.append(f"as PNG this picture has {size:,} bytes and is exact")
    return "; ".join(parts)


def png_may_have(num_bytes: int, pixels: Samples) -> bool:
    """Tell whether a PNG of a picture may be this small, by some of its rows.

    >>> png_may_have(10, np.zeros((600, 800, 3), np.uint8))
    False
    """
    height = len(pixels)
    tops = np.linspace(0, height - _STRIP_ROWS, _NUM_STRIPS).astype(int)
    if height <= _NUM_STRIPS * _STRIP_ROWS:
        return True
    sample = np.concatenate([pixels[top : top + _STRIP_ROWS] for top in tops])
    num_sampled = min(
        sum(end - start for name, start, end in png_chunks(png) if name == b"IDAT")
        for png in _pngs(sample, NO_METADATA)
    )
    return num_sampled * height / len(sample) < _MARGIN * num_bytes


def smallest_png(pixels: Samples, metadata: Metadata) -> bytes:
    """Return a PNG of a picture, with a palette where that is smaller.

    >>> len(smallest_png(np.zeros((60, 80, 3), np.uint8), NO_METADATA))
    87
    """
    return min(_pngs(pixels, metadata), key=len)


def _pngs(pixels: Samples, metadata: Metadata) -> Iterator[bytes]:
    if pixels.dtype == np.uint16:
        yield encode_image(pixels, _PNG, metadata, "")
        return
    image = to_image(pixels)
    for form in (image, *_with_palette(image)):
        form.save(file := BytesIO(), "PNG", optimize=True, **_PNG.for_metadata(metadata))
        yield file.getvalue()


def _with_palette(image: Image.Image) -> Iterator[Image.Image]:
    """Yield the same picture with a palette, if it has few colours."""
    if image.getcolors(_MOST_COLOURS) is None:
        return
    colours = np.asarray(image.convert("RGBA")).view(np.uint32)[..., 0]
    palette = np.unique(colours)
    indices = np.searchsorted(palette, colours).astype(np.uint8)
    indexed = Image.frombytes("P", image.size, indices.tobytes())
    indexed.putpalette(palette.tobytes(), "RGBA" if "A" in image.mode else "RGBX")
    yield indexed


def _size_of(image: Path | BinaryIO) -> int:
    """Return the size of a file, or 0 where it has none, as a pipe."""
    try:
        return image.stat().st_size if isinstance(image, Path) else image.seek(0, os.SEEK_END)
    except OSError:
        return 0

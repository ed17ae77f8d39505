"""Orientation of images by their EXIF."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray
from PIL import Image
from PIL.ExifTags import Base

from imgnet.image.picture import Samples

# By EXIF orientation. `ImageOps.exif_transpose` also fails on oddities in other fields.
_TURNS: dict[int, Callable[[NDArray[Any]], NDArray[Any]]] = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a.swapaxes(0, 1)[:, ::-1],
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: a.swapaxes(0, 1)[::-1],
}


def upright(samples: Samples, image: Image.Image) -> Samples:
    """Turn samples (H, W, C) upright, as the EXIF of their image tells."""
    try:
        turn = _TURNS.get(image.getexif().get(Base.Orientation, 1))
    except Exception:  # unreadable EXIF has no orientation
        return samples
    return samples if turn is None else turn(samples)

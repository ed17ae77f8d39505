"""Image sizes and crops, as users write them, and the limit on the number of pixels."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from imgnet.errors import UsageError

MAX_SIDE = 1 << 16
MAX_PIXELS = 1 << 28
LIMIT = "IMGNET_MAX_PIXELS"  # environment variable that lowers MAX_PIXELS

Size = str | int | tuple[int, int]


def max_pixels() -> int:
    """Return the largest number of pixels of an image: MAX_PIXELS, or less if the user says so.

    Raises:
        UsageError: The environment variable is not a whole number.

    >>> max_pixels() <= MAX_PIXELS
    True
    """
    text = os.environ.get(LIMIT, "") or str(MAX_PIXELS)
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise UsageError(f"{LIMIT}={text!r} is not a whole number of pixels")
    return min(int(text), MAX_PIXELS)


def resolve_size(native: tuple[int, int], size: Size | None) -> tuple[int, int]:
    """Convert a requested size to (width, height) in pixels.

    Args:
        native: Width and height of the image, or of the crop to render.
        size: "1024" or 1024 (long side, aspect ratio kept), "800x600" or (800, 600), "800x600>"
            (within that box, aspect ratio kept, never enlarged), "50%", or None for the native
            size.

    Raises:
        UsageError: The size has none of these forms, or the result is empty or too large.

    >>> resolve_size((768, 512), "1024"), resolve_size((768, 512), "50%")
    ((1024, 683), (384, 256))
    >>> resolve_size((768, 512), "300x300>"), resolve_size((768, 512), "900x900>")
    ((300, 200), (768, 512))
    """
    width, height = _requested(native, size)
    most = max_pixels()
    if min(width, height) < 1 or max(width, height) > MAX_SIDE or width * height > most:
        raise UsageError(
            f"size {size} asks for {width}x{height} pixels; "
            f"sides go from 1 to {MAX_SIDE}, at most {most} pixels in all"
        )
    return width, height


def _requested(native: tuple[int, int], size: Size | None) -> tuple[int, int]:
    if size is None:
        return native
    if isinstance(size, tuple):
        return size
    text = str(size).strip()
    if match := re.fullmatch(r"(\d{1,9})", text):
        return _scaled(native, int(match[1]) / max(native))
    if match := re.fullmatch(r"(\d{1,9})x(\d{1,9})", text):
        return int(match[1]), int(match[2])
    if match := re.fullmatch(r"(\d{1,9})x(\d{1,9})>", text):
        return _scaled(native, min(1, int(match[1]) / native[0], int(match[2]) / native[1]))
    if match := re.fullmatch(r"(\d{1,6}(?:\.\d{1,6})?)%", text):
        return _scaled(native, float(match[1]) / 100)
    raise UsageError(f"size {size!r} is not of the form 1024 (long side), 800x600 or 50%")


def _scaled(native: tuple[int, int], scale: float) -> tuple[int, int]:
    if scale == 0:
        return 0, 0
    return max(1, round(native[0] * scale)), max(1, round(native[1] * scale))


@dataclass(frozen=True)
class Crop:
    """A rectangle in native pixels: its top left corner and its size."""

    x: int
    y: int
    width: int
    height: int

    @classmethod
    def parse(cls, text: str) -> Crop:
        """Read "X,Y,W,H".

        Raises:
            UsageError: The text is not four whole numbers.

        >>> Crop.parse("10,20,300,200")
        Crop(x=10, y=20, width=300, height=200)
        """
        numbers = text.split(",")
        if len(numbers) != 4 or not all(re.fullmatch(r" *\d{1,9} *", n) for n in numbers):
            raise UsageError(f"crop {text!r} is not of the form X,Y,W,H in native pixels")
        return cls(*map(int, numbers))

    def check(self, width: int, height: int) -> None:
        """Refuse a crop that does not fit into an image of a size.

        Raises:
            UsageError: The crop is empty or extends beyond the image.
        """
        inside = self.x + self.width <= width and self.y + self.height <= height
        if not inside or min(self.width, self.height) < 1:
            wanted = f"{self.x},{self.y},{self.width},{self.height}"
            raise UsageError(f"crop {wanted} is not inside the picture of {width}x{height} pixels")

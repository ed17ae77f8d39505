"""Truncated images: reading what is there of them, and the rows that are missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

from numpy.typing import NDArray
from PIL import ImageFile

GREY = 128  # of the pixels that a JPEG lacks; those of other formats are 0
_lock = Lock()


@contextmanager
def reading_truncated() -> Iterator[None]:
    """Let Pillow read truncated files inside a `with` block."""
    with _lock:  # the switch holds for all threads
        before = ImageFile.LOAD_TRUNCATED_IMAGES
        ImageFile.LOAD_TRUNCATED_IMAGES = True
        try:
            yield
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = before


def missing_rows(samples: NDArray[Any]) -> int:
    """Count the rows at the bottom, or at the top, that a decoder left empty: all grey or all 0.

    Args:
        samples: (H, W) or (H, W, C) as decoded, not turned upright.

    >>> import numpy as np
    >>> missing_rows(np.array([[7, 9], [128, 9], [128, 128], [128, 128]]))
    2
    """
    flat = samples.reshape(len(samples), -1)
    return max(_empty_rows(flat[::-1]), _empty_rows(flat))  # a BMP begins with the bottom


def _empty_rows(rows: NDArray[Any]) -> int:
    value = rows[0, 0]
    if value not in (0, GREY):
        return 0
    is_filled = (rows != value).any(axis=1)
    return int(is_filled.argmax()) if is_filled.any() else len(rows)


def truncation_note(num_missing: int, height: int) -> str:
    """Return a sentence on a truncated image.

    >>> truncation_note(155, 300)
    'is cut short: 155 of its 300 rows are missing'
    """
    if num_missing:
        return f"is cut short: {num_missing:,} of its {height:,} rows are missing"
    return "is damaged or cut short; no row is missing, but detail may be"

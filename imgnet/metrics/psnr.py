"""PSNR and bits per pixel."""

from __future__ import annotations

from math import inf, log10

import numpy as np

from imgnet.arrays import BoolArray
from imgnet.image.picture import Samples, peak_of


def psnr_db(a: Samples, b: Samples, mask: BoolArray | None = None) -> float:
    """Return the peak signal-to-noise ratio over all channels together.

    Args:
        a: (H, W, C) pixels, 0..255 or 0..65535.
        b: Pixels of the same shape and range.
        mask: (H, W) or (H, W, C), true for the pixels or samples that count; None for all.

    Returns:
        `10 log10(peak**2 / MSE)` in dB, peak being 255 or 65535; inf if all of them are equal.

    Raises:
        ValueError: The shapes or ranges differ, or there are no samples to compare.

    >>> black, grey = np.zeros((2, 2, 3), np.uint8), np.full((2, 2, 3), 16, np.uint8)
    >>> round(psnr_db(black, grey), 2), psnr_db(black, black)
    (24.05, inf)
    """
    if a.shape != b.shape or a.dtype != b.dtype:
        shapes = f"{a.shape} {a.dtype} and {b.shape} {b.dtype}"
        raise ValueError(f"cannot compare pixels of shapes {shapes}")
    if mask is not None:
        a, b = a[mask], b[mask]
    if a.size == 0:
        raise ValueError("no pixels to compare")
    wide = np.int32 if a.dtype == np.uint8 else np.int64
    mse = float(np.mean(np.square(a.astype(wide) - b.astype(wide)), dtype=np.float64))
    return 10 * log10(peak_of(a.dtype) ** 2 / mse) if mse else inf


def bpp(num_bytes: int, width: int, height: int) -> float:
    """Return bits per pixel.

    >>> bpp(49152, 768, 512)
    1.0
    """
    return 8 * num_bytes / (width * height)

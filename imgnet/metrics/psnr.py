"""PSNR and bits per pixel."""

from __future__ import annotations

from math import inf, log10

import numpy as np
from numpy.typing import NDArray

from imgnet.image.picture import Samples


def psnr_db(a: Samples, b: Samples, where: NDArray[np.bool_] | None = None) -> float:
    """Return the peak signal-to-noise ratio over all channels together.

    Args:
        a: (H, W, C) pixels, 0..255 or 0..65535.
        b: Pixels of the same shape and range.
        where: (H, W) or (H, W, C); only its true pixels or samples count.

    Returns:
        `10 log10(peak**2 / MSE)` in dB, peak being 255 or 65535; inf when all pixels are equal.

    Raises:
        ValueError: The shapes or ranges differ, or `where` selects nothing.

    >>> black, grey = np.zeros((2, 2, 3), np.uint8), np.full((2, 2, 3), 16, np.uint8)
    >>> round(psnr_db(black, grey), 2), psnr_db(black, black)
    (24.05, inf)
    """
    if a.shape != b.shape or a.dtype != b.dtype:
        shapes = f"{a.shape} {a.dtype} and {b.shape} {b.dtype}"
        raise ValueError(f"cannot compare pixels of shapes {shapes}")
    if where is not None:
        a, b = a[where], b[where]
    if a.size == 0:
        raise ValueError("no pixels to compare")
    wide = np.int32 if a.dtype == np.uint8 else np.int64
    mse = float(np.mean(np.square(a.astype(wide) - b.astype(wide)), dtype=np.float64))
    return 10 * log10(int(np.iinfo(a.dtype).max) ** 2 / mse) if mse else inf


def bpp(num_bytes: int, width: int, height: int) -> float:
    """Return bits per pixel.

    >>> bpp(49152, 768, 512)
    1.0
    """
    return 8 * num_bytes / (width * height)

"""SSIM and MS-SSIM."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from imgnet.arrays import Float64Array
from imgnet.image.blocks import block_sums
from imgnet.image.picture import Samples, peak_of

WINDOW = 11  # side in samples
SIGMA = 1.5
# Exponents of the scales of MS-SSIM, the finest first.
SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
# Smallest side whose coarsest scale, halved four times and rounded up, still holds a window.
LEAST_SIDE = ((WINDOW - 1) << (len(SCALES) - 1)) + 1

_K1, K2 = 0.01, 0.03
_ROWS = 128  # rows of windows at a time, to bound the memory


def _gaussian() -> Float64Array:
    offsets = np.arange(WINDOW) - WINDOW // 2
    bell = np.exp(-np.square(offsets) / (2 * SIGMA**2))
    return np.asarray(bell / bell.sum())


_KERNEL = _gaussian()


def ssim(a: Samples, b: Samples) -> float | None:
    """Return the structural similarity, averaged over the channels.

    Source: Z. Wang, A. C. Bovik, H. R. Sheikh and E. P. Simoncelli, "Image quality assessment: from
    error visibility to structural similarity", IEEE Trans. Image Processing 13(4), 2004, sections
    III.B and III.C: Gaussian windows of 11x11 samples with a deviation of 1.5, K1 = 0.01,
    K2 = 0.03. Only windows inside the image count.

    Args:
        a: (H, W, C) unsigned pixels; the largest value of their type is full brightness.
        b: Pixels of the same shape and type.

    Returns:
        At most 1, for equal images; None if a side is shorter than a window.

    Raises:
        ValueError: The shapes or types differ.

    >>> black = np.zeros((16, 16, 1), np.uint8)
    >>> ssim(black, black), round(ssim(black, black + 10), 4)
    (1.0, 0.0611)
    """
    _check(a, b)
    if min(a.shape[:2]) < WINDOW:
        return None
    return float(np.mean([_means(x, y, peak_of(a.dtype))[0] for x, y in _channels(a, b)]))


def ms_ssim(a: Samples, b: Samples) -> float | None:
    """Return the multi-scale structural similarity, averaged over the channels.

    Source: Z. Wang, E. P. Simoncelli and A. C. Bovik, "Multi-scale structural similarity for image
    quality assessment", Asilomar Conference on Signals, Systems and Computers, 2003: five scales,
    each the means of 2x2 samples of the one before. The last row or column of an odd side is
    repeated. A negative similarity of a scale counts as 0.

    Args:
        a: (H, W, C) unsigned pixels; the largest value of their type is full brightness.
        b: Pixels of the same shape and type.

    Returns:
        0..1; None if a side is shorter than `LEAST_SIDE` pixels.

    Raises:
        ValueError: The shapes or types differ.

    >>> slope = np.repeat(np.arange(176, dtype=np.uint8)[:, None], 176, axis=1)[..., None]
    >>> ms_ssim(slope, slope), round(ms_ssim(slope, slope + 10), 4)
    (1.0, 0.9992)
    """
    _check(a, b)
    if min(a.shape[:2]) < LEAST_SIDE:
        return None
    return float(np.mean([_ms_ssim(x, y, peak_of(a.dtype)) for x, y in _channels(a, b)]))


def _check(a: Samples, b: Samples) -> None:
    if a.shape != b.shape or a.dtype != b.dtype:
        raise ValueError(
            f"cannot compare {a.dtype} pixels of shape {a.shape} and {b.dtype} of {b.shape}"
        )


def _channels(a: Samples, b: Samples) -> Iterator[tuple[Float64Array, Float64Array]]:
    for channel in range(a.shape[2]):
        yield a[..., channel].astype(np.float64), b[..., channel].astype(np.float64)


def _ms_ssim(x: Float64Array, y: Float64Array, peak: int) -> float:
    product = 1.0
    for scale, exponent in enumerate(SCALES):
        if scale:
            x, y = halved(x), halved(y)
        whole, structure = _means(x, y, peak)
        last = scale == len(SCALES) - 1
        product *= max(whole if last else structure, 0.0) ** exponent
    return float(product)


def halved(x: Float64Array) -> Float64Array:
    """Average blocks of 2x2 samples: (H, W) -> (ceil(H / 2), ceil(W / 2))."""
    return block_sums(x, "edge") / 4


def _means(x: Float64Array, y: Float64Array, peak: int) -> tuple[float, float]:
    """Average SSIM, and SSIM without its luminance term, over all windows of a channel."""
    height = x.shape[0] - WINDOW + 1
    sums = np.zeros(2)
    for top in range(0, height, _ROWS):
        rows = slice(top, min(top + _ROWS, height) + WINDOW - 1)
        sums += [part.sum() for part in _maps(x[rows], y[rows], peak)]
    whole, structure = sums / (height * (x.shape[1] - WINDOW + 1))
    return float(whole), float(structure)


def _maps(x: Float64Array, y: Float64Array, peak: int) -> tuple[Float64Array, Float64Array]:
    """Return SSIM, and SSIM without its luminance term, of every window: (H - 10, W - 10)."""
    c1, c2 = (_K1 * peak) ** 2, (K2 * peak) ** 2
    mean_x, mean_y, mean_xx, mean_yy, mean_xy = map(blurred, (x, y, x * x, y * y, x * y))
    products = mean_x * mean_y
    squares = mean_x * mean_x + mean_y * mean_y
    structure = (2 * (mean_xy - products) + c2) / (mean_xx + mean_yy - squares + c2)
    return structure * (2 * products + c1) / (squares + c1), structure


def blurred(x: Float64Array) -> Float64Array:
    """Return the Gaussian mean of every window inside an image: (H, W) -> (H - 10, W - 10)."""
    height, width = (side - WINDOW + 1 for side in x.shape)
    x = np.asarray(sum(tap * x[i : i + height] for i, tap in enumerate(_KERNEL)))
    return np.asarray(sum(tap * x[:, i : i + width] for i, tap in enumerate(_KERNEL)))

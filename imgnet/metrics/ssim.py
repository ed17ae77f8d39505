"""How alike two pictures look: SSIM and MS-SSIM."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from imgnet.image.picture import Samples

Floats = NDArray[np.float64]

WINDOW = 11  # samples a side
SIGMA = 1.5
# How much each scale of MS-SSIM counts, from the finest on.
SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
# A side whose coarsest scale, halved and rounded up again and again, still holds one window.
LEAST_SIDE = ((WINDOW - 1) << (len(SCALES) - 1)) + 1

_K1, K2 = 0.01, 0.03
_ROWS = 128  # of windows that are worked on at a time, so that memory stays small


def _gaussian() -> Floats:
    offsets = np.arange(WINDOW) - WINDOW // 2
    bell = np.exp(-np.square(offsets) / (2 * SIGMA**2))
    return np.asarray(bell / bell.sum())


_KERNEL = _gaussian()


def ssim(a: Samples, b: Samples) -> float | None:
    """Return the structural similarity, the mean of that of the channels.

    Source: Z. Wang, A. C. Bovik, H. R. Sheikh and E. P. Simoncelli, "Image quality assessment: from
    error visibility to structural similarity", IEEE Trans. Image Processing 13(4), 2004, sections
    III.B and III.C: Gaussian windows of 11x11 samples with a deviation of 1.5, K1 = 0.01,
    K2 = 0.03. Only windows that lie inside the picture count.

    Args:
        a: (H, W, C) pixels, unsigned; the largest value of their type is full brightness.
        b: Samples of the same shape and type.

    Returns:
        At most 1, which only equal pictures reach; None where no window fits.

    Raises:
        ValueError: The shapes or types differ.

    >>> black = np.zeros((16, 16, 1), np.uint8)
    >>> ssim(black, black), round(ssim(black, black + 10), 4)
    (1.0, 0.0611)
    """
    _check(a, b)
    if min(a.shape[:2]) < WINDOW:
        return None
    return float(np.mean([_means(x, y, _peak(a))[0] for x, y in _channels(a, b)]))


def ms_ssim(a: Samples, b: Samples) -> float | None:
    """Return the multi-scale structural similarity, the mean of that of the channels.

    Source: Z. Wang, E. P. Simoncelli and A. C. Bovik, "Multi-scale structural similarity for image
    quality assessment", Asilomar Conference on Signals, Systems and Computers, 2003: five scales,
    each half as fine as the one before, where squares of 2x2 samples are averaged. The last row or
    column of an odd side is repeated. A scale that is less than not alike counts as 0.

    Args:
        a: As for `ssim`.
        b: As for `ssim`.

    Returns:
        0..1; None where a side has fewer than `LEAST_SIDE` pixels.

    Raises:
        ValueError: The shapes or types differ.

    >>> slope = np.repeat(np.arange(176, dtype=np.uint8)[:, None], 176, axis=1)[..., None]
    >>> ms_ssim(slope, slope), round(ms_ssim(slope, slope + 10), 4)
    (1.0, 0.9992)
    """
    _check(a, b)
    if min(a.shape[:2]) < LEAST_SIDE:
        return None
    return float(np.mean([_ms_ssim(x, y, _peak(a)) for x, y in _channels(a, b)]))


def _check(a: Samples, b: Samples) -> None:
    if a.shape != b.shape or a.dtype != b.dtype:
        raise ValueError(
            f"cannot compare {a.dtype} pixels of shape {a.shape} and {b.dtype} of {b.shape}"
        )


def _peak(pixels: Samples) -> int:
    return int(np.iinfo(pixels.dtype).max)


def _channels(a: Samples, b: Samples) -> Iterator[tuple[Floats, Floats]]:
    for channel in range(a.shape[2]):
        yield a[..., channel].astype(np.float64), b[..., channel].astype(np.float64)


def _ms_ssim(x: Floats, y: Floats, peak: int) -> float:
    product = 1.0
    for scale, exponent in enumerate(SCALES):
        if scale:
            x, y = halved(x), halved(y)
        whole, structure = _means(x, y, peak)
        last = scale == len(SCALES) - 1
        product *= max(whole if last else structure, 0.0) ** exponent
    return float(product)


def halved(x: Floats) -> Floats:
    """Average squares of 2x2 samples: (H, W) -> (ceil(H / 2), ceil(W / 2))."""
    height, width = x.shape
    x = np.pad(x, ((0, height % 2), (0, width % 2)), mode="edge")
    return np.asarray(x[::2, ::2] + x[1::2, ::2] + x[::2, 1::2] + x[1::2, 1::2]) / 4


def _means(x: Floats, y: Floats, peak: int) -> tuple[float, float]:
    """Average over all windows of one channel: SSIM, and its part without the luminance."""
    height = x.shape[0] - WINDOW + 1
    sums = np.zeros(2)
    for top in range(0, height, _ROWS):
        rows = slice(top, min(top + _ROWS, height) + WINDOW - 1)
        sums += [part.sum() for part in _maps(x[rows], y[rows], peak)]
    whole, structure = sums / (height * (x.shape[1] - WINDOW + 1))
    return float(whole), float(structure)


def _maps(x: Floats, y: Floats, peak: int) -> tuple[Floats, Floats]:
    """Return SSIM, and its part without the luminance, of every window: (H - 10, W - 10)."""
    c1, c2 = (_K1 * peak) ** 2, (K2 * peak) ** 2
    mean_x, mean_y, mean_xx, mean_yy, mean_xy = map(blurred, (x, y, x * x, y * y, x * y))
    products = mean_x * mean_y
    squares = mean_x * mean_x + mean_y * mean_y
    structure = (2 * (mean_xy - products) + c2) / (mean_xx + mean_yy - squares + c2)
    return structure * (2 * products + c1) / (squares + c1), structure


def blurred(x: Floats) -> Floats:
    """Weigh the samples of every window by the Gaussian: (H, W) -> (H - 10, W - 10)."""
    height, width = (side - WINDOW + 1 for side in x.shape)
    x = np.asarray(sum(tap * x[i : i + height] for i, tap in enumerate(_KERNEL)))
    return np.asarray(sum(tap * x[:, i : i + width] for i, tap in enumerate(_KERNEL)))

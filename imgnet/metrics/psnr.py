"""PSNR, bits per pixel and BD rate."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, log10

import numpy as np
from numpy.typing import ArrayLike

from imgnet.arrays import BoolArray, Float64Array
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


def bd_rate(
    bpp_anchor: Sequence[float],
    psnr_anchor: Sequence[float],
    bpp_test: Sequence[float],
    psnr_test: Sequence[float],
) -> float:
    """Return the Bjontegaard delta rate: the average rate difference at equal PSNR.

    The logarithm of the rate is interpolated over PSNR by monotone cubics (PCHIP). The difference
    is averaged over the range of PSNR that both curves cover.

    Source: G. Bjontegaard, "Calculation of average PSNR differences between RD-curves",
    VCEG-M33, 2001; the interpolation is that of F. N. Fritsch and J. Butland, "A method for
    constructing local monotone piecewise cubic interpolants", SIAM J. Sci. Stat. Comput. 5, 1984.

    Args:
        bpp_anchor: Rates of the reference codec, in any unit.
        psnr_anchor: Its PSNR at each rate, in dB.
        bpp_test: Rates of the codec under test, in the same unit.
        psnr_test: Its PSNR at each rate, in dB.

    Returns:
        Percent of the reference rate; negative if the test codec is better.

    Raises:
        ValueError: A curve has fewer than two points or repeats a PSNR, or the curves share no
            range of PSNR.

    >>> round(bd_rate([1, 2, 4], [30, 33, 36], [0.9, 1.8, 3.6], [30, 33, 36]), 3)
    -10.0
    """
    anchor, test = _curve(bpp_anchor, psnr_anchor), _curve(bpp_test, psnr_test)
    low, high = max(anchor[0][0], test[0][0]), min(anchor[0][-1], test[0][-1])
    if low >= high:
        raise ValueError("the curves share no range of PSNR")
    difference = (_integral(*test, low, high) - _integral(*anchor, low, high)) / (high - low)
    return float(100 * np.expm1(difference))


def _curve(rates: ArrayLike, psnrs: ArrayLike) -> tuple[Float64Array, Float64Array]:
    """Return the PSNR in ascending order and the logarithms of the rates."""
    x, y = np.asarray(psnrs, np.float64), np.log(np.asarray(rates, np.float64))
    order = np.argsort(x)
    x, y = x[order], y[order]
    if len(x) < 2 or np.any(np.diff(x) <= 0):
        raise ValueError("a rate curve needs two points or more, each of another PSNR")
    return x, y


def _integral(x: Float64Array, y: Float64Array, low: float, high: float) -> float:
    """Integrate the interpolant; Simpson's rule is exact on each cubic."""
    inner = x[(x > low) & (x < high)]
    edges = np.concatenate([[low], inner, [high]])
    middles = (edges[:-1] + edges[1:]) / 2
    slopes = _slopes(x, y)
    ends, centres = _interpolate(x, y, slopes, edges), _interpolate(x, y, slopes, middles)
    return float(np.sum(np.diff(edges) * (ends[:-1] + 4 * centres + ends[1:]) / 6))


def _interpolate(
    x: Float64Array, y: Float64Array, slopes: Float64Array, at: Float64Array
) -> Float64Array:
    """Evaluate the cubic Hermite interpolant with the given slopes at the knots."""
    i = np.clip(np.searchsorted(x, at, side="right") - 1, 0, len(x) - 2)
    step = x[i + 1] - x[i]
    t = (at - x[i]) / step
    s = 1 - t
    return np.asarray(
        s * s * (1 + 2 * t) * y[i]
        + t * t * (1 + 2 * s) * y[i + 1]
        + s * t * step * (s * slopes[i] - t * slopes[i + 1])
    )


def _slopes(x: Float64Array, y: Float64Array) -> Float64Array:
    """Return the slope at each knot such that the interpolant is monotone wherever the data are."""
    step, chord = np.diff(x), np.diff(y) / np.diff(x)
    if len(x) == 2:
        return np.repeat(chord, 2)
    before, after = 2 * step[1:] + step[:-1], step[1:] + 2 * step[:-1]
    monotone = chord[:-1] * chord[1:] > 0
    safe = np.where(monotone, chord[:-1], 1), np.where(monotone, chord[1:], 1)
    inner = (before + after) / (before / safe[0] + after / safe[1])  # weighted harmonic mean
    first = _end_slope(step[0], step[1], chord[0], chord[1])
    last = _end_slope(step[-1], step[-2], chord[-1], chord[-2])
    return np.concatenate([[first], np.where(monotone, inner, 0), [last]])


def _end_slope(step: float, next_step: float, chord: float, next_chord: float) -> float:
    """Return the slope at an end: a parabola through three points, limited to stay monotone."""
    slope = ((2 * step + next_step) * chord - step * next_chord) / (step + next_step)
    if slope * chord <= 0:
        return 0.0
    if chord * next_chord <= 0 and abs(slope) > 3 * abs(chord):
        return 3 * chord
    return slope

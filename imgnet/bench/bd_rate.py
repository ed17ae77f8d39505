"""BD-rate: the mean rate difference of two codecs at equal PSNR."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from imgnet.errors import UsageError


def check() -> None:
    """Make sure that BD-rates can be computed.

    Raises:
        UsageError: SciPy is not installed.
    """
    _interpolator()


def bd_rate(
    bpp_anchor: Sequence[float],
    psnr_anchor: Sequence[float],
    bpp_test: Sequence[float],
    psnr_test: Sequence[float],
) -> float:
    """Return how many percent more bits the test codec needs at equal PSNR, on average.

    The logarithm of the rate is interpolated over PSNR by monotone cubics (PCHIP) and averaged
    over the PSNR range that both curves cover.

    Source: G. Bjontegaard, "Calculation of average PSNR differences between RD-curves",
    VCEG-M33, 2001.

    Args:
        bpp_anchor: Rates of the reference codec, in any unit.
        psnr_anchor: Its PSNR at each rate, in dB.
        bpp_test: Rates of the codec under test, in the same unit.
        psnr_test: Its PSNR at each rate, in dB.

    Returns:
        Percent; negative when the test codec is better.

    Raises:
        ValueError: A curve has fewer than two points or repeats a PSNR, or the curves share no
            PSNR range.
        UsageError: SciPy is not installed.

    >>> round(bd_rate([1, 2, 4], [30, 33, 36], [0.9, 1.8, 3.6], [30, 33, 36]), 3)
    -10.0
    """
    anchor, test = _log_rate(bpp_anchor, psnr_anchor), _log_rate(bpp_test, psnr_test)
    low, high = max(anchor.x[0], test.x[0]), min(anchor.x[-1], test.x[-1])
    if low >= high:
        raise ValueError("the curves share no range of PSNR")
    difference = (test.integrate(low, high) - anchor.integrate(low, high)) / (high - low)
    return float(100 * np.expm1(difference))


def rate_at(psnr_db: float, bpp: Sequence[float], psnr: Sequence[float]) -> float:
    """Return the rate of a codec at a PSNR, interpolated as for a BD-rate.

    Args:
        psnr_db: PSNR in dB.
        bpp: Rates of the codec, in any unit.
        psnr: Its PSNR at each rate, in dB.

    Raises:
        ValueError: The curve has fewer than two points or repeats a PSNR, or the PSNR is outside
            its range.
        UsageError: SciPy is not installed.

    >>> round(rate_at(31.5, [1, 2, 4], [30, 33, 36]), 3)
    1.414
    """
    curve = _log_rate(bpp, psnr)
    if not curve.x[0] <= psnr_db <= curve.x[-1]:
        raise ValueError("the PSNR is outside the range of the curve")
    return float(np.exp(curve(psnr_db)))


def _log_rate(rates: ArrayLike, psnrs: ArrayLike) -> Any:
    """Interpolate the logarithm of the rate over PSNR."""
    x, y = np.asarray(psnrs, np.float64), np.log(np.asarray(rates, np.float64))
    order = np.argsort(x)
    if len(x) < 2 or np.any(np.diff(x[order]) <= 0):
        raise ValueError("a rate curve needs two points or more, each of another PSNR")
    return _interpolator()(x[order], y[order])


def _interpolator() -> Any:
    try:
        from scipy.interpolate import PchipInterpolator
    except ImportError:
        raise UsageError(
            'a comparison with other codecs needs scipy: pip install "imgnet[bench]"'
        ) from None
    return PchipInterpolator

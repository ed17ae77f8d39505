"""Rate control: the lmbdas of fits of `grid` that lead to a target size or a target PSNR."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import log2

from imgnet.request.secant import Secant

# Excess over the target as a function of lmbda: of fits from their start, and of corrections, which
# leave most latents as they are.
FITS = Secant(usual=-1.5, least=-3.6, most=-0.5, reach=3.0)
CORRECTIONS = Secant(usual=-1.5, least=-3.6, most=-0.5, reach=0.83)
EDGE = 0.15  # part of the octaves between two fits within which no further fit is tried

# The finest latents pay no more below the least lmbda, at which most files are exact.
LEAST_LMBDA, HIGHEST_LMBDA = 2e-7, 0.5

Tried = Sequence[tuple[float, float]]  # lmbdas, each with the excess over the target in dB


def within_limits(lmbda: float) -> float:
    """Return the nearest lmbda in `LEAST_LMBDA`..`HIGHEST_LMBDA`.

    >>> within_limits(0.001), within_limits(0.0)
    (0.001, 2e-07)
    """
    return min(max(lmbda, LEAST_LMBDA), HIGHEST_LMBDA)


def next_lmbda(tried: Tried) -> float:
    """Return the lmbda of the next fit, from those of the fits before it.

    Between neighbours of which one exceeds the target and one does not, lmbda is interpolated; of
    several such pairs, the one nearest to the target is taken. Otherwise the search goes on beyond
    the lmbda that is furthest in the direction of the target.

    Args:
        tried: One or more lmbdas, each with the excess over the target in dB.

    >>> next_lmbda([(0.001, 3.0)])
    0.004
    >>> round(next_lmbda([(0.001, 3.0), (0.004, -1.0)]), 5)
    0.00283
    """
    ordered = sorted(tried)
    pairs = [(a, b) for a, b in pairwise(ordered) if (a[1] > 0) != (b[1] > 0)]
    if not pairs:
        return within_limits(FITS.solve(0.0, ordered if ordered[0][1] > 0 else ordered[::-1]))
    first, second = min(pairs, key=lambda pair: abs(pair[0][1]) + abs(pair[1][1]))
    part = first[1] / (first[1] - second[1])
    octaves = log2(second[0] / first[0]) * min(max(part, EDGE), 1 - EDGE)
    return within_limits(first[0] * 2**octaves)


def corrected_lmbda(tried: Tried) -> float:
    """Return the lmbda of the next correction of a fit, from those before it.

    Args:
        tried: One or more lmbdas of the fit, each with the excess over the target in dB.

    >>> corrected_lmbda([(0.001, 0.15)]) > 0.001
    True
    """
    return within_limits(CORRECTIONS.solve(0.0, tried))

"""Distributions of the quantised weights of `grid`.

Fits change some weights by much and leave many where a prior had them: more are 0 than a logistic
distribution expects that is wide enough for the others. So a distribution has a scale and, in
tensors of many numbers, an excess of zeros: eighths of the slots of all other numbers that 0 has
instead.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import accumulate, pairwise
from math import inf
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from imgnet.codec.entropy.distributions import support, zero_mean
from imgnet.codec.entropy.rans import TOTAL_BITS

NUM_SCALES = 16
EXCESS_BITS = 3
MANY = 64  # numbers of a tensor, above which its distribution has an excess

_EXCESSES = 1 << EXCESS_BITS
_INDEX_STEP = 4  # from the zero-mean distribution of a scale to that of the next
_UNREACHABLE_BITS = 1e9  # bits of a number that a distribution does not reach


class WeightDistribution(NamedTuple):
    """The distribution of a tensor.

    Attributes:
        scale: 0..15, a quarter of the index of a zero-mean distribution.
        excess: 0..7 eighths.
    """

    scale: int
    excess: int = 0

    @property
    def support(self) -> int:
        """The largest number K; all are in -K..K."""
        return support(_INDEX_STEP * self.scale)

    @property
    def table(self) -> list[int]:
        """The cumulative table of slots, in which symbol k is the number k - K.

        >>> distribution = WeightDistribution(0, 4)
        >>> [above - below for below, above in pairwise(distribution.table)]
        [1, 590, 64354, 590, 1]
        """
        return _table(self)


LARGEST_INTEGER = support(_INDEX_STEP * (NUM_SCALES - 1))


def has_excess(count: int) -> bool:
    """Tell whether the distribution of a tensor of so many numbers has an excess."""
    return count > MANY


def distribution_of(values: NDArray[np.integer]) -> WeightDistribution:
    """Return the distribution that codes all numbers of a tensor in the fewest bits.

    Raises:
        ValueError: A number is too large for every distribution.

    >>> distribution_of(np.array([0, 3, -2])), distribution_of(np.array([0] * 90 + [70, -60] * 5))
    (WeightDistribution(scale=7, excess=0), WeightDistribution(scale=15, excess=7))
    """
    scale, excess = divmod(int(np.argmin(bits := _bits(values))), bits.shape[1])
    return WeightDistribution(scale, excess)


def weight_bits(values: NDArray[np.integer]) -> float:
    """Return the code length of integers under the cheapest distribution; inf outside all.

    >>> round(weight_bits(np.array([0, 0, 1, -1])), 2), weight_bits(np.array([1 << 20]))
    (6.36, inf)
    """
    try:
        return float(_bits(values).min())
    except ValueError:
        return inf


def prices(distribution: WeightDistribution) -> NDArray[np.float64]:
    """Return the bits of each number -K..K."""
    bits: NDArray[np.float64] = TOTAL_BITS - np.log2(np.diff(distribution.table))
    return bits


def _bits(values: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return the length under all distributions, by scale and excess."""
    counts = np.bincount(np.abs(values).ravel())
    if len(counts) > LARGEST_INTEGER + 1:
        raise ValueError(f"a network's integers go up to {LARGEST_INTEGER}")
    excesses = _EXCESSES if has_excess(values.size) else 1
    bits: NDArray[np.float64] = _costs()[:, :excesses, : len(counts)] @ counts
    return bits


@lru_cache(maxsize=1)
def _costs() -> NDArray[np.float64]:
    """Return the bits of each magnitude 0..K under every distribution, by scale and excess."""
    costs = np.full((NUM_SCALES, _EXCESSES, LARGEST_INTEGER + 1), _UNREACHABLE_BITS)
    for scale in range(NUM_SCALES):
        for excess in range(_EXCESSES):
            distribution = WeightDistribution(scale, excess)
            costs[scale, excess, : distribution.support + 1] = prices(distribution)[
                distribution.support :
            ]
    return costs


@lru_cache(maxsize=NUM_SCALES * _EXCESSES)
def _table(distribution: WeightDistribution) -> list[int]:
    """Return the table: each number but 0 keeps one slot and its part of the others."""
    whole = [
        above - below for below, above in pairwise(zero_mean(_INDEX_STEP * distribution.scale))
    ]
    left = _EXCESSES - distribution.excess
    below = [1 + ((slots - 1) * left >> EXCESS_BITS) for slots in whole[: distribution.support]]
    zero = (1 << TOTAL_BITS) - 2 * sum(below)
    return [0, *accumulate([*below, zero, *reversed(below)])]

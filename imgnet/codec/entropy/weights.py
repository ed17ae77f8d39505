"""The laws under which the whole numbers of the tensors of `grid`, but for its latents, are coded.

Fits change some weights by much and leave many where a prior had them: more are 0 than a logistic
law expects that is wide enough for the others. So a law has a scale and, in tensors of many
numbers, an excess of zeros: eighths of the slots of all other numbers that 0 has instead.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import accumulate, pairwise
from math import inf
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from imgnet.codec.entropy.distributions import centred, support
from imgnet.codec.entropy.rans import TOTAL_BITS

NUM_SCALES = 16
EXCESS_BITS = 3
MANY = 64  # numbers of a tensor, above which its law has an excess

_EXCESSES = 1 << EXCESS_BITS
_LAW_STEP = 4  # from the centred law of a scale to that of the next
_NO_LAW = 1e9  # bits of a number that a law does not reach


class WeightLaw(NamedTuple):
    """The law of a tensor.

    Attributes:
        scale: 0..15, a quarter of the index of a centred law.
        excess: 0..7 eighths.
    """

    scale: int
    excess: int = 0

    @property
    def support(self) -> int:
        """The largest number K; all are in -K..K."""
        return support(_LAW_STEP * self.scale)

    @property
    def table(self) -> list[int]:
        """The cumulative table of slots, in which symbol k is the number k - K.

        >>> law = WeightLaw(0, 4)
        >>> [above - below for below, above in pairwise(law.table)]
        [1, 590, 64354, 590, 1]
        """
        return _table(self)


LARGEST_INTEGER = support(_LAW_STEP * (NUM_SCALES - 1))


def has_excess(count: int) -> bool:
    """Tell whether the law of a tensor of so many numbers has an excess."""
    return count > MANY


def law_of(values: NDArray[np.integer]) -> WeightLaw:
    """Return the law that codes all numbers of a tensor in the fewest bits.

    Raises:
        ValueError: A number is too large for every law.

    >>> law_of(np.array([0, 3, -2])), law_of(np.array([0] * 90 + [70, -60] * 5))
    (WeightLaw(scale=7, excess=0), WeightLaw(scale=15, excess=7))
    """
    scale, excess = divmod(int(np.argmin(bits := _bits(values))), bits.shape[1])
    return WeightLaw(scale, excess)


def weight_bits(values: NDArray[np.integer]) -> float:
    """Return the length of a tensor's whole numbers under the cheapest law; inf where none reaches.

    >>> round(weight_bits(np.array([0, 0, 1, -1])), 2), weight_bits(np.array([1 << 20]))
    (6.36, inf)
    """
    try:
        return float(_bits(values).min())
    except ValueError:
        return inf


def prices(law: WeightLaw) -> NDArray[np.float64]:
    """Return the bits of each number -K..K."""
    bits: NDArray[np.float64] = TOTAL_BITS - np.log2(np.diff(law.table))
    return bits


def _bits(values: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return the length under all laws, by scale and excess."""
    counts = np.bincount(np.abs(values).ravel())
    if len(counts) > LARGEST_INTEGER + 1:
        raise ValueError(f"a network's integers go up to {LARGEST_INTEGER}")
    excesses = _EXCESSES if has_excess(values.size) else 1
    bits: NDArray[np.float64] = _costs()[:, :excesses, : len(counts)] @ counts
    return bits


@lru_cache(maxsize=1)
def _costs() -> NDArray[np.float64]:
    """Return the bits of each magnitude 0..K under every law, by scale and excess."""
    costs = np.full((NUM_SCALES, _EXCESSES, LARGEST_INTEGER + 1), _NO_LAW)
    for scale in range(NUM_SCALES):
        for excess in range(_EXCESSES):
            law = WeightLaw(scale, excess)
            costs[scale, excess, : law.support + 1] = prices(law)[law.support :]
    return costs


@lru_cache(maxsize=NUM_SCALES * _EXCESSES)
def _table(law: WeightLaw) -> list[int]:
    """Return the table of a law: each number but 0 keeps one slot, and of the others its part."""
    whole = [above - below for below, above in pairwise(centred(_LAW_STEP * law.scale))]
    left = _EXCESSES - law.excess
    below = [1 + ((slots - 1) * left >> EXCESS_BITS) for slots in whole[: law.support]]
    zero = (1 << TOTAL_BITS) - 2 * sum(below)
    return [0, *accumulate([*below, zero, *reversed(below)])]

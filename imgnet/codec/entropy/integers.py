"""Integers to bytes and back, each under one of 96 zero-mean distributions.

Floats only advise the encoder (`cost_bits`); the stream depends on integers alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import inf

import numpy as np
from numpy.typing import NDArray

from imgnet.codec.entropy import rans
from imgnet.codec.entropy.distributions import (
    NUM_DISTRIBUTIONS,
    SCALES_PER_OCTAVE,
    support,
    zero_mean,
)

# The likeliest symbol of all distributions costs 0.053 bit, so no stream holds more symbols a byte
# than this. Readers refuse larger claims before they allocate anything.
MAX_SYMBOLS_PER_BYTE = 256


def encode(values: Sequence[int], distributions: Sequence[int]) -> bytes:
    """Write integers, each under its own distribution.

    Args:
        values: Integers; `abs(values[i]) <= support(distributions[i])`.
        distributions: Index of the distribution of each value, 0..95.

    Raises:
        ValueError: A value lies outside the support of its distribution.

    >>> decode(encode([3, 0, -1], [20, 8, 8]), [20, 8, 8])
    [3, 0, -1]
    """
    starts, frequencies = [], []
    for value, distribution in zip(values, distributions, strict=True):
        table = zero_mean(distribution)
        symbol = value + support(distribution)
        if not 0 <= symbol < len(table) - 1:
            most = support(distribution)
            raise ValueError(f"{value} is outside -{most}..{most} of distribution {distribution}")
        starts.append(table[symbol])
        frequencies.append(table[symbol + 1] - table[symbol])
    return rans.encode(starts, frequencies)


def decode(data: bytes, distributions: Sequence[int]) -> list[int]:
    """Read the integers that `encode` wrote under the same distributions.

    Raises:
        FormatError: The stream is cut short, has bytes left over, or is damaged.
    """
    decoder = rans.Decoder(data)
    tables = {
        distribution: (zero_mean(distribution), support(distribution))
        for distribution in set(distributions)
    }
    symbols = decoder.read([tables[distribution][0] for distribution in distributions])
    decoder.finish()
    return [
        symbol - tables[distribution][1]
        for symbol, distribution in zip(symbols, distributions, strict=True)
    ]


def cost_bits(values: NDArray[np.integer], distribution: int) -> float:
    """Return the ideal code length of values under one distribution; inf outside its support.

    >>> round(cost_bits(np.array([0, 0, 1, -1]), 8), 2)
    6.98
    """
    magnitudes = np.abs(values).ravel()
    if magnitudes.max(initial=0) > support(distribution):
        return inf
    return _histogram_bits(np.bincount(magnitudes), distribution)


def cheapest_distribution(values: NDArray[np.integer]) -> int:
    """Return the distribution that codes all values in the fewest bits.

    Raises:
        ValueError: A value is too large for every distribution.

    >>> cheapest_distribution(np.array([0, 0, 1, -1]))
    13
    """
    magnitudes = np.abs(values).ravel()
    first = _narrowest_distribution(int(magnitudes.max(initial=0)))
    counts = np.bincount(magnitudes)
    # Five octaves above, the scale is twice the largest value: wider distributions only cost more.
    candidates = range(first, min(first + 5 * SCALES_PER_OCTAVE, NUM_DISTRIBUTIONS))
    return min(candidates, key=lambda distribution: _histogram_bits(counts, distribution))


def _narrowest_distribution(largest: int) -> int:
    for distribution in range(NUM_DISTRIBUTIONS):
        if support(distribution) >= largest:
            return distribution
    raise ValueError(
        f"{largest} is too large to be coded; the largest is {support(NUM_DISTRIBUTIONS - 1)}"
    )


def _histogram_bits(counts: NDArray[np.integer], distribution: int) -> float:
    """Cost of `counts[k]` values of magnitude k; the distributions are symmetric."""
    return float(counts @ _costs(distribution)[: len(counts)])


@lru_cache(maxsize=NUM_DISTRIBUTIONS)
def _costs(distribution: int) -> NDArray[np.float64]:
    """Bits of each magnitude 0..K."""
    frequencies = np.diff(zero_mean(distribution))[support(distribution) :]
    return rans.TOTAL_BITS - np.log2(frequencies)

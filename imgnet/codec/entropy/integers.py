"""Integers to bytes and back, each under one of 96 centred laws.

Floats only advise the encoder (`cost_bits`); the stream depends on integers alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import inf

import numpy as np
from numpy.typing import NDArray

from imgnet.codec.entropy import rans
from imgnet.codec.entropy.distributions import LAWS_PER_OCTAVE, NUM_LAWS, centred, support

# The likeliest symbol of all laws costs 0.053 bit, so no stream holds more symbols a byte than
# this. Readers refuse larger claims before they allocate anything.
MAX_SYMBOLS_PER_BYTE = 256


def encode(values: Sequence[int], laws: Sequence[int]) -> bytes:
    """Write integers, each under its own law.

    Args:
        values: Integers; `abs(values[i]) <= support(laws[i])`.
        laws: Index of the law of each value, 0..95.

    Raises:
        ValueError: A value lies outside the support of its law.

    >>> decode(encode([3, 0, -1], [20, 8, 8]), [20, 8, 8])
    [3, 0, -1]
    """
    starts, frequencies = [], []
    for value, law in zip(values, laws, strict=True):
        table = centred(law)
        symbol = value + support(law)
        if not 0 <= symbol < len(table) - 1:
            raise ValueError(f"{value} is outside -{support(law)}..{support(law)} of law {law}")
        starts.append(table[symbol])
        frequencies.append(table[symbol + 1] - table[symbol])
    return rans.encode(starts, frequencies)


def decode(data: bytes, laws: Sequence[int]) -> list[int]:
    """Read the integers that `encode` wrote under the same laws.

    Raises:
        FormatError: The stream is cut short, has bytes left over, or is damaged.
    """
    decoder = rans.Decoder(data)
    tables = {law: (centred(law), support(law)) for law in set(laws)}
    symbols = decoder.read([tables[law][0] for law in laws])
    decoder.finish()
    return [symbol - tables[law][1] for symbol, law in zip(symbols, laws, strict=True)]


def cost_bits(values: NDArray[np.integer], law: int) -> float:
    """Return the ideal code length of all values under one law; inf where it does not reach.

    >>> round(cost_bits(np.array([0, 0, 1, -1]), 8), 2)
    6.98
    """
    magnitudes = np.abs(values).ravel()
    if magnitudes.max(initial=0) > support(law):
        return inf
    return _histogram_bits(np.bincount(magnitudes), law)


def cheapest_law(values: NDArray[np.integer]) -> int:
    """Return the law that codes all values in the fewest bits.

    Raises:
        ValueError: A value is too large for every law.

    >>> cheapest_law(np.array([0, 0, 1, -1]))
    13
    """
    magnitudes = np.abs(values).ravel()
    first = _narrowest_law(int(magnitudes.max(initial=0)))
    counts = np.bincount(magnitudes)
    # Five octaves above, the scale is twice the largest value: wider laws only cost more.
    candidates = range(first, min(first + 5 * LAWS_PER_OCTAVE, NUM_LAWS))
    return min(candidates, key=lambda law: _histogram_bits(counts, law))


def _narrowest_law(largest: int) -> int:
    for law in range(NUM_LAWS):
        if support(law) >= largest:
            return law
    raise ValueError(f"{largest} is too large to be coded; the largest is {support(NUM_LAWS - 1)}")


def _histogram_bits(counts: NDArray[np.integer], law: int) -> float:
    """Cost of `counts[k]` values of magnitude k; the laws are symmetric."""
    return float(counts @ _costs(law)[: len(counts)])


@lru_cache(maxsize=NUM_LAWS)
def _costs(law: int) -> NDArray[np.float64]:
    """Bits of each magnitude 0..K."""
    frequencies = np.diff(centred(law))[support(law) :]
    return rans.TOTAL_BITS - np.log2(frequencies)

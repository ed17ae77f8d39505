"""Integers to bytes and back: a range coder (rANS) over 96 fixed laws, in exact integers only.

Law i is the zero-centred logistic law of scale `2**(i / 8 - 3)`, integrated over unit steps. Its
table of frequencies comes from integer arithmetic on eight stored constants, so that every machine
builds the same table and a stream decodes anywhere. Floats only advise the encoder (`cost_bits`).

Source: J. Duda, "Asymmetric numeral systems", arXiv:1311.2540, section 2.3 (the range variant).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import accumulate, pairwise
from math import inf, isqrt

import numpy as np
from numpy.typing import NDArray

from imgnet.errors import FormatError

NUM_LAWS = 96
LAWS_PER_OCTAVE = 8
TOTAL_BITS = 16  # the frequencies of a law add up to 2**16

# The likeliest symbol of all laws costs 0.053 bit, so no stream holds more symbols a byte than
# this. Readers refuse larger claims before they allocate anything.
MAX_SYMBOLS_PER_BYTE = 256

_ONE = 1 << 62  # fixed point
# exp(-1 / (2 s)) of the eight widest laws; every octave below has the squares of the one above.
_WIDEST_DECAYS = (
    4602687609541841169,
    4603433772482077392,
    4604118113235951423,
    4604745745892277133,
    4605321362777405093,
    4605849269033110099,
    4606333414392382526,
    4606777422374946751,
)
_WORD_BITS = 16
_STATE_BYTES = 4
_LEAST_STATE = 1 << 16  # states lie in 2**16 .. 2**32; encoders start here, decoders end here


def support(law: int) -> int:
    """Return the largest K such that the law codes -K..K: 16 scales, rounded up.

    >>> support(0), support(95)
    (2, 7513)
    """
    # K = ceil(2**(law / 8 + 1)): the eighth root of a power of two, exact by three square roots.
    return 1 + isqrt(isqrt(isqrt((1 << (law + 8)) - 1)))


def encode(values: Sequence[int], laws: Sequence[int]) -> bytes:
    """Write integers, each under its own law.

    Args:
        values: Integers; `abs(values[i]) <= support(laws[i])`.
        laws: Index of the law of each value, 0..95.

    Returns:
        The final state in 4 bytes, then 16-bit words, all little-endian.

    Raises:
        ValueError: A value lies outside the support of its law.

    >>> decode(encode([3, 0, -1], [20, 8, 8]), [20, 8, 8])
    [3, 0, -1]
    """
    state, words = _LEAST_STATE, []
    for value, law in zip(reversed(values), reversed(laws), strict=True):
        starts = _starts(law)
        symbol = value + support(law)
        if not 0 <= symbol < len(starts) - 1:
            raise ValueError(f"{value} is outside -{support(law)}..{support(law)} of law {law}")
        start = starts[symbol]
        frequency = starts[symbol + 1] - start
        if state >= frequency << _WORD_BITS:
            words.append(state & 0xFFFF)
            state >>= _WORD_BITS
        quotient, remainder = divmod(state, frequency)
        state = (quotient << TOTAL_BITS) + start + remainder
    head = state.to_bytes(_STATE_BYTES, "little")
    return head + np.array(words[::-1], "<u2").tobytes()


def decode(data: bytes, laws: Sequence[int]) -> list[int]:
    """Read the integers that `encode` wrote under the same laws.

    Raises:
        FormatError: The stream is cut short, has bytes left over, or is damaged.
    """
    if len(data) < _STATE_BYTES or len(data) % 2:
        raise FormatError("the coded stream is cut short")
    state = int.from_bytes(data[:_STATE_BYTES], "little")
    words = iter(np.frombuffer(data, "<u2", offset=_STATE_BYTES).tolist())
    tables = {law: (_starts(law), support(law) + 1) for law in set(laws)}
    values = []
    try:
        for law in laws:  # the one loop that decides how long opening a file takes
            starts, offset = tables[law]
            slot = state & 0xFFFF
            above = bisect_right(starts, slot)
            start = starts[above - 1]
            state = (starts[above] - start) * (state >> 16) + slot - start
            if state < 0x10000:
                state = state << 16 | next(words)
            values.append(above - offset)
    except StopIteration:
        raise FormatError("the coded stream is cut short") from None
    if state != _LEAST_STATE or next(words, None) is not None:
        raise FormatError("the coded stream is damaged")
    return values


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
    frequencies = np.diff(_starts(law))[support(law) :]
    return TOTAL_BITS - np.log2(frequencies)


@lru_cache(maxsize=NUM_LAWS)
def _starts(law: int) -> list[int]:
    """Cumulative frequencies: symbol k - K owns the slots starts[k] .. starts[k + 1] - 1."""
    tails = list(_tails(law))
    one_side = [outer - inner for outer, inner in pairwise(tails)]  # frequencies of 1..K
    centre = (1 << TOTAL_BITS) - 2 * tails[0]
    return [0, *accumulate([*reversed(one_side), centre, *one_side])]


def _tails(law: int) -> Iterator[int]:
    """Yield the slots of all values above k, for k = 0..K.

    Every symbol owns one slot and the rest is shared out by the law. Rounding the tails instead of
    the frequencies keeps the rounding errors from adding up.
    """
    largest = support(law)
    shared = (1 << TOTAL_BITS) - (2 * largest + 1)
    decay = _decay(law)
    power = decay  # exp(-(k + 1/2) / s); 1 - F(k + 1/2) = power / (1 + power)
    for k in range(largest):
        yield largest - k + shared * power // (_ONE + power)
        power = power * decay * decay >> 124
    yield 0


def _decay(law: int) -> int:
    """exp(-1 / (2 s)) in fixed point."""
    octaves, step = divmod(NUM_LAWS - 1 - law, LAWS_PER_OCTAVE)
    decay = _WIDEST_DECAYS[LAWS_PER_OCTAVE - 1 - step]
    for _ in range(octaves):
        decay = decay * decay >> 62
    return decay

"""Discretised logistic and Laplace distributions as tables of slots, the same on every machine.

All tables come from integer arithmetic on eight stored constants. A table is cumulative: symbol k
owns the slots table[k] .. table[k + 1] - 1 of 2**16.

There are two kinds. A *zero-mean* distribution is logistic and codes -K..K; number i has the scale
2**(i / 8 - 3). A *Laplace* distribution codes the distance of an integer from the whole part of a
location, which is a multiple of 1/32; number j has the scale 2**(j / 8 - 4.5).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import accumulate, pairwise
from math import isqrt

import numpy as np
from numpy.typing import NDArray

from imgnet.codec.entropy.rans import TOTAL_BITS

NUM_DISTRIBUTIONS = 96
NUM_SCALES = 76
SCALES_PER_OCTAVE = 8
LOCATIONS = 32  # of a Laplace distribution between two integers
LOWEST_SCALE_LOG2 = -4.5

_ONE = 1 << 62  # fixed point
# exp(-1 / (2 s)) of the eight widest distributions; every octave below has the squares of the one
# above.
WIDEST_DECAYS = (
    4602687609541841169,
    4603433772482077392,
    4604118113235951423,
    4604745745892277133,
    4605321362777405093,
    4605849269033110099,
    4606333414392382526,
    4606777422374946751,
)
# exp(-1 / (32 s)) of Laplace distribution j is exp(-1 / (2 s)) of zero-mean distribution j + 20.
_FINE = 20


def support(distribution: int) -> int:
    """Return the largest K such that the zero-mean distribution codes -K..K: 16 scales, rounded up.

    >>> support(0), support(95)
    (2, 7513)
    """
    # K = ceil(2**(index / 8 + 1)): the eighth root of a power of two, by three square roots.
    return 1 + isqrt(isqrt(isqrt((1 << (distribution + 8)) - 1)))


@lru_cache(maxsize=NUM_DISTRIBUTIONS)
def zero_mean(distribution: int) -> list[int]:
    """Return the table of a zero-mean distribution; symbol k is the value k - support.

    >>> table = zero_mean(0)
    >>> table[0], len(table), table[-1]
    (0, 6, 65536)
    """
    tails = list(_tails(distribution))
    one_side = [outer - inner for outer, inner in pairwise(tails)]  # frequencies of 1..K
    centre = (1 << TOTAL_BITS) - 2 * tails[0]
    return [0, *accumulate([*reversed(one_side), centre, *one_side])]


def reach(scale: int) -> int:
    """Return the K of a Laplace distribution: it codes -K..K+1 from the whole part of the location.

    >>> reach(0), reach(75)
    (3, 471)
    """
    # 16 scales, rounded up, and one more.
    return 2 + isqrt(isqrt(isqrt((1 << max(scale - 4, 0)) - 1))) if scale > 4 else 3


@lru_cache(maxsize=NUM_SCALES * LOCATIONS)
def laplace(scale: int, fraction: int) -> list[int]:
    """Return the table of a Laplace distribution; its last symbol is the escape.

    Args:
        scale: Index of the scale, 0..75.
        fraction: Location less its whole part, in 1/32.

    >>> table = laplace(36, 16)
    >>> table[0], table[-1], len(table) - 2 == 2 * reach(36) + 2
    (0, 65536, True)
    """
    largest = reach(scale)
    below = _below(scale)
    count = 2 * largest + 2  # values
    shared = (1 << TOTAL_BITS) - count - 1
    # Between the values k - 1 and k lies k - 1/2, which is (32 k - 16 - fraction) / 32 from the
    # location; below[0] belongs to -32 (K + 1).
    first = 16 - fraction + LOCATIONS
    inner = [k + (shared * p >> 62) for k, p in enumerate(below[first::LOCATIONS][: count - 1], 1)]
    return [0, *inner, (1 << TOTAL_BITS) - 1, 1 << TOTAL_BITS]


@lru_cache(maxsize=1)
def laplace_tables() -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return the tables of all Laplace distributions, one behind the other, and where they begin.

    The table of a scale and a fraction is number 32 * scale + fraction.

    >>> tables, begins = laplace_tables()
    >>> tables[begins[36 * 32 + 16] :][: 2 * reach(36) + 4].tolist() == laplace(36, 16)
    True
    """
    tables = [table.ravel() for scale in range(NUM_SCALES) for table in _laplace_of_scale(scale)]
    lengths = [len(table) for table in tables]
    return np.concatenate(tables).astype(np.int32), np.cumsum([0, *lengths[:-1]])


def _laplace_of_scale(scale: int) -> NDArray[np.int64]:
    """Return the tables (32, symbols + 1) of a scale, as `laplace` does, in 64 bits."""
    count = 2 * reach(scale) + 2
    shared = (1 << TOTAL_BITS) - count - 1
    places = 16 + LOCATIONS * np.arange(1, count) - np.arange(LOCATIONS)[:, None]
    below = np.array(_below(scale))[places]
    high, low = below >> 32, below & 0xFFFFFFFF
    tables = np.empty((LOCATIONS, count + 2), np.int64)
    tables[:, 1:count] = np.arange(1, count) + (shared * high + (shared * low >> 32) >> 30)
    tables[:, 0], tables[:, count], tables[:, -1] = 0, (1 << TOTAL_BITS) - 1, 1 << TOTAL_BITS
    return tables


@lru_cache(maxsize=NUM_SCALES)
def _below(scale: int) -> list[int]:
    """Return the part below m / 32, m = -32 (K + 1) .. 32 (K + 1), in units of 2**-62."""
    decay, upper, power = _decay(scale + _FINE), [], _ONE
    for _ in range(LOCATIONS * (reach(scale) + 1) + 1):
        upper.append(power >> 1)
        power = power * decay >> 62
    return [*reversed(upper[1:]), *(_ONE - tail for tail in upper)]


def _tails(distribution: int) -> Iterator[int]:
    """Yield the slots of all values above k, for k = 0..K.

    Every symbol owns one slot and the rest is shared out by the distribution. Rounding the tails
    instead of the frequencies keeps the rounding errors from adding up.
    """
    largest = support(distribution)
    shared = (1 << TOTAL_BITS) - (2 * largest + 1)
    decay = _decay(distribution)
    power = decay  # exp(-(k + 1/2) / s); 1 - F(k + 1/2) = power / (1 + power)
    for k in range(largest):
        yield largest - k + shared * power // (_ONE + power)
        power = power * decay * decay >> 124
    yield 0


def _decay(distribution: int) -> int:
    """exp(-1 / (2 s)) in fixed point."""
    octaves, step = divmod(NUM_DISTRIBUTIONS - 1 - distribution, SCALES_PER_OCTAVE)
    decay = WIDEST_DECAYS[SCALES_PER_OCTAVE - 1 - step]
    for _ in range(octaves):
        decay = decay * decay >> 62
    return decay

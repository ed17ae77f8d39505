"""Escapes: latents that their distributions do not reach, as symbols of the stream of `grid`.

In place of such a latent stands the escape symbol of its distribution. The values stand before all
latents: one symbol tells whether there are any; if so, their number follows in 32 plain bits and
each value in 16.
"""

from __future__ import annotations

from itertools import repeat

from imgnet.codec.entropy.rans import TOTAL_BITS, Decoder

_RAW_OFFSET = 1 << 15
_ANY = [0, (1 << TOTAL_BITS) - 1, 1 << TOTAL_BITS]  # none, which is nearly free, or some
_PLAIN = range((1 << TOTAL_BITS) + 1)


def escape_symbols(escapes: list[int]) -> tuple[list[int], list[int]]:
    """Return the first slots and the widths of the symbols of the escapes.

    Args:
        escapes: Each in -2**15..2**15 - 1.

    >>> escape_symbols([]), escape_symbols([-3])
    (([0], [65535]), ([65535, 0, 1, 32765], [1, 1, 1, 1]))
    """
    if not escapes:
        return [_ANY[0]], [_ANY[1]]
    number = divmod(len(escapes), 1 << TOTAL_BITS)
    slots = [_ANY[1], *number, *(escape + _RAW_OFFSET for escape in escapes)]
    return slots, [1] * len(slots)


def read_escapes(decoder: Decoder) -> list[int]:
    """Read the escapes that `escape_symbols` wrote.

    Raises:
        FormatError: The stream ends before the last escape.
    """
    if decoder.read([_ANY]) == [0]:
        return []
    high, low = decoder.read([_PLAIN] * 2)
    # Each takes a word, so that the end of the stream is the end of a wrong number.
    plain = decoder.read(repeat(_PLAIN, high << TOTAL_BITS | low))
    return [value - _RAW_OFFSET for value in plain]

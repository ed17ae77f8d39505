"""Symbols to bytes and back: a range coder (rANS) in exact integers.

A symbol owns an interval of the 2**16 slots; the more slots, the fewer bits. The coder is a stack,
so it writes backwards and the decoder reads forwards, symbol by symbol: each table may depend on
all symbols before it.

Source: J. Duda, "Asymmetric numeral systems", arXiv:1311.2540, section 2.3 (the range variant).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from operator import length_hint

import numpy as np
from numpy.typing import NDArray

from imgnet.errors import FormatError

TOTAL_BITS = 16  # the frequencies of a table add up to 2**16

CUT_SHORT = "the coded stream is cut short"

_WORD_BITS = 16
_STATE_BYTES = 4
LEAST_STATE = 1 << 16  # states lie in 2**16 .. 2**32; encoders start here, decoders end here


def encode(starts: Sequence[int], frequencies: Sequence[int]) -> bytes:
    """Write symbols, each given by its interval of slots.

    Args:
        starts: First slot of each symbol.
        frequencies: Number of its slots, 1..2**16.

    Returns:
        The final state in 4 bytes, then 16-bit words, all little-endian.

    >>> len(encode([0, 32768], [32768, 32768]))
    4
    """
    state, words = LEAST_STATE, []
    for start, frequency in zip(reversed(starts), reversed(frequencies), strict=True):
        if state >= frequency << _WORD_BITS:
            words.append(state & 0xFFFF)
            state >>= _WORD_BITS
        quotient, remainder = divmod(state, frequency)
        state = (quotient << TOTAL_BITS) + start + remainder
    return state_bytes(state) + np.array(words[::-1], "<u2").tobytes()


def state_bytes(state: int) -> bytes:
    """Return the final state of an encoder, as a stream begins with it.

    >>> list(state_bytes(1 << 16))
    [0, 0, 1, 0]
    """
    return state.to_bytes(_STATE_BYTES, "little")


class Decoder:
    """Read what `encode` wrote.

    Args:
        data: All of it.

    Raises:
        FormatError: The stream is cut short.

    >>> decoder = Decoder(encode([0, 40000], [40000, 25536]))
    >>> decoder.read([[0, 40000, 65536]] * 2)
    [0, 1]
    >>> decoder.finish()
    """

    def __init__(self, data: bytes) -> None:
        if len(data) < _STATE_BYTES or len(data) % 2:
            raise FormatError(CUT_SHORT)
        self._state = int.from_bytes(data[:_STATE_BYTES], "little")
        self._all_words = np.frombuffer(data, "<u2", offset=_STATE_BYTES)
        self._words = iter(self._all_words.tolist())

    def read(self, tables: Iterable[Sequence[int]]) -> list[int]:
        """Return one symbol for each table.

        Args:
            tables: Cumulative frequencies: symbol k owns the slots table[k] .. table[k + 1] - 1.

        Raises:
            FormatError: The stream is cut short.
        """
        state, words, symbols = self._state, self._words, list[int]()
        try:
            for table in tables:  # the one loop that decides how long opening a file takes
                slot = state & 0xFFFF
                above = bisect_right(table, slot)
                start = table[above - 1]
                state = (table[above] - start) * (state >> 16) + slot - start
                if state < 0x10000:
                    state = state << 16 | next(words)
                symbols.append(above - 1)
        except StopIteration:
            raise FormatError(CUT_SHORT) from None
        self._state = state
        return symbols

    def read_bits(self, count: int) -> int:
        """Return the next `count` bits, at most 16, of equal likelihood.

        Raises:
            FormatError: The stream is cut short.
        """
        shift = TOTAL_BITS - count
        (value,) = self.read([range(0, (1 << TOTAL_BITS) + 1, 1 << shift)])
        return value

    def rest(self) -> tuple[int, NDArray[np.uint16]]:
        """Return the state and the words that were not read yet, for another decoder to go on."""
        left = length_hint(self._words)
        return self._state, self._all_words[len(self._all_words) - left :]

    def finish(self) -> None:
        """Check that the stream ends here, as a whole stream does.

        Raises:
            FormatError: The stream is damaged or goes on.
        """
        check_end(*self.rest())


def check_end(state: int, words: NDArray[np.uint16]) -> None:
    """Check that a decoder with this state and these words left has read a whole stream.

    Raises:
        FormatError: The stream is damaged or goes on.
    """
    if state != LEAST_STATE or len(words):
        raise FormatError("the coded stream is damaged")

"""Entropy coder of network weights, as integers and the index of a q_step a tensor.

Fits change some weights by much and leave many where a prior had them or at 0: a logistic
distribution that is wide enough for the others expects fewer zeros. So the distribution of a tensor
has a scale and, in tensors of many integers, an excess of zeros: eighths of the slots of all other
integers that 0 has instead.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from math import inf, prod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from imgnet.codec.entropy.distributions import (
    NUM_DISTRIBUTIONS,
    SCALES_PER_OCTAVE,
    support,
    zero_mean,
)
from imgnet.codec.entropy.rans import TOTAL_BITS, Decoder
from imgnet.errors import FormatError

MANY = 64  # integers of a tensor; the distribution of a larger one has an excess
EXCESS_BITS = 3
# The likeliest symbol of all distributions costs 0.0065 bit, so no stream holds more integers a
# byte than this. Readers refuse larger claims before they allocate anything.
MAX_INTEGERS_PER_BYTE = 2048

_EXCESSES = 1 << EXCESS_BITS
# Where the support of the narrowest candidate holds the largest integer, a scale five octaves above
# is twice that integer: wider distributions only cost more.
_CANDIDATE_OCTAVES = 5

Integers = NDArray[np.int32]
Tensor = tuple[int, NDArray[np.integer]]  # index of the q_step, and integers


class WeightDistribution(NamedTuple):
    """The distribution of a tensor.

    Attributes:
        scale: Index of a zero-mean distribution, 0..95.
        excess: 0..7 eighths.
    """

    scale: int
    excess: int = 0

    @property
    def support(self) -> int:
        """The largest integer K; all are in -K..K."""
        return support(self.scale)

    @property
    def table(self) -> list[int]:
        """The cumulative table of slots, in which symbol k is the integer k - K.

        >>> WeightDistribution(0, 4).table
        [0, 1, 591, 64945, 65535, 65536]
        """
        return _table(self)

    @property
    def bits(self) -> NDArray[np.float64]:
        """The code length of each integer -K..K."""
        lengths: NDArray[np.float64] = TOTAL_BITS - np.log2(_slots(self))
        return lengths


@dataclass(frozen=True)
class WeightCoder:
    """Code the tensors of a network: a header each, then the integers of all.

    The header of a tensor is two fields of the same width, the number of its q_step and of its
    distribution. Where there is an excess, it stands before the integers of the tensor.

    Attributes:
        q_indices: Index of each q_step that a tensor may have, in the order of their numbers.
        scales: Index of each zero-mean distribution that a tensor may have, narrow ones first.

    >>> coder = WeightCoder(range(256), range(NUM_DISTRIBUTIONS))
    >>> coder.header_bytes, coder.largest
    (2, 7513)
    """

    q_indices: range
    scales: range

    @property
    def header_bytes(self) -> int:
        """Bytes of the header of a tensor."""
        return 2 * self._field_bits // 8

    @property
    def largest(self) -> int:
        """The largest integer that can be coded."""
        return support(self.scales[-1])

    @property
    def _field_bits(self) -> int:
        return (len(self.q_indices) - 1).bit_length()

    def distribution_of(self, values: NDArray[np.integer]) -> WeightDistribution:
        """Return the distribution that codes all integers of a tensor in the fewest bits.

        Raises:
            ValueError: An integer is too large for every distribution.

        >>> coder = WeightCoder(range(256), range(NUM_DISTRIBUTIONS))
        >>> coder.distribution_of(np.array([0, 0, 1, -1]))
        WeightDistribution(scale=13, excess=0)
        >>> coder.distribution_of(np.array([0] * 90 + [70, -60] * 5))
        WeightDistribution(scale=66, excess=7)
        """
        scales, lengths = self._lengths(values)
        number, excess = divmod(int(np.argmin(lengths)), lengths.shape[1])
        return WeightDistribution(scales[number], excess)

    def num_bits(self, values: NDArray[np.integer]) -> float:
        """Return the code length of a tensor with its header; inf where it cannot be coded.

        >>> coder = WeightCoder(range(256), range(NUM_DISTRIBUTIONS))
        >>> round(coder.num_bits(np.array([0, 0, 1, -1])), 2), coder.num_bits(np.array([1 << 20]))
        (22.34, inf)
        """
        try:
            _, lengths = self._lengths(values)
        except ValueError:
            return inf
        return 8 * self.header_bytes + EXCESS_BITS * _has_excess(values.size) + float(lengths.min())

    def pack(self, tensors: Iterable[Tensor]) -> tuple[bytes, list[int], list[int]]:
        """Code tensors, each under the distribution that takes the fewest bits.

        Returns:
            The headers; the first slots and the widths of the symbols that follow them.

        Raises:
            ValueError: An integer is too large for every distribution, or there is no such q_step.
        """
        headers, starts, widths = bytearray(), list[int](), list[int]()
        for q_index, values in tensors:
            distribution = self.distribution_of(values)
            number = self.q_indices.index(q_index) << self._field_bits
            number |= self.scales.index(distribution.scale)
            headers += number.to_bytes(self.header_bytes, "big")
            if _has_excess(values.size):
                starts.append(distribution.excess << TOTAL_BITS - EXCESS_BITS)
                widths.append(1 << TOTAL_BITS - EXCESS_BITS)
            table = np.array(distribution.table)
            symbols = values.ravel() + distribution.support
            starts += table[symbols].tolist()
            widths += (table[symbols + 1] - table[symbols]).tolist()
        return bytes(headers), starts, widths

    def unpack(
        self, data: bytes, shapes: Sequence[tuple[int, ...]]
    ) -> tuple[list[tuple[int, Integers]], Decoder]:
        """Read tensors of known shapes.

        Args:
            data: The headers and the coded stream that begins with the symbols of `pack`.
            shapes: Of the tensors.

        Returns:
            The tensors; the decoder of what follows them in the stream.

        Raises:
            FormatError: The data is cut short or damaged, or too short for so many integers.
        """
        size = self.header_bytes
        headers, stream = data[: size * len(shapes)], data[size * len(shapes) :]
        self.check_claims(shapes, len(data))
        decoder, tensors = Decoder(stream), []
        for i, shape in enumerate(shapes):
            q_index, scale = self._read_header(headers[size * i : size * (i + 1)])
            excess = decoder.read_bits(EXCESS_BITS) if _has_excess(prod(shape)) else 0
            distribution = WeightDistribution(scale, excess)
            symbols = decoder.read([distribution.table] * prod(shape))
            values = np.array(symbols, np.int32).reshape(shape) - np.int32(distribution.support)
            tensors.append((q_index, values))
        return tensors, decoder

    def stream_bytes(self, shapes: Collection[tuple[int, ...]], num_bytes: int) -> int:
        """Return how many of some bytes are left for the coded stream of tensors."""
        return max(0, num_bytes - self.header_bytes * len(shapes))

    def check_claims(self, shapes: Collection[tuple[int, ...]], num_bytes: int) -> None:
        """Check that tensors fit into so many bytes.

        Raises:
            FormatError: These are too few for so many integers.
        """
        count, stream_bytes = sum(map(prod, shapes)), self.stream_bytes(shapes, num_bytes)
        if count > MAX_INTEGERS_PER_BYTE * stream_bytes:
            raise FormatError(
                f"{stream_bytes} coded bytes cannot hold the {count} weights "
                "that the header promises"
            )

    def _read_header(self, header: bytes) -> tuple[int, int]:
        """Return the index of a q_step and that of a zero-mean distribution."""
        q_step, number = divmod(int.from_bytes(header, "big"), 1 << self._field_bits)
        if number >= len(self.scales):
            raise FormatError(f"the coded stream is damaged: there is no distribution {number}")
        return self.q_indices[q_step], self.scales[number]

    def _lengths(self, values: NDArray[np.integer]) -> tuple[range, NDArray[np.float64]]:
        """Return the scales that may be the best, and the code length by scale and excess."""
        largest = max(int(values.max(initial=0)), -int(values.min(initial=0)))
        if largest > self.largest:
            raise ValueError(f"{largest} is too large to be coded; the largest is {self.largest}")
        first = bisect_left(self.scales, largest, key=support)
        count = _CANDIDATE_OCTAVES * SCALES_PER_OCTAVE // self.scales.step
        scales = self.scales[first : first + count]
        excesses = _EXCESSES if _has_excess(values.size) else 1
        counts = np.bincount(np.abs(values).ravel(), minlength=1)
        lengths: NDArray[np.float64] = _costs(scales)[:, :excesses, : len(counts)] @ counts
        return scales, lengths


def _has_excess(count: int) -> bool:
    """Tell whether the distribution of a tensor of `count` integers has an excess."""
    return count > MANY


@lru_cache(maxsize=NUM_DISTRIBUTIONS)
def _costs(scales: range) -> NDArray[np.float64]:
    """Return the bits of each magnitude that the first scale reaches, by scale and excess."""
    reach = support(scales[0])
    return np.array(
        [
            [
                WeightDistribution(scale, excess).bits[support(scale) :][: reach + 1]
                for excess in range(_EXCESSES)
            ]
            for scale in scales
        ]
    )


@lru_cache(maxsize=NUM_DISTRIBUTIONS)
def _table(distribution: WeightDistribution) -> list[int]:
    return [0, *accumulate(_slots(distribution).tolist())]


def _slots(distribution: WeightDistribution) -> NDArray[np.int64]:
    """Return the slots of -K..K: each integer but 0 keeps one slot and its part of the others."""
    edges = np.array(zero_mean(distribution.scale), np.int64)
    whole = edges[1:] - edges[:-1]
    slots: NDArray[np.int64] = 1 + ((whole - 1) * (_EXCESSES - distribution.excess) >> EXCESS_BITS)
    slots[distribution.support] = 0
    slots[distribution.support] = (1 << TOTAL_BITS) - slots.sum()
    return slots

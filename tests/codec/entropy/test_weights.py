from __future__ import annotations

from hashlib import sha256
from itertools import pairwise, product
from math import inf, prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from imgnet.codec.entropy import rans
from imgnet.codec.entropy.distributions import NUM_DISTRIBUTIONS, zero_mean
from imgnet.codec.entropy.weights import (
    MANY,
    MAX_INTEGERS_PER_BYTE,
    Tensor,
    WeightCoder,
    WeightDistribution,
)
from imgnet.errors import FormatError

NARROW = WeightCoder(range(160, 32, -8), range(0, 64, 4))  # a byte a tensor
WIDE = WeightCoder(range(256), range(NUM_DISTRIBUTIONS))  # two
CODERS = pytest.mark.parametrize("coder", [NARROW, WIDE], ids=["narrow", "wide"])
DISTRIBUTIONS = [WeightDistribution(*pair) for pair in product((0, 4, 13, 60, 95), range(8))]
QUICK = settings(derandomize=True, deadline=None, max_examples=25)


def packed(coder: WeightCoder, tensors: list[Tensor]) -> bytes:
    headers, starts, widths = coder.pack(tensors)
    return headers + rans.encode(starts, widths)


def unpacked(coder: WeightCoder, data: bytes, shapes: list[tuple[int, ...]]) -> list[Tensor]:
    tensors, decoder = coder.unpack(data, shapes)
    decoder.finish()
    return list(tensors)


def shapes_of(tensors: list[Tensor]) -> list[tuple[int, ...]]:
    return [values.shape for _, values in tensors]


def as_lists(tensors: list[Tensor]) -> list[tuple[int, list[int]]]:
    return [(q_index, values.tolist()) for q_index, values in tensors]


@st.composite
def networks(draw: st.DrawFn, coder: WeightCoder) -> list[Tensor]:
    """Draw tensors of few and of many integers, with narrow, wide and sparse distributions."""
    tensors = []
    for _ in range(draw(st.integers(1, 3))):
        largest = draw(st.sampled_from([0, 1, 7, 60, coder.largest]))
        number = st.integers(-largest, largest)
        values = draw(st.lists(st.just(0) | number, min_size=1, max_size=MANY + 40))
        q_index = draw(st.sampled_from(coder.q_indices))
        tensors.append((q_index, np.array(values, np.int32)))
    return tensors


def sample(coder: WeightCoder) -> list[Tensor]:
    rng = np.random.default_rng(20)
    shapes = (3, 30), (5,), (40, 2)
    return [
        (coder.q_indices[i], np.rint(rng.logistic(0, 2 + i, shape)).astype(np.int32))
        for i, shape in enumerate(shapes)
    ]


def test_tables_share_out_all_slots() -> None:
    for distribution in DISTRIBUTIONS:
        owned = np.diff(distribution.table)
        assert (distribution.table[0], distribution.table[-1]) == (0, 1 << 16)
        assert len(owned) == 2 * distribution.support + 1
        assert owned.min() >= 1
        assert np.array_equal(owned, owned[::-1])
        assert np.allclose(2.0**-distribution.bits * 65536, owned)


def test_an_excess_moves_eighths_of_the_slots_of_others_to_zero() -> None:
    for distribution in DISTRIBUTIONS:
        index, excess = distribution
        left = [
            1 + (above - below - 1) * (8 - excess) // 8
            for below, above in pairwise(zero_mean(index))
        ]
        owned = np.diff(distribution.table).tolist()
        del owned[distribution.support], left[distribution.support]
        assert owned == left


CASES = [[0], [0, 0, 1], [363], [60] * 9, [0] * 99 + [-300], list(range(-363, 364))]


@CODERS
@pytest.mark.parametrize("values", CASES, ids=lambda values: f"{len(values)}")
def test_the_distribution_of_a_tensor_is_the_cheapest(
    coder: WeightCoder, values: list[int]
) -> None:
    array = np.array(values)
    excesses = range(8) if len(values) > MANY else range(1)
    lengths = {}
    for index, excess in product(coder.scales, excesses):
        distribution = WeightDistribution(index, excess)
        if distribution.support >= np.abs(array).max():
            lengths[distribution] = distribution.bits[array + distribution.support].sum()
    least = min(lengths.values())
    assert lengths[coder.distribution_of(array)] == pytest.approx(least)
    header = 8 * coder.header_bytes + 3 * (len(values) > MANY)
    assert coder.num_bits(array) == pytest.approx(header + least)


def test_only_tensors_of_many_integers_have_an_excess() -> None:
    few, many = np.zeros(MANY, int), np.zeros(MANY + 1, int)
    few[0] = many[0] = NARROW.largest
    assert NARROW.distribution_of(few).excess == 0 < NARROW.distribution_of(many).excess
    assert NARROW.num_bits(many) < 0.3 * NARROW.num_bits(few)


@CODERS
def test_an_integer_that_is_too_large_cannot_be_coded(coder: WeightCoder) -> None:
    for huge in (coder.largest + 1, 2**31 - 1):  # without a histogram as long as that
        for wrong in (np.array([huge], np.int32), np.array([0, -huge], np.int32)):
            assert coder.num_bits(wrong) == inf
            with pytest.raises(ValueError, match=f"{huge} is too large to be coded"):
                coder.pack([(coder.q_indices[0], wrong)])


def test_a_q_step_that_is_not_offered_cannot_be_coded() -> None:
    with pytest.raises(ValueError, match="not in range"):
        NARROW.pack([(161, np.zeros(3, np.int32))])


@CODERS
@given(data=st.data())
@QUICK
def test_any_tensors_come_back(coder: WeightCoder, data: st.DataObject) -> None:
    tensors = data.draw(networks(coder))
    stream = packed(coder, tensors)
    assert as_lists(unpacked(coder, stream, shapes_of(tensors))) == as_lists(tensors)
    bits = sum(coder.num_bits(values) for _, values in tensors)
    assert bits / 8 <= len(stream) <= 1.01 * bits / 8 + 6


@CODERS
@given(data=st.data())
@QUICK
def test_any_cut_is_noticed(coder: WeightCoder, data: st.DataObject) -> None:
    tensors = data.draw(networks(coder))
    stream = packed(coder, tensors)
    length = data.draw(st.integers(0, len(stream) - 1))
    with pytest.raises(FormatError):
        unpacked(coder, stream[:length], shapes_of(tensors))


@CODERS
@given(data=st.data())
@QUICK
def test_any_changed_byte_is_noticed_or_changes_the_tensors(
    coder: WeightCoder, data: st.DataObject
) -> None:
    tensors = data.draw(networks(coder))
    stream = bytearray(packed(coder, tensors))
    stream[data.draw(st.integers(0, len(stream) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        read = unpacked(coder, bytes(stream), shapes_of(tensors))
    except FormatError:
        return
    assert shapes_of(read) == shapes_of(tensors)
    assert as_lists(read) != as_lists(tensors)
    assert all(np.abs(values).max() <= coder.largest for _, values in read)


@CODERS
@given(data=st.binary(max_size=60))
@QUICK
def test_noise_is_never_another_error(coder: WeightCoder, data: bytes) -> None:
    try:
        unpacked(coder, data, [(3,), (MANY + 1,)])
    except FormatError:
        return


@CODERS
def test_every_cut_and_what_is_left_over_is_noticed(coder: WeightCoder) -> None:
    tensors = sample(coder)
    stream = packed(coder, tensors)
    for wrong in [stream + b"\0\0", *(stream[:length] for length in range(len(stream)))]:
        with pytest.raises(FormatError):
            unpacked(coder, wrong, shapes_of(tensors))


@CODERS
def test_a_changed_state_is_noticed(coder: WeightCoder) -> None:
    tensors = sample(coder)
    stream = packed(coder, tensors)
    begin = coder.header_bytes * len(tensors)
    for bit in range(32):
        wrong = bytearray(stream)
        wrong[begin + bit // 8] ^= 1 << bit % 8
        with pytest.raises(FormatError):
            unpacked(coder, bytes(wrong), shapes_of(tensors))


def test_an_unknown_distribution_is_noticed() -> None:
    tensors = sample(WIDE)
    data = bytearray(packed(WIDE, tensors))
    data[1] = NUM_DISTRIBUTIONS
    with pytest.raises(FormatError, match="no distribution 96"):
        unpacked(WIDE, bytes(data), shapes_of(tensors))


def test_no_tensors_at_all_are_a_stream_too() -> None:
    assert unpacked(WIDE, packed(WIDE, []), []) == []


@CODERS
def test_no_stream_holds_more_integers_than_readers_believe(coder: WeightCoder) -> None:
    zeros: NDArray[np.int32] = np.zeros((500, 1000), np.int32)
    stream = packed(coder, [(coder.q_indices[0], zeros)])
    assert zeros.size < MAX_INTEGERS_PER_BYTE * (len(stream) - coder.header_bytes - 4)
    assert not unpacked(coder, stream, [zeros.shape])[0][1].any()


@CODERS
def test_a_huge_claim_is_refused_before_memory_is_spent(coder: WeightCoder) -> None:
    shapes = [(1 << 20, 1 << 12)]
    assert prod(shapes[0]) > MAX_INTEGERS_PER_BYTE * 4000
    with pytest.raises(FormatError, match="cannot hold the 4294967296 weights"):
        coder.unpack(bytes(4000 + coder.header_bytes), shapes)


@pytest.mark.parametrize(
    ("coder", "digest"), [(NARROW, "bfa1a88b224741b9"), (WIDE, "9c87b24558aeccb2")]
)
def test_stream_never_changes(coder: WeightCoder, digest: str) -> None:
    tensors = [
        (coder.q_indices[i], (np.arange(count, dtype=np.int32) % 7 - 3) ** 3)
        for i, count in enumerate((5, 64, 65, 200))
    ]
    assert sha256(packed(coder, tensors)).hexdigest()[:16] == digest

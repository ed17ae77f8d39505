from __future__ import annotations

import hashlib
import time
from decimal import Decimal, localcontext

import numpy as np
import pytest

from imgnet.codec.entropy import distributions, integers
from imgnet.codec.entropy.distributions import NUM_LAWS, support
from imgnet.codec.entropy.integers import cheapest_law, cost_bits, decode, encode
from imgnet.errors import FormatError

LAWS = range(NUM_LAWS)
SEED = 20


def scale(law: int) -> float:
    return float(2.0 ** (law / 8 - 3))


def frequencies(law: int) -> np.ndarray:
    return np.array([round(2 ** (16 - cost_bits(np.array([k]), law))) for k in values_of(law)])


def values_of(law: int) -> range:
    return range(-support(law), support(law) + 1)


def draw(law: int, count: int) -> list[int]:
    """Sample the logistic law, cut to its support."""
    samples = np.rint(np.random.default_rng(SEED + law).logistic(0, scale(law), count))
    return [int(k) for k in np.clip(samples, -support(law), support(law))]


def test_stored_constants_are_exact() -> None:
    with localcontext() as context:
        context.prec = 60
        for i, constant in enumerate(distributions._WIDEST_DECAYS):
            two_scales = Decimal(2) ** (9 + Decimal(i) / 8)
            assert constant == round((-1 / two_scales).exp() * 2**62)


@pytest.mark.parametrize("law", LAWS)
def test_support_is_sixteen_scales_rounded_up(law: int) -> None:
    assert support(law) - 1 < 16 * scale(law) <= support(law)


@pytest.mark.parametrize("law", [*range(0, 64, 9), 95])
def test_table_is_the_logistic_law(law: int) -> None:
    k = np.arange(-support(law), support(law) + 1)
    edges = np.concatenate([k - 0.5, [support(law) + 0.5]]) / scale(law)
    shared = 2**16 - len(k)
    expected = 1 + shared * np.diff((1 + np.tanh(edges / 2)) / 2)
    got = frequencies(law)
    assert got.sum() == 2**16
    assert got.min() >= 1
    assert np.array_equal(got, got[::-1])
    assert np.abs(got - expected).max() < 2


def test_tables_never_change() -> None:
    # A file decodes only with the tables that it was written with: to change them is a new format.
    digest = hashlib.sha256()
    for law in LAWS:
        digest.update(np.array(distributions.centred(law), "<u4").tobytes())
    assert digest.hexdigest() == "8a7986582756113b7487381d01ade3dcb794d110fdcc3b4384c9d5240b8b3544"


def test_stream_never_changes() -> None:
    assert encode([3, -1, 0, 40, -7513], [20, 8, 0, 70, 95]).hex() == "08fc0100a9110000"


@pytest.mark.parametrize("law", LAWS)
def test_round_trip_of_each_law_with_its_extremes(law: int) -> None:
    values = [*draw(law, 50), support(law), -support(law), 0]
    assert decode(encode(values, [law] * len(values)), [law] * len(values)) == values


def test_round_trip_of_mixed_laws() -> None:
    laws = np.random.default_rng(SEED).integers(0, NUM_LAWS, 3000).tolist()
    values = [draw(law, i % 7 + 1)[-1] for i, law in enumerate(laws)]
    assert decode(encode(values, laws), laws) == values


def test_nothing_at_all_is_a_stream_too() -> None:
    assert decode(encode([], []), []) == []


@pytest.mark.parametrize("law", [0, 10, 40, 64])
def test_length_is_close_to_the_ideal(law: int) -> None:
    values = draw(law, 10_000)
    ideal_bytes = cost_bits(np.array(values), law) / 8
    length = len(encode(values, [law] * len(values)))
    assert ideal_bytes <= length <= 1.003 * ideal_bytes + 6


def test_ideal_length_is_close_to_the_entropy_of_the_law() -> None:
    values = np.array(draw(40, 10_000))
    probability = 0.25 / scale(40) / np.cosh(values / (2 * scale(40))) ** 2
    assert cost_bits(values, 40) == pytest.approx(-np.log2(probability).sum(), rel=0.003)


def test_encode_refuses_what_its_law_does_not_reach() -> None:
    for value in (support(8) + 1, -support(8) - 1):
        with pytest.raises(ValueError, match="outside"):
            encode([value], [8])
        assert cost_bits(np.array([value]), 8) == np.inf


def test_encode_refuses_laws_that_do_not_match() -> None:
    with pytest.raises(ValueError, match=r"shorter|longer"):
        encode([1, 2], [8])


@pytest.mark.parametrize(
    "values",
    [[0], [0, 0, 1], [5, -300, 2], [7513, 0], list(range(-9, 9)), [0] * 500 + [60], draw(33, 200)],
)
def test_cheapest_law_is_the_cheapest_of_all(values: list[int]) -> None:
    array = np.array(values)
    costs = [cost_bits(array, law) for law in LAWS]
    assert costs[cheapest_law(array)] == min(costs)


def test_cheapest_law_takes_any_shape_and_refuses_huge_values() -> None:
    assert cheapest_law(np.zeros((2, 3), np.int32)) == 0
    assert cheapest_law(np.zeros(0, np.int32)) == 0
    for huge in (7514, 2**31 - 1):  # the latter without a histogram as long as it is large
        with pytest.raises(ValueError, match=f"{huge} is too large"):
            cheapest_law(np.array([-huge], np.int32))
        assert cost_bits(np.array([huge], np.int32), 95) == np.inf


def test_every_cut_is_noticed() -> None:
    laws = [30] * 60
    stream = encode(draw(30, 60), laws)
    for length in range(len(stream)):
        with pytest.raises(FormatError):
            decode(stream[:length], laws)


def test_what_is_left_over_is_noticed() -> None:
    laws = [30] * 60
    stream = encode(draw(30, 60), laws)
    for wrong, wrong_laws in [(stream + b"\0\0", laws), (stream, laws[1:]), (stream, [*laws, 30])]:
        with pytest.raises(FormatError):
            decode(wrong, wrong_laws)


def test_a_changed_state_is_noticed() -> None:
    laws = [30] * 60
    stream = bytearray(encode(draw(30, 60), laws))
    for bit in range(32):
        changed = (int.from_bytes(stream[:4], "little") ^ 1 << bit).to_bytes(4, "little")
        with pytest.raises(FormatError):
            decode(changed + stream[4:], laws)


def test_no_stream_holds_more_symbols_than_readers_believe() -> None:
    count = 50_000
    assert count < integers.MAX_SYMBOLS_PER_BYTE * (len(encode([0] * count, [0] * count)) - 4)


def test_decoding_a_photo_takes_no_time() -> None:
    values, laws = draw(30, 40_000), [30] * 40_000
    stream = encode(values, laws)
    times = []
    for _ in range(3):
        started = time.process_time()
        decode(stream, laws)
        times.append(time.process_time() - started)
    assert min(times) < 0.06

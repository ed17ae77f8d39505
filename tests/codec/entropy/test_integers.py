from __future__ import annotations

import hashlib
import time
from decimal import Decimal, localcontext

import numpy as np
import pytest

from imgnet.codec.entropy import distributions, integers
from imgnet.codec.entropy.distributions import NUM_DISTRIBUTIONS, support
from imgnet.codec.entropy.integers import cheapest_distribution, cost_bits, decode, encode
from imgnet.errors import FormatError

DISTRIBUTIONS = range(NUM_DISTRIBUTIONS)
SEED = 20


def scale(distribution: int) -> float:
    return float(2.0 ** (distribution / 8 - 3))


def frequencies(distribution: int) -> np.ndarray:
    return np.array(
        [round(2 ** (16 - cost_bits(np.array([k]), distribution))) for k in values_of(distribution)]
    )


def values_of(distribution: int) -> range:
    return range(-support(distribution), support(distribution) + 1)


def draw(distribution: int, count: int) -> list[int]:
    """Sample the logistic distribution, cut to its support."""
    samples = np.rint(
        np.random.default_rng(SEED + distribution).logistic(0, scale(distribution), count)
    )
    return [int(k) for k in np.clip(samples, -support(distribution), support(distribution))]


def test_stored_constants_are_exact() -> None:
    with localcontext() as context:
        context.prec = 60
        for i, constant in enumerate(distributions._WIDEST_DECAYS):
            two_scales = Decimal(2) ** (9 + Decimal(i) / 8)
            assert constant == round((-1 / two_scales).exp() * 2**62)


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_support_is_sixteen_scales_rounded_up(distribution: int) -> None:
    assert support(distribution) - 1 < 16 * scale(distribution) <= support(distribution)


@pytest.mark.parametrize("distribution", [*range(0, 64, 9), 95])
def test_table_is_the_logistic_law(distribution: int) -> None:
    k = np.arange(-support(distribution), support(distribution) + 1)
    edges = np.concatenate([k - 0.5, [support(distribution) + 0.5]]) / scale(distribution)
    shared = 2**16 - len(k)
    expected = 1 + shared * np.diff((1 + np.tanh(edges / 2)) / 2)
    got = frequencies(distribution)
    assert got.sum() == 2**16
    assert got.min() >= 1
    assert np.array_equal(got, got[::-1])
    assert np.abs(got - expected).max() < 2


def test_tables_never_change() -> None:
    # A file decodes only with the tables that it was written with: to change them is a new format.
    digest = hashlib.sha256()
    for distribution in DISTRIBUTIONS:
        digest.update(np.array(distributions.zero_mean(distribution), "<u4").tobytes())
    assert digest.hexdigest() == "8a7986582756113b7487381d01ade3dcb794d110fdcc3b4384c9d5240b8b3544"


def test_stream_never_changes() -> None:
    assert encode([3, -1, 0, 40, -7513], [20, 8, 0, 70, 95]).hex() == "08fc0100a9110000"


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_round_trip_of_each_law_with_its_extremes(distribution: int) -> None:
    values = [*draw(distribution, 50), support(distribution), -support(distribution), 0]
    assert (
        decode(encode(values, [distribution] * len(values)), [distribution] * len(values)) == values
    )


def test_round_trip_of_mixed_laws() -> None:
    distributions = np.random.default_rng(SEED).integers(0, NUM_DISTRIBUTIONS, 3000).tolist()
    values = [draw(distribution, i % 7 + 1)[-1] for i, distribution in enumerate(distributions)]
    assert decode(encode(values, distributions), distributions) == values


def test_nothing_at_all_is_a_stream_too() -> None:
    assert decode(encode([], []), []) == []


@pytest.mark.parametrize("distribution", [0, 10, 40, 64])
def test_length_is_close_to_the_ideal(distribution: int) -> None:
    values = draw(distribution, 10_000)
    ideal_bytes = cost_bits(np.array(values), distribution) / 8
    length = len(encode(values, [distribution] * len(values)))
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
    costs = [cost_bits(array, distribution) for distribution in DISTRIBUTIONS]
    assert costs[cheapest_distribution(array)] == min(costs)


def test_cheapest_law_takes_any_shape_and_refuses_huge_values() -> None:
    assert cheapest_distribution(np.zeros((2, 3), np.int32)) == 0
    assert cheapest_distribution(np.zeros(0, np.int32)) == 0
    for huge in (7514, 2**31 - 1):  # the latter without a histogram as long as it is large
        with pytest.raises(ValueError, match=f"{huge} is too large"):
            cheapest_distribution(np.array([-huge], np.int32))
        assert cost_bits(np.array([huge], np.int32), 95) == np.inf


def test_every_cut_is_noticed() -> None:
    distributions = [30] * 60
    stream = encode(draw(30, 60), distributions)
    for length in range(len(stream)):
        with pytest.raises(FormatError):
            decode(stream[:length], distributions)


def test_what_is_left_over_is_noticed() -> None:
    distributions = [30] * 60
    stream = encode(draw(30, 60), distributions)
    for wrong, wrong_distributions in [
        (stream + b"\0\0", distributions),
        (stream, distributions[1:]),
        (stream, [*distributions, 30]),
    ]:
        with pytest.raises(FormatError):
            decode(wrong, wrong_distributions)


def test_a_changed_state_is_noticed() -> None:
    distributions = [30] * 60
    stream = bytearray(encode(draw(30, 60), distributions))
    for bit in range(32):
        changed = (int.from_bytes(stream[:4], "little") ^ 1 << bit).to_bytes(4, "little")
        with pytest.raises(FormatError):
            decode(changed + stream[4:], distributions)


def test_no_stream_holds_more_symbols_than_readers_believe() -> None:
    count = 50_000
    assert count < integers.MAX_SYMBOLS_PER_BYTE * (len(encode([0] * count, [0] * count)) - 4)


def test_decoding_a_photo_takes_no_time() -> None:
    values, distributions = draw(30, 40_000), [30] * 40_000
    stream = encode(values, distributions)
    times = []
    for _ in range(3):
        started = time.process_time()
        decode(stream, distributions)
        times.append(time.process_time() - started)
    assert min(times) < 0.06

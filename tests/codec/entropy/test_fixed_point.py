from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from imgnet.codec.entropy import fixed_point
from imgnet.codec.entropy.fixed_point import (
    FRACTION_BITS,
    LARGEST_WEIGHT,
    WEIGHT_BITS,
    clamp,
    from_real,
    multiply,
)

EXACT = 1 << 53  # all whole numbers up to here are floats

Matrix = list[list[int]]


def product(weights: np.ndarray, x: np.ndarray, excess_bits: int = WEIGHT_BITS) -> Matrix:
    """Return floor(weights @ x / 2**excess_bits) in integers of Python."""
    columns = [[int(v) for v in column] for column in x.T]
    return [
        [sum(int(w) * v for w, v in zip(row, c, strict=True)) >> excess_bits for c in columns]
        for row in weights
    ]


def test_weights_and_biases_have_their_units() -> None:
    real = {"a.weight": np.float32([[1.5, -0.25]]), "a.bias": np.float32([1.5]), "alpha": [0.5]}
    fixed = from_real({name: np.asarray(values, np.float32) for name, values in real.items()})
    assert fixed["a.weight"].tolist() == [[1.5 * 2**15, -0.25 * 2**15]]
    assert fixed["a.bias"].tolist() == [1.5 * 2**12]
    assert fixed["alpha"].tolist() == [2**14]
    assert all(values.dtype == np.float64 for values in fixed.values())


def test_what_lies_between_units_goes_to_the_nearest_and_halves_to_the_even() -> None:
    units = np.float32([0.49, 0.5, 0.51, 1.5, 2.5, -0.5, -1.5, -2.51])
    for name, bits in [("a.bias", FRACTION_BITS), ("a.weight", WEIGHT_BITS)]:
        fixed = from_real({name: units * np.float32(2.0**-bits)})[name]
        assert fixed.tolist() == [round(Fraction(float(unit))) for unit in units]


def test_large_weights_are_limited() -> None:
    real = np.float32([1e38, -1e38, 1e5, np.inf, -np.inf])
    most = float(LARGEST_WEIGHT)
    for name in ("a.bias", "a.weight"):
        assert from_real({name: real})[name].tolist() == [most, -most, most, most, -most]


def test_products_are_those_of_integers() -> None:
    rng = np.random.default_rng(5)
    weights, x = rng.integers(-9999, 9999, (7, 30)), rng.integers(-(10**6), 10**6, (30, 11))
    bias = rng.integers(-500, 500, (7, 1))
    expected = np.array(product(weights, x)) + bias
    got = multiply(*(array.astype(np.float64) for array in (weights, x, bias)))
    assert np.array_equal(got, expected)
    assert np.array_equal(multiply(weights * 1.0, x * 1.0, None, 3), product(weights, x, 3))


@pytest.mark.parametrize("part", [1, 100, 1000])
def test_parts_make_no_difference(part: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    weights, x = rng.integers(-9999, 9999, (7, 3)) * 1.0, rng.integers(-999, 999, (3, 50)) * 1.0
    monkeypatch.setattr(fixed_point, "_PART", part)
    assert np.array_equal(multiply(weights, x), product(weights, x))


def largest_product(total: int) -> tuple[np.ndarray, np.ndarray]:
    """Return odd numbers whose products add up to nearly `total`."""
    rng = np.random.default_rng(6)
    x = np.full((256, 40), total // (256 * LARGEST_WEIGHT) - 1) - rng.integers(0, 999, (256, 40))
    return LARGEST_WEIGHT - rng.integers(0, 99, (5, 256)), x | 1


def test_products_just_below_the_limit_are_exact_in_any_order() -> None:
    weights, x = largest_product(EXACT)
    assert EXACT * 0.999 < (weights.astype(object) @ x.astype(object)).max() < EXACT
    expected = product(weights, x, 1)
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(256)
        got = multiply(weights[:, order] * 1.0, x[order] * 1.0, None, 1)
        assert np.array_equal(got, expected)


def test_products_beyond_the_limit_are_not() -> None:
    # Otherwise the test above would prove nothing.
    weights, x = largest_product(8 * EXACT)
    assert not np.array_equal(weights * 1.0 @ (x * 1.0), product(weights, x, 0))


def test_floor_goes_down_below_zero_too() -> None:
    got = multiply(np.array([[1.0]]), np.array([[-1.0, -32768.0, -32769.0, 32767.0]]))
    assert got.tolist() == [[-1.0, -1.0, -2.0, 0.0]]


@pytest.mark.parametrize(("low", "high"), [(0, 5), (-2, 3)])
def test_clamp_works_in_place(low: int, high: int) -> None:
    x = np.arange(-9.0, 10.0)
    expected = [min(max(v, low), high) for v in x.tolist()]
    assert clamp(x, low, high) is x
    assert x.tolist() == expected

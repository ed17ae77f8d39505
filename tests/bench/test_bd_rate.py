"""The rate difference of two codecs."""

from __future__ import annotations

import sys

import pytest

from imgnet.bench.bd_rate import bd_rate, check
from imgnet.errors import UsageError

# Curves of different lengths, ranges and shapes, and their rates by SciPy 1.17.1.
ANCHOR = [0.1, 0.25, 0.5, 0.9, 1.6], [27.1, 30.0, 31.2, 35.5, 38.2]
TESTS = {
    "similar": ([0.09, 0.2, 0.45, 0.8, 1.5], [27.4, 30.2, 32.0, 35.9, 38.0]),
    "narrow": ([0.3, 0.6, 0.7], [30.5, 33.0, 33.1]),
    "two points": ([0.2, 2.0], [26.0, 36.0]),
    "not monotone": ([0.2, 0.19, 0.6, 1.0], [28.0, 30.0, 33.0, 36.0]),
    "steep ends": ([0.1, 0.5, 0.55, 0.6, 3.0], [27.0, 27.5, 33.0, 38.0, 38.2]),
    "turning end": ([0.3, 0.2, 0.9], [28.0, 28.2, 34.0]),
}
RATES = {
    "similar": -19.9088706235,
    "narrow": -29.7450924858,
    "two points": 84.5773319668,
    "not monotone": -11.3190905896,
    "steep ends": 11.195565203,
    "turning end": -20.5259489301,
}


@pytest.mark.parametrize("name", TESTS)
def test_rates_of_many_curves(name: str) -> None:
    assert bd_rate(*ANCHOR, *TESTS[name]) == pytest.approx(RATES[name], rel=1e-9)


@pytest.mark.parametrize("factor", [0.5, 1.0, 1.3])
def test_bd_rate_of_a_scaled_curve_is_the_scale(factor: float) -> None:
    rates, psnrs = ANCHOR
    scaled = [factor * rate for rate in rates]
    assert bd_rate(*ANCHOR, scaled, psnrs) == pytest.approx(100 * (factor - 1))


def test_bd_rate_does_not_depend_on_the_order_of_points() -> None:
    rates, psnrs = TESTS["similar"]
    assert bd_rate(*ANCHOR, rates[::-1], psnrs[::-1]) == bd_rate(*ANCHOR, rates, psnrs)


@pytest.mark.parametrize(
    "test",
    [([1.0, 2.0], [40.0, 42.0]), ([1.0], [30.0]), ([1.0, 2.0], [30.0, 30.0])],
    ids=["apart", "one point", "repeated"],
)
def test_bd_rate_refuses_curves_without_an_answer(test: tuple[list[float], list[float]]) -> None:
    with pytest.raises(ValueError, match="curve"):
        bd_rate(*ANCHOR, *test)


def test_without_scipy_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.interpolate", None)
    with pytest.raises(UsageError, match=r"imgnet\[bench\]"):
        check()

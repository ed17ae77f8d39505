from __future__ import annotations

import math

import numpy as np
import pytest

from imgnet.metrics.psnr import bd_rate, bpp, psnr_db

# Curves of different lengths, ranges and shapes. The expected rates come from the same formula with
# scipy.interpolate.PchipInterpolator (SciPy 1.17.1), whose integral is exact.
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


def test_psnr_of_a_known_difference() -> None:
    a = np.full((3, 5, 3), 100, np.uint8)
    assert psnr_db(a, a + 10) == psnr_db(a + 10, a) == pytest.approx(20 * math.log10(255 / 10))


def test_psnr_averages_the_squared_error_over_all_channels() -> None:
    a, b = np.zeros((1, 2, 3), np.uint8), np.zeros((1, 2, 3), np.uint8)
    b[0, 1, 2] = 255
    assert psnr_db(a, b) == pytest.approx(10 * math.log10(6))


def test_psnr_counts_only_selected_pixels() -> None:
    a, b = np.zeros((2, 2, 3), np.uint8), np.zeros((2, 2, 3), np.uint8)
    b[0, 0] = 255
    where = np.array([[True, False], [False, True]])
    assert psnr_db(a, b, where) == pytest.approx(10 * math.log10(2))
    assert psnr_db(a, b, ~where) == math.inf


def test_psnr_refuses_what_cannot_be_compared() -> None:
    a = np.zeros((2, 3, 3), np.uint8)
    with pytest.raises(ValueError, match="shapes"):
        psnr_db(a, a[:1])
    with pytest.raises(ValueError, match="no pixels"):
        psnr_db(a, a, np.zeros((2, 3), bool))


def test_bpp_counts_bits() -> None:
    assert bpp(100, 20, 10) == 4.0


@pytest.mark.parametrize("name", TESTS)
def test_bd_rate_agrees_with_scipy(name: str) -> None:
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

from __future__ import annotations

import math

import numpy as np
import pytest

from imgnet.metrics.psnr import bpp, psnr_db


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

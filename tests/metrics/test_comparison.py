from __future__ import annotations

import json
import math

import numpy as np
import pytest

from imgnet.metrics.comparison import alike, compare, side_by_side


def flat(*colour: int, height: int = 12, width: int = 20, dtype: type = np.uint8) -> np.ndarray:
    return np.full((height, width, len(colour)), colour, dtype)


def test_equal_pictures() -> None:
    result = compare(flat(9, 8, 7), flat(9, 8, 7))
    assert (result.psnr_db, result.ssim, result.max_error) == (math.inf, 1.0, 0)
    assert (result.width, result.height, result.channels, result.depth) == (20, 12, "RGB", 8)
    assert "infinite" in result.as_text()
    assert result.as_json()["psnr_db"] is None


def test_numbers_of_a_known_difference() -> None:
    a, b = flat(100, 100, 100), flat(100, 100, 100)
    b[3, 5, 1] = 80
    result = compare(a, b)
    assert result.max_error == 20
    assert result.psnr_db == pytest.approx(10 * math.log10(255**2 / (400 / a.size)))
    assert result == compare(b, a)
    assert "max error   20 of 255" in result.as_text().splitlines()


def test_too_small_pictures_lack_what_they_cannot_have() -> None:
    result = compare(flat(1, height=8), flat(1, height=8))
    assert (result.ssim, result.ms_ssim) == (None, None)
    assert "20x8 pixels, it needs 11 a side" in result.as_text()
    assert "it needs 161 a side" in result.as_text()
    assert json.loads(json.dumps(result.as_json()))["ssim"] is None


def test_grey_counts_as_three_equal_channels() -> None:
    assert compare(flat(50), flat(50, 50, 50)).max_error == 0
    result = compare(flat(50), flat(50, 50, 56))
    assert (result.channels, result.max_error) == ("RGB", 6)
    assert result.psnr_db == pytest.approx(10 * math.log10(255**2 / 12))


def test_opaque_alpha_does_not_count() -> None:
    result = compare(flat(50, 60, 70, 255), flat(50, 60, 73))
    assert (result.channels, result.max_error) == ("RGB", 3)
    assert compare(flat(50, 255), flat(51)).channels == "L"


def test_colours_count_as_far_as_they_are_seen() -> None:
    unseen = compare(flat(50, 60, 70, 0), flat(250, 160, 0, 0))
    assert (unseen.channels, unseen.max_error, unseen.psnr_db) == ("RGBA", 0, math.inf)
    half = compare(flat(100, 0, 0, 51), flat(200, 0, 0, 51))  # 51 is a fifth
    assert half.max_error == 20


def test_alpha_is_a_channel() -> None:
    result = compare(flat(0, 0), flat(0, 200))
    assert (result.channels, result.max_error) == ("LA", 200)
    assert result.psnr_db == pytest.approx(10 * math.log10(255**2 / (200**2 / 2)))
    assert compare(flat(0, 0, 0), flat(0, 0, 0, 155)).max_error == 100


def test_sixteen_bits_beside_eight() -> None:
    deep = flat(100 * 257, 3 * 257, 0, dtype=np.uint16)
    result = compare(flat(100, 3, 0), deep)
    assert (result.depth, result.max_error) == (16, 0)
    assert compare(flat(100, 3, 0), deep + np.uint16(5)).max_error == 5
    assert "0 of 65535" in result.as_text()


def test_different_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot compare"):
        compare(flat(1), flat(1, height=13))


def test_inputs_are_left_alone() -> None:
    a, b = flat(50, 60, 70, 100), flat(50, 60)
    before = a.copy(), b.copy()
    compare(a, b)
    side_by_side(a, b, 8)
    assert (a == before[0]).all()
    assert (b == before[1]).all()


def test_three_panels() -> None:
    a, b = flat(10, 20, 30), flat(10, 22, 90)
    panels = side_by_side(a, b, 8)
    assert panels.shape == (12, 60, 3)
    assert (panels[:, :20] == a).all()
    assert (panels[:, 20:40] == b).all()
    assert panels[0, 40].tolist() == [0, 16, 255]


def test_panels_of_different_modes_are_brought_together() -> None:
    panels = side_by_side(flat(40), flat(40, 50, 60, 255), 2)
    assert panels[0, [0, 20, 40]].tolist() == [[40, 40, 40], [40, 50, 60], [0, 20, 40]]


def test_the_difference_of_alpha_shows() -> None:
    panels = side_by_side(flat(40, 100), flat(40, 110), 3)
    assert panels[0, [0, 20]].tolist() == [[40, 100], [40, 110]]
    assert panels[0, 40].tolist() == [30, 255]


def test_a_large_gain_saturates_at_any_depth() -> None:
    a = flat(0, dtype=np.uint16)
    panels = side_by_side(a, a + np.uint16(7), 65535)
    assert panels.dtype == np.uint16
    assert panels[0, 40, 0] == 65535


def test_alike_keeps_the_depth_of_the_deeper() -> None:
    a, b = alike(flat(1), flat(257, dtype=np.uint16))
    assert a.dtype == b.dtype == np.uint16
    assert (a == b).all()

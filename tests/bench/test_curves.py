"""Rate-distortion curves and their differences."""

from __future__ import annotations

from math import inf

import pytest

from imgnet.bench.curves import RatePoint, by_codec, difference, differences, mean_curve


def curve(
    image: str, codec: str, factor: float, first_db: float = 25.0, num: int = 4
) -> list[RatePoint]:
    """A curve with a point every 3 dB, each of twice the rate of the one before."""
    return [RatePoint(image, codec, f"q{i}", factor * 2.0**i, first_db + 3 * i) for i in range(num)]


def test_a_difference_is_negative_where_the_first_is_smaller() -> None:
    assert difference(curve("a", "x", 0.8), curve("a", "y", 1.0)) == pytest.approx(-20)
    assert difference(curve("a", "y", 1.0), curve("a", "x", 0.8)) == pytest.approx(25)


def test_a_difference_needs_half_of_the_shorter_range() -> None:
    anchor = curve("a", "y", 1.0)  # 25..34 dB
    assert difference(curve("a", "x", 1.0, 29.4), anchor) is not None
    assert difference(curve("a", "x", 1.0, 29.6), anchor) is None
    assert difference(curve("a", "x", 1.0, 20.6), anchor) is not None
    assert difference(curve("a", "x", 1.0, 20.4), anchor) is None
    assert difference(curve("a", "x", 1.0, 50), anchor) is None
    inside = curve("a", "x", 1.0, 28, num=2)
    assert difference(inside, anchor) == pytest.approx(-50)


def test_a_single_point_is_compared_at_its_psnr() -> None:
    anchor = curve("a", "y", 1.0)
    assert difference(curve("a", "x", 0.8, num=1), anchor) == pytest.approx(-20)
    assert difference(curve("a", "x", 1.0, 26.5, num=1), anchor) == pytest.approx(-29.29, abs=0.01)
    assert difference(anchor, curve("a", "x", 0.8, num=1)) == pytest.approx(25)
    assert difference(curve("a", "x", 0.8, 24.9, num=1), anchor) is None
    assert difference(anchor, curve("a", "x", 0.8, 24.9, num=1)) is None
    assert difference(curve("a", "x", 1.0, num=1), curve("a", "y", 1.0, num=1)) is None
    assert difference(curve("a", "x", 1.0), []) is None
    assert difference([], curve("a", "x", 1.0)) is None


def test_equal_pictures_count_once_at_the_least_rate_and_exact_ones_never() -> None:
    points = curve("a", "x", 0.8)
    noise = [RatePoint("a", "x", "worse", 9.0, 25.0), RatePoint("a", "x", "exact", 90.0, inf)]
    assert difference([*noise, *points], curve("a", "y", 1.0)) == pytest.approx(-20)


def test_each_image_is_compared_with_its_own_strongest_rival() -> None:
    ours = curve("a", "x", 1.0) + curve("b", "x", 1.0) + curve("c", "x", 1.0)
    rivals = curve("a", "y", 0.8) + curve("b", "y", 2.0) + curve("b", "z", 1.25)
    rivals += curve("c", "y", 1.0, 90)
    found = differences(ours, rivals)
    assert found == {"a": pytest.approx(25), "b": pytest.approx(-20), "c": None}


def test_means_are_taken_over_all_images_or_not_at_all() -> None:
    points = curve("a", "x", 1.0) + curve("b", "x", 3.0, 27, num=3) + curve("c", "x", 7.0)
    assert mean_curve(points, {"a", "b"}) == [(2.0, 26.0), (4.0, 29.0), (8.0, 32.0)]
    assert mean_curve(points, {"a", "d"}) == []


def test_curves_are_told_apart_by_name() -> None:
    points = curve("a", "x", 1.0) + curve("a", "y", 1.0)
    assert by_codec(points) == {"x": points[:4], "y": points[4:]}

from __future__ import annotations

import numpy as np
import pytest

from imgnet.metrics.psnr import psnr_db
from imgnet.research.zoom_pairs import (
    SIZES,
    WHOLE_SCALES,
    area_means,
    pyramid,
    random_pairs,
    random_scale,
)
from support.pictures import picture


def test_area_means_of_whole_factors_are_those_of_squares() -> None:
    pixels = picture(12, 8)
    expected = pixels.reshape(4, 2, 4, 3, 3).mean(axis=(1, 3))
    assert np.allclose(area_means(pixels, (4, 4)), expected, atol=1e-3)


def test_area_means_share_pixels_that_lie_on_an_edge() -> None:
    row = np.array([[[10.0], [40.0], [70.0]]])
    assert area_means(row, (1, 2)).ravel().tolist() == pytest.approx([20, 60])


def test_scales_are_whole_or_anything_up_to_4() -> None:
    rng = np.random.default_rng(1)
    scales = [random_scale(rng) for _ in range(400)]
    assert 1 <= min(scales) < 1.5
    assert max(scales) == 4
    whole = [scale for scale in scales if scale in WHOLE_SCALES]
    assert 200 < len(whole) < 320
    assert set(whole) == set(WHOLE_SCALES)


def test_pairs_show_the_same_at_two_sizes() -> None:
    photos = [pyramid(picture(120, 100))]
    assert [photo.shape[1] for photo in photos[0]] == [round(120 * size) for size in SIZES]
    smaller, pieces = random_pairs(photos, 12, 20, 60, np.random.default_rng(2))
    for small, piece in zip(smaller, pieces, strict=True):
        assert psnr_db(np.rint(area_means(piece, (20, 20))).astype(np.uint8), small) > 30
    assert len({piece.tobytes() for piece in pieces}) == 12


def test_most_smaller_pieces_are_not_the_means_of_areas() -> None:
    photos = [pyramid(picture(120, 100))]
    smaller, pieces = random_pairs(photos, 40, 20, 60, np.random.default_rng(3))
    means = [np.rint(area_means(piece, (20, 20))) for piece in pieces]
    exact = sum(np.array_equal(a, b) for a, b in zip(means, smaller, strict=True))
    assert 5 <= exact <= 20


def test_pairs_follow_their_random_numbers() -> None:
    photos = [pyramid(picture(120, 100))]
    first, again, other = (
        random_pairs(photos, 2, 20, 60, np.random.default_rng(seed))[1] for seed in (4, 4, 5)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)

from __future__ import annotations

import numpy as np
import pytest

from imgnet.image.alpha import filled


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (13, 21)])
def test_visible_colours_stay_and_the_others_lie_between_them(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(3)
    colours = rng.uniform(50, 90, (*size, 3)).astype(np.float32)
    alpha = rng.integers(0, 2, (*size, 1)).astype(np.float32)
    alpha[0, 0] = 0.5
    is_visible = alpha[..., 0] > 0
    hidden = np.where(is_visible[..., None], colours, 1e6).astype(np.float32)
    result = filled(hidden, alpha)
    assert np.array_equal(result[is_visible], colours[is_visible])
    assert result.min() >= 49.99
    assert result.max() <= 90.01


def test_the_nearest_colour_is_taken() -> None:
    colours = np.zeros((4, 16, 1), np.float32)
    colours[:, :2], colours[:, 14:] = 10, 200
    alpha = (colours > 0).astype(np.float32)
    result = filled(colours, alpha)
    assert (result[:, 2:4] == 10).all()
    assert (result[:, 12:] == 200).all()


def test_nothing_visible_gives_something() -> None:
    assert np.isfinite(
        filled(np.ones((5, 3, 3), np.float32), np.zeros((5, 3, 1), np.float32))
    ).all()

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from imgnet.codec.render.cosine import TERMS, Axis, integrals


def test_terms_are_integrated_over_the_part_of_a_cell_in_each_pixel() -> None:
    edges = np.array([0.3, 1.1, 1.9])
    found = integrals(edges, np.arange(3))
    for cell, (begin, end) in enumerate(pairwise(edges)):
        step = (end - begin) / 100_000
        places = begin + (np.arange(100_000) + 0.5) * step
        for pixel in range(3):
            inside = places[(places >= pixel) & (places < pixel + 1)] - pixel
            for term in range(TERMS):
                expected = np.cos(np.pi * term * inside).sum() * step
                assert found[cell, pixel, term] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("axis", [Axis(0, 12, 30), Axis(7, 5, 15), Axis(3, 8, 8)])
def test_every_cell_begins_in_one_pixel(axis: Axis) -> None:
    pixels = [range(p, p + 1) for p in range(axis.start, axis.start + axis.length)]
    assert [cell for p in pixels for cell in axis.beginning_in(p)] == list(range(axis.count))


def test_cells_over_pixels_are_all_that_have_a_part_in_them() -> None:
    axis = Axis(start=10, length=4, count=10)  # cells of 0.4 pixels
    cells = axis.over(range(11, 13))
    assert cells.begin == 2  # from 10.8 to 11.2
    touching = cells.integrals[..., 0] > 1e-9
    assert touching.any(axis=1).all()
    assert touching.sum() == 6  # of which none but the outermost lie in another pixel


def test_cells_go_on_beyond_a_crop() -> None:
    assert Axis(start=10, length=4, count=8).over(range(9, 11)).begin == -2


@pytest.mark.parametrize(("length", "count"), [(6, 12), (6, 24), (5, 15), (7, 7)])
def test_cells_of_whole_scales_lie_in_one_pixel(length: int, count: int) -> None:
    axis = Axis(0, length, count)
    assert axis.is_aligned
    assert ((axis.over(range(length)).integrals[..., 0] > 0).sum(axis=1) == 1).all()
    assert not Axis(0, length, count + 1).is_aligned


@pytest.mark.parametrize("count", [12, 13, 29])
def test_means_of_even_pixels_are_these(count: int) -> None:
    cells = Axis(0, 12, count).over(range(12))
    assert np.allclose(cells.means(np.full((12, 1, 2), 7, np.float32)), 7)
    assert np.allclose(cells.averages(np.full((count, 2), 7, np.float32)), 7)


def test_averages_of_means_are_the_constant_terms_at_whole_scales() -> None:
    series = np.random.default_rng(1).normal(size=(6, TERMS, 5, 2)).astype(np.float32)
    cells = Axis(0, 6, 18).over(range(6))
    assert np.allclose(cells.averages(cells.means(series)), series[:, 0], atol=1e-6)

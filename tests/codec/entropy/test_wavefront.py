"""Order of latents and their inputs to the context model."""

from __future__ import annotations

import numpy as np
import pytest

from imgnet.codec.entropy import wavefront
from imgnet.codec.entropy.context import ContextModel, Distributions
from imgnet.codec.entropy.wavefront import (
    Neighbourhood,
    decode_level,
    distributions_of_level,
    wavefronts,
)
from imgnet.neighbourhood import CAUSAL, PARENTS
from support.contexts import (
    coarse_weights,
    model,
    parents_of,
    random_grids,
    random_weights,
    same,
)

SIZES = [(1, 1), (1, 7), (7, 1), (2, 2), (5, 4), (13, 21), (3, 40), (40, 3)]


def at(grid: np.ndarray | None, y: int, x: int) -> int:
    if grid is None or not (0 <= y < grid.shape[0] and 0 <= x < grid.shape[1]):
        return 0
    return int(grid[y, x])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("has_parent", [True, False])
def test_neighbours_are_where_they_should_be(size: tuple[int, int], has_parent: bool) -> None:
    grids, parents = random_grids(*size), parents_of(*size) if has_parent else None
    around = Neighbourhood(size, 2, parents)
    around.fill(grids)
    height, width = size
    expected = [
        [at(grid, y + dy, x + dx) for dy, dx in CAUSAL]
        + [at(parent, y // 2 + dy, x // 2 + dx) for dy, dx in PARENTS]
        for grid, parent in zip(grids, [None, None] if parents is None else parents, strict=True)
        for y in range(height)
        for x in range(width)
    ]
    assert around.gather_chunk(0, height).T.tolist() == expected
    assert np.array_equal(around.grids(), grids)
    for y in range(height):
        row, last = around.gather(slice(y, y + 1), 2 * y + width - 1), (y + 1) * width - 1
        assert row.T.tolist() == [expected[last], expected[height * width + last]]


# The order


@pytest.mark.parametrize("size", SIZES)
def test_wavefronts_are_in_the_order_of_the_decoder(size: tuple[int, int]) -> None:
    position = 0

    def read(distributions: Distributions) -> np.ndarray:
        nonlocal position
        position += len(distributions.whole)
        return np.arange(position - len(distributions.whole), position)

    decoded, whole = decode_level(model(), size, 2, None, read)
    assert whole
    assert decoded.ravel()[wavefronts(2, *size)].tolist() == list(range(2 * size[0] * size[1]))


@pytest.mark.parametrize("size", SIZES)
def test_wavefronts_come_by_rising_t_grid_and_row(size: tuple[int, int]) -> None:
    order = wavefronts(3, *size)
    points = np.stack(np.unravel_index(order, (3, *size)), axis=1).tolist()
    assert points == sorted(points, key=lambda point: (point[2] + 2 * point[1], point[:2]))
    assert sorted(order.tolist()) == list(range(3 * size[0] * size[1]))


def in_order(distributions: Distributions, order: np.ndarray) -> Distributions:
    return Distributions(*(part.ravel()[order] for part in distributions))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("has_parent", "num_features"), [(False, 0), (True, 0), (True, 3)])
def test_encoder_and_decoder_see_the_same_distributions(
    size: tuple[int, int], has_parent: bool, num_features: int
) -> None:
    grids, parents = random_grids(*size), parents_of(*size) if has_parent else None
    weights = coarse_weights(num_features, 2, 3000) if num_features else random_weights()
    both = ContextModel(weights)
    coarser = {} if parents is None else {(p, 1): parents[p] for p in (0, 1)}
    features = both.coarse_features(0, [0, 1], coarser)
    of_level, order = both.of_level(0, [(2, 0), (3, 1)]), wavefronts(2, *size)
    values, seen = grids.ravel()[order], list[Distributions]()

    def read(distributions: Distributions) -> np.ndarray:
        begin = sum(len(earlier.whole) for earlier in seen)
        seen.append(distributions)
        return values[begin : begin + len(distributions.whole)]

    assert np.array_equal(decode_level(of_level, size, 2, parents, read, features)[0], grids)
    joined = Distributions(*(np.concatenate(parts) for parts in zip(*seen, strict=True)))
    whole = distributions_of_level(of_level, grids, parents, features)
    assert same(joined, in_order(whole, order))
    if features is not None:
        blind = distributions_of_level(of_level, grids, parents, np.zeros_like(features))
        assert not same(whole, blind)


def test_a_distribution_depends_on_no_latent_that_comes_later() -> None:
    grids, order = random_grids(6, 9), wavefronts(2, 6, 9)
    whole = in_order(distributions_of_level(model(), grids, None), order)
    for position in range(0, 108, 7):
        changed = grids.copy()
        changed.ravel()[order[position:]] += 1000
        distributions = in_order(distributions_of_level(model(), changed, None), order)
        until = np.arange(position + 1)
        assert same(distributions.at(until), whole.at(until))
        assert position > 100 or not same(distributions, whole)


def test_chunks_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    grids, parents = random_grids(13, 21), parents_of(13, 21)
    whole = distributions_of_level(model(), grids, parents)
    for chunk in (1, 21, 50, 1000):
        monkeypatch.setattr(wavefront, "_CHUNK", chunk)
        assert same(distributions_of_level(model(), grids, parents), whole)

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from imgnet.codec.entropy import context
from imgnet.codec.entropy.context import (
    COARSE_BITS,
    LARGEST_COARSE,
    LARGEST_HIDDEN,
    LARGEST_LATENT,
    ContextModel,
    Distributions,
    Neighbourhood,
    decode_level,
    distributions_of_level,
    wavefronts,
)
from imgnet.codec.entropy.distributions import NUM_SCALES, reach
from imgnet.codec.entropy.fixed_point import LARGEST_WEIGHT
from imgnet.codec.format.header import MODES
from imgnet.neighbourhood import CAUSAL, NUM_INPUTS, NUM_NEIGHBOURS, PARENTS
from imgnet.spec import MAX_COARSE, MAX_GRID_DIM, MAX_LEVELS, RANGES, coarse_name

EXACT = 1 << 53  # all whole numbers up to here are floats
SIZES = [(1, 1), (1, 7), (7, 1), (2, 2), (5, 4), (13, 21), (3, 40), (40, 3)]

Model = Callable[[np.ndarray], Distributions]
Weights = dict[str, np.ndarray]


def random_weights(dim: int = 5, seed: int = 1, spread: int = 4000) -> Weights:
    rng = np.random.default_rng(seed)

    def draw(*shape: int) -> np.ndarray:
        values = rng.integers(-spread, spread + 1, shape)
        return np.clip(values, -LARGEST_WEIGHT, LARGEST_WEIGHT).astype(np.float64)

    return {
        "context.first.weight": draw(dim + 2, NUM_INPUTS),
        "context.first.bias": draw(dim),
        "context.second.weight": draw(dim, dim),
        "context.second.bias": draw(dim),
        "context.last.weight": draw(2, dim),
        "context.last.bias": draw(4, 2),
    }


def largest_weights(seed: int) -> Weights:
    """Draw weights near the limits, mostly positive, so that sums come near theirs."""
    rng = np.random.default_rng(seed)
    weights = random_weights(MAX_GRID_DIM)
    for name, array in weights.items():
        signs = rng.choice([-1, 1, 1, 1], array.shape) if "first" in name else 1
        weights[name] = (LARGEST_WEIGHT - rng.integers(0, 99, array.shape)) * signs * 1.0
    return weights


def model(seed: int = 1) -> Model:
    return ContextModel(random_weights(seed=seed)).of_level(3, [(2, 1), (3, 0)])


def random_grids(height: int, width: int, seed: int = 2) -> np.ndarray:
    return np.random.default_rng(seed).integers(-40, 40, (2, height, width))


def parents_of(height: int, width: int) -> np.ndarray:
    return random_grids(-(-height // 2), -(-width // 2), seed=3)


def same(a: Distributions, b: Distributions) -> bool:
    parts = [(a.whole, b.whole), (a.fraction, b.fraction), (a.scale, b.scale)]
    return all(np.array_equal(x, y) for x, y in parts)


def at(grid: np.ndarray | None, y: int, x: int) -> int:
    if grid is None or not (0 <= y < grid.shape[0] and 0 <= x < grid.shape[1]):
        return 0
    return int(grid[y, x])


def distribution_in_integers(
    weights: Weights, n: list[int], index: int, pyramid: int, level: int
) -> tuple[int, int, int]:
    """Compute in integers of Python what a model computes in floats."""
    w = {name.removeprefix("context."): a.astype(int).tolist() for name, a in weights.items()}
    dim = len(w["first.bias"])
    where = [level, min(pyramid, 1)]
    s = [(dot(row[:23], n) >> 3) + (dot(row[23:], where) >> 3) for row in w["first.weight"]]
    u = [limited(a + b) for a, b in zip(s[:dim], w["first.bias"], strict=True)]
    products = [dot(row, u) >> 15 for row in w["second.weight"]]
    v = [limited(a + b) for a, b in zip(products, w["second.bias"], strict=True)]
    h = [a + b for a, b in zip(u, v, strict=True)]
    location, scale = (
        s[dim + i] + w["last.bias"][index][i] + (dot(w["last.weight"][i], h) >> 15) for i in (0, 1)
    )
    location = min(max((location + 64) >> 7, -(2**17)), 2**17)
    return location >> 5, location % 32, min(max(((scale + 256) >> 9) + 36, 0), 75)


def dot(a: list[int], b: list[int]) -> int:
    return sum(x * y for x, y in zip(a, b, strict=True))


def limited(x: int) -> int:
    return min(max(x, 0), LARGEST_HIDDEN)


# The bounds


def test_no_sum_is_too_large_to_be_exact() -> None:
    # While a grid is decoded a escape is any number of 16 bits; only then it is refused.
    latent = max(1 << 15, LARGEST_LATENT + max(map(reach, range(NUM_SCALES))) + 1)
    dim = RANGES["grid"]["dim_context"].stop - 1
    first = NUM_NEIGHBOURS * LARGEST_WEIGHT * latent
    where = LARGEST_WEIGHT * (MAX_LEVELS - 1) + LARGEST_WEIGHT
    second = dim * LARGEST_WEIGHT * LARGEST_HIDDEN
    last = dim * LARGEST_WEIGHT * 2 * LARGEST_HIDDEN
    output = first + where + last + 3 * LARGEST_WEIGHT  # before anything is divided
    assert max(first + where, second, last) < EXACT
    assert (output >> context.WEIGHT_BITS) + first < EXACT


def test_wider_context_models_would_not_be_exact() -> None:
    assert 2 * MAX_GRID_DIM * LARGEST_WEIGHT * 2 * LARGEST_HIDDEN > EXACT


@pytest.mark.parametrize("seed", range(3))
def test_the_largest_weights_give_what_integers_give(seed: int) -> None:
    weights = largest_weights(seed)
    neighbours = np.random.default_rng(seed).integers(-(1 << 15), 1 << 15, (23, 4))
    distributions = ContextModel(weights).of_level(11, [(1, 2)])(neighbours * 1.0)
    expected = [distribution_in_integers(weights, n, 1, 2, 11) for n in neighbours.T.tolist()]
    assert (
        list(zip(distributions.whole, distributions.fraction, distributions.scale, strict=True))
        == expected
    )


# Coarse features


def coarse_weights(num_features: int, num_sources: int, spread: int) -> Weights:
    """Draw the weights of a model whose two grids of level 0 have coarse features."""
    rng, weights = np.random.default_rng(4), random_weights()
    shape = num_features, num_sources
    for pyramid in (0, 1):
        name = coarse_name(pyramid, 0)
        weights[name] = rng.integers(-spread, spread + 1, shape).astype(np.float64)
    weights["context.first.weight"] = np.hstack(
        [weights["context.first.weight"], rng.integers(-4000, 4000, (7, num_features)) * 1.0]
    )
    return weights


@pytest.mark.parametrize("spread", [3000, LARGEST_WEIGHT])
def test_coarse_features_are_those_of_integers(spread: int) -> None:
    rng = np.random.default_rng(5)
    sizes = {2: (3, 4), 1: (5, 7)}  # of the levels above level 0 of 10x13
    coarser = {(p, m): rng.integers(-4096, 4097, sizes[m]) for m in (2, 1) for p in (0, 1)}
    weights = coarse_weights(3, 4, spread)
    features = ContextModel(weights).coarse_features(0, [0, 1], coarser)
    assert features.shape == (2, 3, 5, 7)
    for pyramid, k, y, x in np.ndindex(features.shape):
        at = [int(grid[y >> m - 1, x >> m - 1]) for (_, m), grid in coarser.items()]
        row = weights[coarse_name(pyramid, 0)][k].astype(int).tolist()
        wanted = min(max(dot(row, at) >> 7, -(2**23)), 2**23)
        assert features[pyramid, k, y, x] * 2**COARSE_BITS == wanted


def test_no_sum_of_coarse_features_is_too_large_to_be_exact() -> None:
    sources = max(MODES.values()) * MAX_LEVELS
    assert sources * LARGEST_WEIGHT * LARGEST_LATENT < EXACT
    latent = max(1 << 15, LARGEST_LATENT + max(map(reach, range(NUM_SCALES))) + 1)
    inputs = NUM_NEIGHBOURS * latent + MAX_COARSE * LARGEST_COARSE
    # Sums of latents and features count in fractions of a feature.
    assert inputs * LARGEST_WEIGHT << COARSE_BITS < EXACT


@pytest.mark.parametrize("size", SIZES)
def test_encoder_and_decoder_see_the_same_distributions_with_coarse_features(
    size: tuple[int, int],
) -> None:
    grids, parents, order = random_grids(*size), parents_of(*size), wavefronts(2, *size)
    model = ContextModel(coarse_weights(3, 2, 3000))
    features = model.coarse_features(0, [0, 1], {(p, 1): parents[p] for p in (0, 1)})
    of_level, values, seen = model.of_level(0, [(2, 0), (3, 1)]), grids.ravel()[order], []

    def read(distributions: Distributions) -> np.ndarray:
        begin = sum(len(earlier.whole) for earlier in seen)
        seen.append(distributions)
        return values[begin : begin + len(distributions.whole)]

    decoded = decode_level(of_level, size, 2, parents, read, features)
    assert np.array_equal(decoded, grids)
    joined = Distributions(*(np.concatenate(parts) for parts in zip(*seen, strict=True)))
    whole = distributions_of_level(of_level, grids, parents, features)
    assert same(joined, in_order(whole, order))
    without = distributions_of_level(of_level, grids, parents, np.zeros_like(features))
    assert not same(whole, without)


# The model


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("spread", [300, 4000, 60_000])
def test_laws_are_those_of_integers(seed: int, spread: int) -> None:
    weights = random_weights(seed=seed, spread=spread)
    neighbours = np.random.default_rng(seed).integers(-50, 50, (23, 30))
    for index, pyramid, level in [(0, 0, 6), (3, 1, 0), (2, 3, 2)]:
        distributions = ContextModel(weights).of_level(level, [(index, pyramid)])(neighbours * 1.0)
        got = list(
            zip(distributions.whole, distributions.fraction, distributions.scale, strict=True)
        )
        expected = [
            distribution_in_integers(weights, n, index, pyramid, level) for n in neighbours.T
        ]
        assert got == expected


def test_laws_differ_from_latent_to_latent() -> None:
    # Otherwise the comparisons in this file would compare little.
    distributions = distributions_of_level(model(), random_grids(13, 21), parents_of(13, 21))
    assert len(np.unique(distributions.whole)) > 5
    assert len(np.unique(distributions.fraction)) > 20
    assert len(np.unique(distributions.scale)) > 10


def test_locations_and_scales_are_limited() -> None:
    weights = {name: np.zeros_like(array) for name, array in random_weights(spread=1).items()}
    weights["context.first.weight"][-2:] = LARGEST_WEIGHT
    neighbours = np.full((23, 3), 3000.0) * [-1, 0, 1]
    distributions = ContextModel(weights).of_level(0, [(0, 0)])(neighbours)
    assert distributions.whole.tolist() == [-LARGEST_LATENT, 0, LARGEST_LATENT]
    assert distributions.fraction.tolist() == [0, 0, 0]
    assert distributions.scale.tolist() == [0, 36, NUM_SCALES - 1]


# The neighbours


def test_all_causal_neighbours_lie_on_earlier_wavefronts() -> None:
    assert all(dx + 2 * dy < 0 for dy, dx in CAUSAL)
    assert len(set(CAUSAL)) == len(CAUSAL)


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

    decoded = decode_level(model(), size, 2, None, read)
    assert decoded.ravel()[wavefronts(2, *size)].tolist() == list(range(2 * size[0] * size[1]))


@pytest.mark.parametrize("size", SIZES)
def test_wavefronts_come_by_rising_t_grid_and_row(size: tuple[int, int]) -> None:
    order = wavefronts(3, *size)
    points = np.stack(np.unravel_index(order, (3, *size)), axis=1).tolist()
    assert points == sorted(points, key=lambda point: (point[2] + 2 * point[1], point[:2]))
    assert sorted(order.tolist()) == list(range(3 * size[0] * size[1]))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("has_parent", [True, False])
def test_encoder_and_decoder_see_the_same_laws(size: tuple[int, int], has_parent: bool) -> None:
    grids, parents = random_grids(*size), parents_of(*size) if has_parent else None
    order = wavefronts(2, *size)
    values, seen = grids.ravel()[order], list[Distributions]()

    def read(distributions: Distributions) -> np.ndarray:
        begin = sum(len(earlier.whole) for earlier in seen)
        seen.append(distributions)
        return values[begin : begin + len(distributions.whole)]

    assert np.array_equal(decode_level(model(), size, 2, parents, read), grids)
    joined = Distributions(*(np.concatenate(parts) for parts in zip(*seen, strict=True)))
    assert same(joined, in_order(distributions_of_level(model(), grids, parents), order))


def in_order(distributions: Distributions, order: np.ndarray) -> Distributions:
    return Distributions(*(part.ravel()[order] for part in distributions))


def test_a_law_depends_on_no_latent_that_comes_later() -> None:
    grids, order = random_grids(6, 9), wavefronts(2, 6, 9)
    whole = in_order(distributions_of_level(model(), grids, None), order)
    for position in range(0, 108, 7):
        changed = grids.copy()
        changed.ravel()[order[position:]] += 1000
        distributions = in_order(distributions_of_level(model(), changed, None), order)
        until = np.arange(position + 1)
        assert same(distributions.at(until), whole.at(until))
        assert position > 100 or not same(distributions, whole)


def test_bands_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    grids, parents = random_grids(13, 21), parents_of(13, 21)
    whole = distributions_of_level(model(), grids, parents)
    for chunk in (1, 21, 50, 1000):
        monkeypatch.setattr(context, "_CHUNK", chunk)
        assert same(distributions_of_level(model(), grids, parents), whole)

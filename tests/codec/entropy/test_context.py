from __future__ import annotations

import numpy as np
import pytest

from imgnet.codec.entropy import context
from imgnet.codec.entropy.context import (
    COARSE_BITS,
    LARGEST_COARSE,
    LARGEST_HIDDEN,
    LARGEST_LATENT,
    ContextModel,
)
from imgnet.codec.entropy.distributions import NUM_SCALES, reach
from imgnet.codec.entropy.fixed_point import LARGEST_WEIGHT
from imgnet.codec.entropy.wavefront import distributions_of_level
from imgnet.codec.format.header import MODES
from imgnet.neighbourhood import NUM_NEIGHBOURS
from imgnet.spec import MAX_COARSE, MAX_GRID_DIM, MAX_LEVELS, RANGES, coarse_name
from support.contexts import (
    Weights,
    coarse_weights,
    model,
    parents_of,
    random_grids,
    random_weights,
)

EXACT = 1 << 53  # all whole numbers up to here are floats


def largest_weights(seed: int) -> Weights:
    """Draw weights near the limits, mostly positive, so that sums come near theirs."""
    rng = np.random.default_rng(seed)
    weights = random_weights(MAX_GRID_DIM)
    for name, array in weights.items():
        signs = rng.choice([-1, 1, 1, 1], array.shape) if "first" in name else 1
        weights[name] = (LARGEST_WEIGHT - rng.integers(0, 99, array.shape)) * signs * 1.0
    return weights


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


# The model


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("spread", [300, 4000, 60_000])
def test_distributions_are_those_of_integers(seed: int, spread: int) -> None:
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


def test_distributions_differ_from_latent_to_latent() -> None:
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

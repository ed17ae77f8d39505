"""Context models with random weights, and grids for them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from imgnet.codec.entropy.context import ContextModel, Distributions
from imgnet.codec.entropy.fixed_point import LARGEST_WEIGHT
from imgnet.neighbourhood import NUM_INPUTS
from imgnet.spec import coarse_name

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


def model(seed: int = 1) -> Model:
    return ContextModel(random_weights(seed=seed)).of_level(3, [(2, 1), (3, 0)])


def random_grids(height: int, width: int, seed: int = 2) -> np.ndarray:
    return np.random.default_rng(seed).integers(-40, 40, (2, height, width))


def parents_of(height: int, width: int) -> np.ndarray:
    return random_grids(-(-height // 2), -(-width // 2), seed=3)


def same(a: Distributions, b: Distributions) -> bool:
    parts = [(a.whole, b.whole), (a.fraction, b.fraction), (a.scale, b.scale)]
    return all(np.array_equal(x, y) for x, y in parts)


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

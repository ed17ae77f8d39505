"""Context model: the distribution of each latent from earlier ones, in exact integers.

A latent is predicted from its neighbours and its coarse features (see `neighbourhood.py`). The
features depend on coarser levels alone and are computed for a whole level at once.

All numbers are whole numbers in float64 (see `fixed_point.py`); `test_context.py` proves that none
gets too large to be exact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from imgnet.codec.entropy.distributions import LOCATIONS, LOWEST_SCALE_LOG2, NUM_SCALES
from imgnet.codec.entropy.fixed_point import FRACTION_BITS, WEIGHT_BITS, clamp, multiply
from imgnet.neighbourhood import NUM_INPUTS, NUM_NEIGHBOURS, place_of
from imgnet.spec import coarse_name

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
Features = NDArray[np.float32]  # which holds coarse features exactly
Grids = Mapping[tuple[int, int], NDArray[np.integer]]  # by pyramid and level

LARGEST_LATENT = 1 << 12
LARGEST_HIDDEN = (1 << 24) - 1  # in units of 2**-12, as all activations
COARSE_BITS = 8  # fraction bits of a coarse feature
LARGEST_COARSE = 1 << 15

EXCESS_BITS = WEIGHT_BITS - FRACTION_BITS  # of a weight times a latent, which is whole
_ONE = 1 << FRACTION_BITS
_LOCATION_BITS = LOCATIONS.bit_length() - 1
# Of locations and scales: units a step, what makes rounding down rounding, and their range.
LOCATION_STEP, SCALE_STEP = _ONE // LOCATIONS, _ONE // 8
_PER_STEP = np.array([[1 / LOCATION_STEP], [1 / SCALE_STEP]])
_SCALE_OFFSET = -int(LOWEST_SCALE_LOG2 * 8) * SCALE_STEP
_STRIP_ROWS = 64  # whose coarse features are computed at a time
_HALVES = np.array([LOCATION_STEP // 2, SCALE_STEP // 2 + _SCALE_OFFSET])
_MOST = np.array([[LARGEST_LATENT * LOCATIONS], [NUM_SCALES - 1]], np.float64)
_LEAST = np.array([[-LARGEST_LATENT * LOCATIONS], [0]], np.float64)


class Distributions(NamedTuple):
    """Distributions of latents, element by element.

    Attributes:
        whole: Whole part of the location, int64.
        fraction: Rest of the location, in 1/32.
        scale: Index of the scale, 0..75.
    """

    whole: Integers
    fraction: Integers
    scale: Integers

    def at(self, indices: Integers | int) -> Distributions:
        """Return the distributions of some elements."""
        return Distributions(self.whole[indices], self.fraction[indices], self.scale[indices])


@dataclass(frozen=True)
class LevelModel:
    """The map from neighbours to distributions of the G grids of a level.

    Attributes:
        first: (E + 2, K) weights of neighbours and coarse features; the last rows are a linear
            path to location and scale.
        bias: (E + 2, G), to which the place of each grid has been added, and to locations and
            scales half a step.
        second: (E, E).
        second_bias: (E,).
        last: (2, E).
    """

    first: Array
    bias: Array
    second: Array
    second_bias: Array
    last: Array

    def __call__(self, neighbours: Array) -> Distributions:
        """Return the distributions (G N) of latents with the neighbours (K, G N).

        The first N latents are of the first grid, and so on.
        """
        stacked = multiply(self.first, neighbours, None, EXCESS_BITS)
        of_grids = stacked.reshape(len(stacked), self.bias.shape[1], -1)
        of_grids += self.bias[:, :, None]
        hidden, output = stacked[:-2], stacked[-2:]
        clamp(hidden, 0, LARGEST_HIDDEN)
        residual = multiply(self.second, hidden, self.second_bias[:, None])
        hidden += clamp(residual, 0, LARGEST_HIDDEN)
        output += multiply(self.last, hidden)
        return _distributions(output)


class ContextModel:
    """The network that maps the neighbours of latents to their distributions.

    Args:
        weights: Parameters of the network in fixed point, as `fixed_point.from_real` gives them.
    """

    def __init__(self, weights: Mapping[str, Array]) -> None:
        self._first = weights["context.first.weight"]
        self._first_bias = weights["context.first.bias"]
        self._second = weights["context.second.weight"]
        self._second_bias = weights["context.second.bias"]
        self._last = weights["context.last.weight"]
        self._last_bias = weights["context.last.bias"]
        self._weights = weights

    def of_level(self, level: int, grids: Sequence[tuple[int, int]]) -> LevelModel:
        """Return the model of the grids of a level.

        Args:
            level: Of all G grids.
            grids: Index of each in the order of the file, and the pyramid that it belongs to.
        """
        first = self._first[:, :NUM_NEIGHBOURS]
        if coarse_name(grids[0][1], level) in self._weights:
            first = np.hstack([first, self._first[:, NUM_INPUTS:]])
        bias = np.stack([self._bias(level, *grid) for grid in grids], axis=1)
        return LevelModel(
            np.ascontiguousarray(first), bias, self._second, self._second_bias, self._last
        )

    def _bias(self, level: int, index: int, pyramid: int) -> Array:
        """Return the bias (E + 2) of the first layer in a grid; `_distributions` rounds down."""
        where = np.array(place_of(pyramid, level), np.float64)[:, None]
        to_place = self._first[:, NUM_NEIGHBOURS:NUM_INPUTS]
        bias = multiply(to_place, where, None, EXCESS_BITS)[:, 0]
        bias[:-2] += self._first_bias
        bias[-2:] += self._last_bias[index]
        bias[-2:] += _HALVES
        return bias

    def coarse_features(
        self, level: int, pyramids: Sequence[int], coarser: Grids
    ) -> Features | None:
        """Return the coarse features (G, K, h, w) of a level, for each parent of its latents.

        Args:
            level: Of all G grids.
            pyramids: The pyramid that each belongs to.
            coarser: All grids of coarser levels by pyramid and level, in the order of the file.

        Returns:
            Multiples of 2**-COARSE_BITS; None if the level has no coarse features.
        """
        names = [coarse_name(pyramid, level) for pyramid in pyramids]
        if names[0] not in self._weights:
            return None
        return np.stack([_coarse_features(self._weights[name], coarser) for name in names])


def _coarse_features(weights: Array, coarser: Grids) -> Features:
    """Return the coarse features (K, h, w) of a grid from its weights (K, number of sources)."""
    finest = min(level for _, level in coarser)
    height, width = next(grid.shape for (_, level), grid in coarser.items() if level == finest)
    features = np.empty((len(weights), height, width), np.float32)
    for top in range(0, height, _STRIP_ROWS):
        rows = np.arange(top, min(top + _STRIP_ROWS, height))
        features[:, rows] = _coarse_features_of_rows(weights, coarser, finest, rows, width)
    return features


def _coarse_features_of_rows(
    weights: Array, coarser: Grids, finest: int, rows: Integers, width: int
) -> Array:
    """Return some rows of the coarse features; sums of integers are exact in any order."""
    total = np.zeros((len(weights), len(rows), width))
    columns, used = np.arange(width), 0
    for level, group in groupby(coarser.items(), lambda item: item[0][1]):
        above, shift = np.unique(rows >> level - finest), level - finest
        grids = np.stack([grid[above] for _, grid in group]).astype(np.float64)
        number = len(grids)
        of_level = multiply(weights[:, used : used + number], grids.reshape(number, -1), None, 0)
        of_level = of_level.reshape(len(weights), *grids.shape[1:])
        total += of_level[:, (rows >> shift) - above[0]][:, :, columns >> shift]
        used += number
    total *= 2.0 ** (COARSE_BITS - WEIGHT_BITS)
    most = LARGEST_COARSE << COARSE_BITS
    clamp(np.floor(total, out=total), -most, most)
    total *= 2.0**-COARSE_BITS
    return total


def _distributions(output: Array) -> Distributions:
    """Return the distributions for locations and scales (2, N) with half a step added."""
    output *= _PER_STEP
    np.floor(output, out=output)
    location, scale = clamp(output, _LEAST, _MOST).astype(np.int64)
    return Distributions(location >> _LOCATION_BITS, location & (LOCATIONS - 1), scale)

"""Context model: the distribution of each latent from earlier ones, in exact integers.

A latent is predicted from its neighbours and its coarse features (see `neighbourhood.py`). The
features depend on coarser levels alone and are computed for a whole level at once.

All numbers are whole numbers in float64 (see `fixed_point.py`); `test_context.py` proves that none
gets too large to be exact.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
Grids = Mapping[tuple[int, int], NDArray[np.integer]]  # by pyramid and level

LARGEST_LATENT = 1 << 12
LARGEST_HIDDEN = (1 << 24) - 1  # in units of 2**-12, as all activations
COARSE_BITS = 8  # fraction bits of a coarse feature
LARGEST_COARSE = 1 << 15

_EXCESS_BITS = WEIGHT_BITS - FRACTION_BITS  # of a weight times a latent, which is whole
_ONE = 1 << FRACTION_BITS
_LOCATION_BITS = LOCATIONS.bit_length() - 1
# Of locations and scales: units a step, what makes rounding down rounding, and their range.
_LOCATION_STEP, _SCALE_STEP = _ONE // LOCATIONS, _ONE // 8
_PER_STEP = np.array([[1 / _LOCATION_STEP], [1 / _SCALE_STEP]])
_SCALE_OFFSET = -int(LOWEST_SCALE_LOG2 * 8) * _SCALE_STEP
_HALVES = np.array([_LOCATION_STEP // 2, _SCALE_STEP // 2 + _SCALE_OFFSET])
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


class ContextModel:
    """The network that maps the neighbours of latents to their distributions.

    Args:
        weights: Parameters of the network in fixed point, as `fixed_point.from_real` gives them.
    """

    def __init__(self, weights: Mapping[str, Array]) -> None:
        self._first = weights["context.first.weight"]
        self._first_bias = weights["context.first.bias"]
        self._second = weights["context.second.weight"]
        self._second_bias = weights["context.second.bias"][:, None]
        self._last = weights["context.last.weight"]
        self._last_bias = weights["context.last.bias"]
        self._weights = weights

    def of_level(
        self, level: int, grids: Sequence[tuple[int, int]]
    ) -> Callable[[Array], Distributions]:
        """Return the map from neighbours (K, G N) to distributions (G N) of a level.

        Args:
            level: Of all G grids.
            grids: Index of each in the order of the file, and the pyramid that it belongs to. The
                first N latents are of the first grid, and so on.
        """
        dim, first = len(self._second), self._first[:, :NUM_NEIGHBOURS]
        if coarse_name(grids[0][1], level) in self._weights:
            first = np.hstack([first, self._first[:, NUM_INPUTS:]])
        first = np.ascontiguousarray(first)
        bias = np.stack([self._bias(level, *grid) for grid in grids], axis=1)[:, :, None]

        def distributions(neighbours: Array) -> Distributions:
            stacked = multiply(first, neighbours, None, _EXCESS_BITS)
            of_grids = stacked.reshape(dim + 2, len(grids), -1)
            of_grids += bias
            hidden, output = stacked[:dim], stacked[dim:]
            clamp(hidden, 0, LARGEST_HIDDEN)
            residual = multiply(self._second, hidden, self._second_bias)
            hidden += clamp(residual, 0, LARGEST_HIDDEN)
            output += multiply(self._last, hidden)
            return _distributions(output)

        return distributions

    def _bias(self, level: int, index: int, pyramid: int) -> Array:
        """Return the bias (E + 2) of the first layer in a grid; `_distributions` rounds down."""
        where = np.array(place_of(pyramid, level), np.float64)[:, None]
        to_place = self._first[:, NUM_NEIGHBOURS:NUM_INPUTS]
        bias = multiply(to_place, where, None, _EXCESS_BITS)[:, 0]
        bias[:-2] += self._first_bias
        bias[-2:] += self._last_bias[index]
        bias[-2:] += _HALVES
        return bias

    def coarse_features(self, level: int, pyramids: Sequence[int], coarser: Grids) -> Array | None:
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


def _coarse_features(weights: Array, coarser: Grids) -> Array:
    """Return the coarse features (K, h, w) of a grid from its weights (K, number of sources)."""
    total, used = np.zeros((len(weights), 0, 0)), 0
    for _, group in groupby(coarser.items(), lambda item: item[0][1]):
        grids = np.stack([grid for _, grid in group]).astype(np.float64)
        number, height, width = grids.shape
        of_level = multiply(weights[:, used : used + number], grids.reshape(number, -1), None, 0)
        repeated = total.repeat(2, axis=1).repeat(2, axis=2)[:, :height, :width]
        total = of_level.reshape(-1, height, width)
        if used:
            total += repeated
        used += number
    features = np.floor(total * 2.0 ** (COARSE_BITS - WEIGHT_BITS))
    most = LARGEST_COARSE << COARSE_BITS
    return clamp(features, -most, most) * 2.0**-COARSE_BITS


def _distributions(output: Array) -> Distributions:
    """Return the distributions for locations and scales (2, N) with half a step added."""
    output *= _PER_STEP
    np.floor(output, out=output)
    np.maximum(output, _LEAST, out=output)
    location, scale = np.minimum(output, _MOST, out=output).astype(np.int64)
    return Distributions(location >> _LOCATION_BITS, location & (LOCATIONS - 1), scale)

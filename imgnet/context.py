"""The context model: the law of every latent from those decoded before it, in exact integers.

A latent is predicted from 14 latents of its own grid and 3x3 of the next coarser grid. The causal
shape advances two columns a row: with t = x + 2 y, all 14 lie on earlier t, so that everything of
one t, a wavefront, is decoded at once. Packing and unpacking run the same code, one on many rows of
a grid in one go, the other wavefront by wavefront.

All numbers are whole numbers in float64 (see `fixedpoint.py`); `test_context.py` proves that none
gets too large to be exact.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imgnet.fixedpoint import FRACTION_BITS, WEIGHT_BITS, clamp, multiply
from imgnet.laws import LOCATIONS, LOWEST_SCALE_LOG2, NUM_SCALES

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

# (dy, dx) of the causal neighbours, in the order of the weights.
CAUSAL = tuple(
    (dy, dx)
    for dy, columns in ((0, range(-3, 0)), (-1, range(-3, 2)), (-2, range(-2, 3)), (-3, range(1)))
    for dx in columns
)
PARENTS = tuple((dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1))
MARGIN = 3  # zeros around a grid, so that every neighbour exists
LARGEST_LATENT = 1 << 12
LARGEST_HIDDEN = (1 << 24) - 1  # in units of 2**-12, as all activations

_BAND = 1 << 14  # latents that are predicted at a time
_EXCESS_BITS = WEIGHT_BITS - FRACTION_BITS  # of a weight times a latent, which is whole
_ONE = 1 << FRACTION_BITS
_LOCATION_STEP = _ONE // LOCATIONS
_SCALE_STEP = _ONE // 8  # of log2 of the scale
_SCALE_OFFSET = int(LOWEST_SCALE_LOG2 * 8)


@dataclass(frozen=True)
class Laws:
    """Laws of latents, element by element.

    Attributes:
        whole: Whole part of the location, int64.
        fraction: Rest of the location, in 1/32.
        scale: Index of the scale, 0..75.
    """

    whole: Integers
    fraction: Integers
    scale: Integers

    def at(self, indices: Integers) -> Laws:
        """Return the laws of some elements."""
        return Laws(self.whole[indices], self.fraction[indices], self.scale[indices])


class ContextModel:
    """The network that maps the neighbours of latents to their laws.

    Args:
        weights: Parameters of the network in fixed point, as `fixedpoint.from_real` gives them.
    """

    def __init__(self, weights: Mapping[str, Array]) -> None:
        self._first = weights["context.first.weight"]
        self._first_bias = weights["context.first.bias"]
        self._second = weights["context.second.weight"]
        self._second_bias = weights["context.second.bias"][:, None]
        self._last = weights["context.last.weight"]
        self._last_bias = weights["context.last.bias"]

    def of_grid(self, index: int, pyramid: int, level: int) -> Callable[[Array], Laws]:
        """Return the map from neighbours (23, N) to laws (N) that holds in one grid.

        Args:
            index: Of the grid, in the order of the file.
            pyramid: That it belongs to.
            level: Of the grid.
        """
        dim = len(self._second)
        first = np.ascontiguousarray(self._first[:, :-2])
        where = np.array(place_of(pyramid, level), np.float64)
        bias = multiply(self._first[:, -2:], where, None, _EXCESS_BITS)
        bias[:dim] += self._first_bias
        bias[dim:] += self._last_bias[index]
        bias = bias[:, None]

        def laws(neighbours: Array) -> Laws:
            stacked = multiply(first, neighbours, bias, _EXCESS_BITS)
            hidden, output = stacked[:dim], stacked[dim:]
            clamp(hidden, 0, LARGEST_HIDDEN)
            residual = multiply(self._second, hidden, self._second_bias)
            hidden += clamp(residual, 0, LARGEST_HIDDEN)
            output += multiply(self._last, hidden)
            return _laws(output)

        return laws


def place_of(pyramid: int, level: int) -> tuple[int, int]:
    """Return what the context model is told about a grid, behind its 23 neighbours.

    >>> place_of(0, 3), place_of(2, 4)
    ((3, 0), (4, 1))
    """
    return level, min(pyramid, 1)


def _laws(output: Array) -> Laws:
    location, scale = output
    most = float(LARGEST_LATENT * LOCATIONS)
    location = np.floor((location + _LOCATION_STEP // 2) * (1 / _LOCATION_STEP))
    whole_location = clamp(location, -most, most).astype(np.int64)
    index = np.floor((scale + _SCALE_STEP // 2) * (1 / _SCALE_STEP)) - _SCALE_OFFSET
    return Laws(
        whole_location >> 5,
        whole_location & (LOCATIONS - 1),
        clamp(index, 0, NUM_SCALES - 1).astype(np.int64),
    )


def wavefronts(height: int, width: int) -> Integers:
    """Return the order in which the latents of a grid are coded, as indices into its rows.

    >>> wavefronts(2, 3).tolist()
    [0, 1, 2, 3, 4, 5]
    """
    y, x = np.divmod(np.arange(height * width), width)
    return np.argsort((x + 2 * y) * height + y, kind="stable")


class Neighbourhood:
    """Where the neighbours of a grid's latents lie in one flat array.

    The array holds the grid and then its parent, each with a margin of zeros.

    Args:
        size: (height, width) of the grid.
        parent: The next coarser grid, or None for the coarsest.
    """

    def __init__(self, size: tuple[int, int], parent: Integers | None) -> None:
        self.size = height, width = size
        above = np.zeros((-(-height // 2), -(-width // 2))) if parent is None else parent
        parent_stride = above.shape[1] + 2 * MARGIN
        self.stride = width + 2 * MARGIN
        own_size = (height + MARGIN) * self.stride
        padded = np.pad(above.astype(np.float64), MARGIN)
        self.values = np.concatenate([np.zeros(own_size), padded.ravel()])
        # At x = t - 2 y the index of a neighbour is a constant of the row plus t; of a parent, a
        # constant plus the whole half of t.
        y = np.arange(height)
        self.centre = (y + MARGIN) * self.stride - 2 * y + MARGIN
        parent_centre = own_size + ((y >> 1) + MARGIN) * parent_stride - y + MARGIN
        self._rows = np.concatenate(
            [
                _shifts(CAUSAL, self.stride)[:, None] + self.centre,
                _shifts(PARENTS, parent_stride)[:, None] + parent_centre,
            ]
        )
        self._halves = np.array([0] * len(CAUSAL) + [1] * len(PARENTS))[:, None]

    def fill(self, grid: Integers) -> None:
        """Set all latents of the grid."""
        height, width = self.size
        own = self.values[: (height + MARGIN) * self.stride].reshape(-1, self.stride)
        own[MARGIN:, MARGIN : MARGIN + width] = grid

    def grid(self) -> Integers:
        """Return all latents of the grid."""
        height, width = self.size
        own = self.values[: (height + MARGIN) * self.stride].reshape(-1, self.stride)
        return own[MARGIN:, MARGIN : MARGIN + width].astype(np.int64)

    def gather(self, rows: slice, t: Integers | int) -> Array:
        """Return the neighbours (23, N) of the latents of some rows at wavefront t (of each)."""
        neighbours: Array = self.values.take(self._rows[:, rows] + (np.asarray(t) >> self._halves))
        return neighbours

    def gather_band(self, top: int, bottom: int) -> Array:
        """Return the neighbours (23, N) of the latents of rows top..bottom, row by row."""
        _, width = self.size
        y, x = np.divmod(np.arange(top * width, bottom * width), width)
        neighbours: Array = self.values.take(self._rows[:, y] + ((x + 2 * y) >> self._halves))
        return neighbours


def _shifts(offsets: tuple[tuple[int, int], ...], stride: int) -> Integers:
    return np.array([dy * stride + dx for dy, dx in offsets])


def laws_of_grid(model: Callable[[Array], Laws], grid: Integers, parent: Integers | None) -> Laws:
    """Return the laws of all latents of a grid, row by row.

    Args:
        model: Of this grid.
        grid: (height, width) latents.
        parent: The next coarser grid, or None.
    """
    height, width = grid.shape
    around = Neighbourhood((height, width), parent)
    around.fill(grid)
    rows = max(1, _BAND // width)
    bands = [
        model(around.gather_band(top, min(top + rows, height))) for top in range(0, height, rows)
    ]
    return Laws(
        np.concatenate([band.whole for band in bands]),
        np.concatenate([band.fraction for band in bands]),
        np.concatenate([band.scale for band in bands]),
    )


def decode_grid(
    model: Callable[[Array], Laws],
    size: tuple[int, int],
    parent: Integers | None,
    read: Callable[[Laws], Integers],
) -> Integers:
    """Decode a grid, wavefront by wavefront.

    Args:
        model: Of this grid.
        size: (height, width) of the grid.
        parent: The next coarser grid, or None.
        read: Returns the latents that follow in the stream, given their laws.
    """
    height, width = size
    around = Neighbourhood(size, parent)
    for t in range(width + 2 * (height - 1)):
        rows = slice(max(0, (t - width + 2) // 2), min(height - 1, t // 2) + 1)
        latents = read(model(around.gather(rows, t)))
        around.values[around.centre[rows] + t] = latents
    return around.grid()

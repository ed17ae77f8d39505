"""Wavefronts: the order of the latents of a level, and their inputs to the context model.

The causal shape of the neighbours advances two columns a row: with t = x + 2 y, all of its latents
lie on earlier t, so that everything of one t, a wavefront, is decoded at once, in all grids of a
level. Packing and unpacking run the same model, one on many rows in one go, the other wavefront by
wavefront.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from imgnet.codec.entropy.context import Array, Distributions, Features, Integers
from imgnet.neighbourhood import CAUSAL, MARGIN, PARENTS, Offsets

_CHUNK = 1 << 14  # latents that are predicted at a time


def wavefronts(number: int, height: int, width: int) -> Integers:
    """Return the order in which grids of one level are coded, as indices into all their rows.

    >>> wavefronts(1, 2, 3).tolist()
    [0, 1, 2, 3, 4, 5]
    >>> wavefronts(2, 1, 3).tolist()
    [0, 3, 1, 4, 2, 5]
    """
    grid, y, x = np.unravel_index(np.arange(number * height * width), (number, height, width))
    return np.argsort(((x + 2 * y) * number + grid) * height + y, kind="stable")


def num_wavefronts(size: tuple[int, int]) -> int:
    """Return the number of wavefronts of grids of (height, width).

    >>> num_wavefronts((1, 3)), num_wavefronts((2, 3))
    (3, 5)
    """
    height, width = size
    return width + 2 * (height - 1)


class Neighbourhood:
    """Where the neighbours of the latents of some grids of one size lie in one flat array.

    The array holds each grid, then its parent and its coarse features, all with a margin of zeros.

    Args:
        size: (height, width) of the grids.
        number: Of grids.
        parents: (number, h, w) the next coarser grids, or None for the coarsest.
        features: (number, K, h, w) coarse features, or None.
    """

    def __init__(
        self,
        size: tuple[int, int],
        number: int,
        parents: NDArray[np.integer] | None,
        features: Features | None = None,
    ) -> None:
        self.size = height, width = size
        halved = -(-height // 2), -(-width // 2)
        above = np.zeros((number, 1, *halved)) if parents is None else parents[:, None]
        if features is not None:
            above = np.concatenate([above, features], axis=1)
        margins = (0, 0), (0, 0), (MARGIN, MARGIN), (MARGIN, MARGIN)
        padded = np.pad(above.astype(np.float32), margins)  # exact for latents and features
        num_features, parent_stride = padded.shape[1] - 1, padded.shape[3]
        self.stride = width + 2 * MARGIN
        self._own_size = (height + MARGIN) * self.stride
        own = np.zeros((number, self._own_size), np.float32)
        self.values = np.concatenate([own, padded.reshape(number, -1)], axis=1)
        # At x = t - 2 y the index of a neighbour is a constant of the row plus t; of a parent, a
        # constant plus the whole half of t.
        y, starts = np.arange(height), np.arange(number)[:, None] * self.values.shape[1]
        self.centre = starts + (y + MARGIN) * self.stride - 2 * y + MARGIN
        parent_centre = starts + self._own_size + ((y >> 1) + MARGIN) * parent_stride - y + MARGIN
        planes = np.arange(1, num_features + 1) * padded[0, 0].size
        of_parents = np.concatenate([_shifts(PARENTS, parent_stride), planes])
        self._rows = np.concatenate(
            [
                _shifts(CAUSAL, self.stride)[:, None, None] + self.centre,
                of_parents[:, None, None] + parent_centre,
            ]
        )
        self._halves = np.array([0] * len(CAUSAL) + [1] * len(of_parents))[:, None, None]

    @property
    def _own(self) -> Features:
        """All latents (number, height, width)."""
        height, width = self.size
        rows = self.values[:, : self._own_size].reshape(-1, height + MARGIN, self.stride)
        return rows[:, MARGIN:, MARGIN : MARGIN + width]

    def fill(self, grids: NDArray[np.integer]) -> None:
        """Set all latents (number, height, width)."""
        self._own[:] = grids

    def grids(self) -> NDArray[np.int32]:
        """Return all latents (number, height, width)."""
        return self._own.astype(np.int32)

    def put(self, rows: slice, t: int, latents: Integers) -> None:
        """Set the latents of some rows at wavefront t, grid by grid."""
        self.values.put(self.centre[:, rows] + t, latents)

    def gather(self, rows: slice, t: int) -> Array:
        """Return the inputs (K, number N) of the latents of N rows at wavefront t."""
        return self._at(self._rows[:, :, rows] + (t >> self._halves))

    def gather_chunk(self, top: int, bottom: int) -> Array:
        """Return the inputs (K, number N) of the latents of rows top..bottom, row by row."""
        _, width = self.size
        y, x = np.divmod(np.arange(top * width, bottom * width), width)
        return self._at(self._rows[:, :, y] + ((x + 2 * y) >> self._halves))

    def _at(self, places: Integers) -> Array:
        found = self.values.take(places).astype(np.float64)
        return found.reshape(len(places), -1)


def _shifts(offsets: Offsets, stride: int) -> Integers:
    return np.array([dy * stride + dx for dy, dx in offsets])


def distributions_of_level(
    model: Callable[[Array], Distributions],
    grids: NDArray[np.integer],
    parents: NDArray[np.integer] | None,
    features: Features | None = None,
) -> Distributions:
    """Return the distributions (G, height * width) of all latents of a level, row by row.

    Args:
        model: Of these grids.
        grids: (G, height, width) latents.
        parents: The next coarser grids, or None.
        features: Coarse features of the level, or None.
    """
    number, height, width = grids.shape
    around = Neighbourhood((height, width), number, parents, features)
    around.fill(grids)
    rows = max(1, _CHUNK // width)
    chunks = [
        model(around.gather_chunk(top, min(top + rows, height))) for top in range(0, height, rows)
    ]
    parts = zip(*chunks, strict=True)
    return Distributions(*(np.hstack([x.reshape(number, -1) for x in part]) for part in parts))


def decode_level(
    model: Callable[[Array], Distributions],
    size: tuple[int, int],
    number: int,
    parents: NDArray[np.integer] | None,
    read: Callable[[Distributions], Integers | None],
    features: Features | None = None,
    count: int | None = None,
) -> tuple[NDArray[np.int32], bool]:
    """Decode the grids of a level, wavefront by wavefront.

    Args:
        model: Of these grids.
        size: (height, width) of each grid.
        number: Of grids.
        parents: The next coarser grids, or None.
        read: Returns the latents that follow in the stream, given their distributions; None where
            some of them do not follow.
        features: Coarse features of the level, or None.
        count: Wavefronts to decode, None for all; the latents of the others are 0.

    Returns:
        (number, height, width) grids, and whether all these wavefronts were read; the latents of
        those that were not are 0.
    """
    height, width = size
    around = Neighbourhood(size, number, parents, features)
    for t in range(num_wavefronts(size) if count is None else count):
        rows = slice(max(0, (t - width + 2) // 2), min(height - 1, t // 2) + 1)
        latents = read(model(around.gather(rows, t)))
        if latents is None:
            return around.grids(), False
        around.put(rows, t, latents)
    return around.grids(), True

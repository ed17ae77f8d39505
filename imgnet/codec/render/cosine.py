"""Cells of a result along one axis, and what cosine series of native pixels average to in them.

A native pixel p covers p..p + 1. Inside it a colour is a series of cos(pi k u), k = 0, 1, ..., of
the offset u in 0..1 from its edge. A sample of the result is the mean over its cell, which may lie
in one pixel or in several.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

TERMS = 4  # of a series on an axis, its mean among them

Array = NDArray[np.float32]


def integrals(edges: NDArray[np.float64], pixels: NDArray[Any]) -> NDArray[np.float64]:
    """Integrate every term of the series of every pixel over every cell.

    Args:
        edges: (cells + 1,) places where cells begin and end, in native pixels.
        pixels: (pixels,) numbers of native pixels.

    Returns:
        (cells, pixels, TERMS); term 0 is how much of a pixel lies in a cell.

    >>> integrals(np.array([0.0, 0.75, 1.5]), np.arange(2))[..., 0].tolist()
    [[0.75, 0.0], [0.25, 0.5]]
    """
    offsets = np.clip(edges[:, None] - pixels, 0, 1)[..., None]
    return np.diff(offsets * np.sinc(offsets * np.arange(TERMS)), axis=0)


@dataclass(frozen=True)
class Axis:
    """Where the cells of a result lie: `count` equal ones from `start` on, over `length` pixels.

    >>> Axis(start=10, length=4, count=12).beginning_in(range(11, 13))
    range(3, 9)
    """

    start: int
    length: int
    count: int

    @property
    def scale(self) -> float:
        """Cells a native pixel."""
        return self.count / self.length

    @property
    def is_aligned(self) -> bool:
        """Tell whether no cell lies in more than one pixel."""
        return self.count % self.length == 0

    def beginning_in(self, pixels: range) -> range:
        """Return the cells of the result that begin in some native pixels."""
        first, stop = self._first(pixels.start), self._first(pixels.stop)
        return range(max(first, 0), min(stop, self.count))

    def over(self, pixels: range) -> Cells:
        """Return all cells that have a part in native pixels, also beyond the result."""
        begin = (pixels.start - self.start) * self.count // self.length
        numbers = np.arange(begin, self._first(pixels.stop) + 1)
        # The product is whole, so that the edge of a cell on that of a pixel is exactly there.
        edges = self.start + numbers * self.length / self.count
        return Cells(begin, integrals(edges, np.arange(pixels.start, pixels.stop)))

    def _first(self, pixel: int) -> int:
        """Return the first cell that begins at or behind the edge of a pixel."""
        return -((self.start - pixel) * self.count // self.length)


@dataclass(frozen=True)
class Cells:
    """Some cells beside some native pixels.

    Attributes:
        begin: Number of the first cell.
        integrals: (cells, pixels, TERMS), see `integrals`.
    """

    begin: int
    integrals: NDArray[np.float64]

    def means(self, series: Array) -> Array:
        """Return the means (cells, ...) of series (pixels, terms, ...), which may be cut short."""
        pixels, terms, *further = series.shape
        flat = series.reshape(pixels, terms, -1)
        drawn = np.zeros((len(self.integrals), flat.shape[2]), np.float32)
        for pixel, own in enumerate(self._touching):
            drawn[own] += self.weights[own, pixel, :terms] @ flat[pixel]
        return drawn.reshape(-1, *further)

    def averages(self, drawn: Array) -> Array:
        """Return the area averages (pixels, ...) of cells (cells, ...) over native pixels."""
        flat = drawn.reshape(len(drawn), -1)
        found = [self._shares[i, own] @ flat[own] for i, own in enumerate(self._touching)]
        return np.stack(found).reshape(-1, *drawn.shape[1:])

    @cached_property
    def weights(self) -> Array:
        """Weights (cells, pixels, TERMS) of all terms in the means of cells."""
        covered = self.integrals[..., :1].sum(1, keepdims=True)
        weights: Array = (self.integrals / covered).astype(np.float32)
        return weights

    @cached_property
    def _shares(self) -> Array:
        areas = self.integrals[..., 0].T
        shares: Array = (areas / areas.sum(1, keepdims=True)).astype(np.float32)
        return shares

    @cached_property
    def _touching(self) -> list[slice]:
        """The cells that have a part in each pixel."""
        found = [np.flatnonzero(column) for column in self.integrals[..., 0].T]
        return [slice(int(cells[0]), int(cells[-1]) + 1) for cells in found]

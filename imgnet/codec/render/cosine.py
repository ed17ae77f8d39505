"""Cosine series of native pixels and their means over the footprints of output pixels, on one axis.

A native pixel p covers p..p + 1. Inside it a colour is a series of cos(pi k u), k = 0, 1, ..., in
the offset u in 0..1 from its edge. The footprint of an output pixel is the interval that it covers,
in one native pixel or in several; its value is the mean over the footprint.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgnet.arrays import Float32Array, Float64Array

TERMS = 4  # of a series on an axis, the constant one included


def integrals(edges: Float64Array, pixels: NDArray[Any]) -> Float64Array:
    """Integrate every term of the series of every native pixel over every footprint.

    Args:
        edges: (footprints + 1,) positions of the edges of footprints, in native pixels.
        pixels: (pixels,) indices of native pixels.

    Returns:
        (footprints, pixels, TERMS); term 0 is the length of the overlap, in native pixels.

    >>> integrals(np.array([0.0, 0.75, 1.5]), np.arange(2))[..., 0].tolist()
    [[0.75, 0.0], [0.25, 0.5]]
    """
    offsets = np.clip(edges[:, None] - pixels, 0, 1)[..., None]
    return np.diff(offsets * np.sinc(offsets * np.arange(TERMS)), axis=0)


@dataclass(frozen=True)
class Axis:
    """The output pixels on an axis: `count` equal footprints from `start` over `length` pixels.

    Attributes:
        start: First native pixel.
        length: Number of native pixels.
        count: Number of output pixels.

    >>> Axis(start=10, length=4, count=12).beginning_in(range(11, 13))
    range(3, 9)
    """

    start: int
    length: int
    count: int

    @property
    def scale(self) -> float:
        """Output pixels in one native pixel."""
        return self.count / self.length

    @property
    def is_aligned(self) -> bool:
        """Tell whether each footprint lies in a single native pixel."""
        return self.count % self.length == 0

    def beginning_in(self, pixels: range) -> range:
        """Return the output pixels whose footprints begin in a range of native pixels."""
        first, stop = self._first(pixels.start), self._first(pixels.stop)
        return range(max(first, 0), min(stop, self.count))

    def over(self, pixels: range) -> Footprints:
        """Return all footprints that overlap a range of native pixels, also outside the output."""
        begin = (pixels.start - self.start) * self.count // self.length
        numbers = np.arange(begin, self._first(pixels.stop) + 1)
        # The integer product keeps coinciding edges of footprints and native pixels exactly equal.
        edges = self.start + numbers * self.length / self.count
        return Footprints(begin, integrals(edges, np.arange(pixels.start, pixels.stop)))

    def _first(self, pixel: int) -> int:
        """Return the first footprint that begins at or behind the left edge of a native pixel."""
        return -((self.start - pixel) * self.count // self.length)


@dataclass(frozen=True)
class Footprints:
    """Consecutive footprints of output pixels over a range of native pixels.

    Attributes:
        begin: Index of the first output pixel.
        integrals: (footprints, pixels, TERMS), see `integrals`.
    """

    begin: int
    integrals: Float64Array

    def means(self, series: Float32Array) -> Float32Array:
        """Return the means over footprints.

        Args:
            series: (pixels, terms, ...) of native pixels, with the first of the TERMS or all.

        Returns:
            (footprints, ...).
        """
        pixels, terms, *further = series.shape
        flat = series.reshape(pixels, terms, -1)
        means = np.zeros((len(self.integrals), flat.shape[2]), np.float32)
        for pixel, own in enumerate(self._overlapping):
            means[own] += self.weights[own, pixel, :terms] @ flat[pixel]
        return means.reshape(-1, *further)

    def averages(self, output: Float32Array) -> Float32Array:
        """Average output pixels (footprints, ...) over the area of native pixels (pixels, ...)."""
        flat = output.reshape(len(output), -1)
        found = [self._shares[i, own] @ flat[own] for i, own in enumerate(self._overlapping)]
        return np.stack(found).reshape(-1, *output.shape[1:])

    @cached_property
    def weights(self) -> Float32Array:
        """Weights (footprints, pixels, TERMS) of all terms in the means over footprints."""
        covered = self.integrals[..., :1].sum(1, keepdims=True)
        weights: Float32Array = (self.integrals / covered).astype(np.float32)
        return weights

    @cached_property
    def _shares(self) -> Float32Array:
        areas = self.integrals[..., 0].T
        shares: Float32Array = (areas / areas.sum(1, keepdims=True)).astype(np.float32)
        return shares

    @cached_property
    def _overlapping(self) -> list[slice]:
        """The footprints that overlap each native pixel."""
        found = [np.flatnonzero(column) for column in self.integrals[..., 0].T]
        return [slice(int(own[0]), int(own[-1]) + 1) for own in found]

"""RDOQ of latents: rate-distortion optimised quantisation of rounded grids.

A latent moves by one where that lowers distortion + lmbda * rate. The gradient of the cost ranks
the latents by predicted gain and gives the sign of each move. A move changes the cost only near its
latent, so a round tries many latents at once, far enough apart. Cost maps are measured before and
after the round: a move stays if the cost in the Voronoi region of its latent has fallen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from imgnet.arrays import BoolArray, Float32Array, Float64Array
from imgnet.fit.engine.latents import LatentGrids
from imgnet.fit.engine.tiling import Evaluator

SPACING = 4  # distance between latents that are tried at once, at least
LEAST_PREDICTED = 0.5  # predicted gain over the curvature term, of latents that are tried
_BAND = 256  # rows whose costs are added up at a time
NMS_PASSES = 3  # of non-maximum suppression; more would select few further latents

Labels = NDArray[np.int32]
Ranks = NDArray[np.int32]  # of latents by predicted gain; 0 for latents that are not to be tried
CostMaps = list[tuple[int, Float32Array]]  # level, and the cost of each of its samples


@dataclass(frozen=True)
class LatentRDOQ:
    """RDOQ of all latents of a picture.

    Attributes:
        latents: Grids whose `relaxed` values, which are rounded, are changed.
        evaluator: Measures distortion and rate.
        lmbda: Cost of a bit a pixel, in mean squared error of a sample.
        size: (H, W, C) of the picture.
        least_gain: Part of the cost that a round must save for another round to follow.
        go_on: Called before every round; RDOQ ends when it returns False.
        is_short: Whether all levels share the gradients before the first round, which predict gains
            almost as well as those before the first round of each level.
    """

    latents: LatentGrids
    evaluator: Evaluator
    lmbda: float
    size: tuple[int, int, int]
    least_gain: float
    go_on: Callable[[], bool]
    is_short: bool = False

    def run(self, coarsest: int) -> None:
        """Change latents level by level, from fine to coarse, where that lowers the cost.

        Args:
            coarsest: Last level to change.
        """
        grids = [(level, i) for i, (_, level) in enumerate(self.latents.grids) if level <= coarsest]
        gradient: torch.Tensor | None = None
        for level, group in groupby(grids, itemgetter(0)):
            if self.go_on():
                if gradient is None or not self.is_short:
                    gradient = self._gradient()
                for _, i in group:
                    self._optimize(i, level, self.latents.grid(gradient, i).cpu().numpy())

    def _optimize(self, grid: int, level: int, gradient: Float32Array) -> None:
        """Run rounds on one grid until one saves little."""
        own = self.latents.grid(self.latents.relaxed, grid)
        predicted_gains = np.abs(gradient)
        ranks = ranked(predicted_gains)
        before = self._cost_maps(grid)
        while (tried := local_maxima(ranks)).any() and self.go_on():
            regions = VoronoiRegions.around(tried, level)
            old = own.clone()
            own -= torch.from_numpy(np.sign(gradient) * tried).to(own.device)
            after = self._cost_maps(grid)
            gains = regions.sums(_differences(before, after))
            better = gains > 0
            worse = torch.from_numpy(tried & ~better[regions.labels]).to(own.device)
            own[worse] = old[worse]
            before = regions.merge(better, after, before)
            if gains[better].sum() < self.least_gain * _total(before):
                return
            curvature_term = np.median(predicted_gains[tried] - gains[1:])
            ranks[tried | (predicted_gains < LEAST_PREDICTED * curvature_term)] = 0

    def _gradient(self) -> torch.Tensor:
        """Return the derivative of the summed cost in each latent."""
        height, width, channels = self.size
        self.evaluator.evaluate([(0, height)], self.lmbda)
        return self.latents.gradient * (height * width * channels)

    def _cost_maps(self, grid: int) -> CostMaps:
        """Return the cost of every pixel and of every latent that depends on a grid."""
        error, bits = self.evaluator.costs(grid)
        levels = [level for _, level in self.latents.grids]
        weight = np.float32(self.lmbda * self.size[2])
        return [(0, error), *((levels[i], weight * of_grid) for i, of_grid in bits.items())]


def _differences(maps: CostMaps, others: CostMaps) -> CostMaps:
    pairs = zip(maps, others, strict=True)
    return [(level, costs - other) for (level, costs), (_, other) in pairs]


def _total(maps: CostMaps) -> float:
    return float(sum(costs.sum(dtype=np.float64) for _, costs in maps))


def ranked(gains: Float32Array) -> Ranks:
    """Return the rank of each number of a map, from 1 for the smallest; no two ranks are equal.

    >>> ranked(np.array([[0.5, 0.1, 0.5]], np.float32)).tolist()
    [[2, 1, 3]]
    """
    ranks = np.empty(gains.size, np.int32)
    ranks[np.argsort(gains, axis=None)] = np.arange(1, gains.size + 1)
    return ranks.reshape(gains.shape)


def local_maxima(ranks: Ranks) -> BoolArray:
    """Select many large ranks by non-maximum suppression, all at least `SPACING` apart.

    Each pass selects the maxima of their neighbourhoods and suppresses their neighbours.

    Args:
        ranks: (h, w), 0 where nothing may be selected.
    """
    selected = np.zeros(ranks.shape, np.bool_)
    for _ in range(NMS_PASSES):
        selected |= (ranks > 0) & (ranks == max_pool(ranks, SPACING - 1))
        ranks = np.where(max_pool(selected, SPACING - 1), 0, ranks)
    return selected


def max_pool(numbers: NDArray[Any], radius: int) -> NDArray[Any]:
    """Return the maximum of the square window around each place of (h, w); no number is below 0.

    >>> max_pool(np.array([[0, 3, 0, 0]]), 1)
    array([[3, 3, 3, 0]])
    """
    # Windows double in each step; torch's pooling takes ten times as long on a CPU.
    for axis in (0, 1):
        numbers = np.pad(np.moveaxis(numbers, axis, 0), ((radius, radius), (0, 0)))
        size, window = 1, 2 * radius + 1
        while size < window:
            shift = min(size, window - size)
            numbers = np.maximum(numbers[: len(numbers) - shift], numbers[shift:])
            size += shift
        numbers = np.moveaxis(numbers, 0, axis)
    return numbers


@dataclass(frozen=True)
class VoronoiRegions:
    """Voronoi regions of some latents of a grid, cut off at a distance of `SPACING` - 1.

    Attributes:
        labels: (h, w) number of the region, from 1 on; 0 outside all regions.
        count: Number of regions.
        level: Level of the grid.
        finer: Labels of the samples of finer levels, filled on first use.
    """

    labels: Labels
    count: int
    level: int
    finer: dict[int, Labels] = field(default_factory=dict)

    @classmethod
    def around(cls, latents: BoolArray, level: int) -> VoronoiRegions:
        """Grow a region from each latent that is True in (h, w)."""
        count = int(latents.sum())
        labels = np.zeros(latents.shape, np.int32)
        labels[latents] = np.arange(1, count + 1, dtype=np.int32)
        for _ in range(SPACING - 1):
            labels = np.where(labels, labels, max_pool(labels, 1))
        return cls(labels, count, level)

    def sums(self, maps: CostMaps) -> Float64Array:
        """Return the cost of each region, (count + 1,); the first is that outside all regions."""
        total = np.zeros(self.count + 1)
        for level, costs in maps:
            labels = self._at(level, costs.shape)
            for top in range(0, len(costs), _BAND):  # since counting copies both to 64 bits
                band = slice(top, top + _BAND)
                total += np.bincount(labels[band].ravel(), costs[band].ravel(), self.count + 1)
        return total

    def merge(self, is_new: BoolArray, new: CostMaps, old: CostMaps) -> CostMaps:
        """Return maps with the new costs of some regions and the old costs of the others.

        Args:
            is_new: (count + 1,), True for regions with new costs.
            new: Maps of the new costs.
            old: Maps of the old costs.
        """
        maps = []
        for (level, after), (_, before) in zip(new, old, strict=True):
            maps.append((level, np.where(is_new[self._at(level, after.shape)], after, before)))
        return maps

    def _at(self, level: int, size: tuple[int, ...]) -> Labels:
        """Return the labels of the samples of a finer level."""
        if level not in self.finer:
            times = 1 << self.level - level
            labels = self.labels.repeat(times, axis=0).repeat(times, axis=1)
            self.finer[level] = np.ascontiguousarray(labels[: size[0], : size[1]])
        return self.finer[level]

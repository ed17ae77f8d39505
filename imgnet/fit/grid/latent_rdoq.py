"""Hard decisions: latents that are moved by one where that is cheaper.

The slope of the cost says which latents are worth a try, and which way. What a latent changes lies
near it, so many of them, far enough apart, are tried at once, and each is judged by what its own
surroundings cost before and after, measured and not predicted.
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

from imgnet.fit.engine.latents import LatentGrids
from imgnet.fit.engine.tiling import Evaluator, Floats

SPACING = 4  # latents from one that is tried to the nearest other
HOPEFUL = 0.5  # part of what the bend of the cost takes that a slope must promise
PACKINGS = 3  # times that free places are looked for: more would find few

Ranks = NDArray[np.int32]
Maps = list[tuple[int, Floats]]  # level and what each of its samples costs


@dataclass(frozen=True)
class Decisions:
    """The decisions on the latents of a picture.

    Attributes:
        latents: Those that are decided on.
        evaluator: Measures what they cost.
        lmbda: Price of a bit a pixel, in mean squared error of a sample.
        size: (H, W, C) of the picture.
        least_gain: Part of the cost that a round must save for another one to follow.
        go_on: Asked before every round.
    """

    latents: LatentGrids
    evaluator: Evaluator
    lmbda: float
    size: tuple[int, int, int]
    least_gain: float
    go_on: Callable[[], bool]

    def make(self, coarsest: int) -> None:
        """Change `relaxed`, which is rounded, where that is cheaper.

        Args:
            coarsest: Level up to which latents are decided on.
        """
        grids = [(level, i) for i, (_, level) in enumerate(self.latents.grids) if level <= coarsest]
        for level, group in groupby(grids, itemgetter(0)):
            if self.go_on():
                slopes = self._slopes()
                for _, i in group:
                    self._decide(i, level, self.latents.grid(slopes, i).cpu().numpy())

    def _decide(self, grid: int, level: int, slopes: Floats) -> None:
        own = self.latents.grid(self.latents.relaxed, grid)
        hopes = np.abs(slopes)
        ranks = ranked(hopes)
        before = self._maps(grid)
        while (tried := scattered(ranks)).any() and self.go_on():
            cells = Cells.around(tried, level)
            old = own.clone()
            own -= torch.from_numpy(np.sign(slopes) * tried).to(own.device)
            after = self._maps(grid)
            gains = cells.sums(_differences(before, after))
            better = gains > 0
            worse = torch.from_numpy(tried & ~better[cells.numbers]).to(own.device)
            own[worse] = old[worse]
            before = cells.chosen(better, after, before)
            if gains[better].sum() < self.least_gain * _total(before):
                return
            bend = np.median(hopes[tried] - gains[1:])
            ranks[tried | (hopes < HOPEFUL * bend)] = 0

    def _slopes(self) -> torch.Tensor:
        """Return by how much the cost grows with each latent."""
        height, width, channels = self.size
        self.evaluator.evaluate([(0, height)], self.lmbda)
        return self.latents.gradient * (height * width * channels)

    def _maps(self, grid: int) -> Maps:
        """Return what every pixel and every latent that a grid affects costs, in one currency."""
        error, lengths = self.evaluator.costs(grid)
        levels = [level for _, level in self.latents.grids]
        price = np.float32(self.lmbda * self.size[2])
        return [(0, error), *((levels[i], price * bits) for i, bits in lengths.items())]


def _differences(maps: Maps, others: Maps) -> Maps:
    pairs = zip(maps, others, strict=True)
    return [(level, costs - other) for (level, costs), (_, other) in pairs]


def _total(maps: Maps) -> float:
    return float(sum(costs.sum(dtype=np.float64) for _, costs in maps))


def ranked(hopes: Floats) -> Ranks:
    """Return how many of the numbers of a map are as small as each of them, itself included."""
    ranks = np.empty(hopes.size, np.int32)
    ranks[np.argsort(hopes, axis=None)] = np.arange(1, hopes.size + 1)
    return ranks.reshape(hopes.shape)


def scattered(ranks: Ranks) -> NDArray[np.bool_]:
    """Choose many of the largest numbers of a map, none near another and none that is 0."""
    chosen = np.zeros(ranks.shape, np.bool_)
    for _ in range(PACKINGS):
        chosen |= (ranks > 0) & (ranks == largest(ranks, SPACING - 1))
        ranks = np.where(largest(chosen, SPACING - 1), 0, ranks)
    return chosen


def largest(numbers: NDArray[Any], reach: int) -> NDArray[Any]:
    """Return the largest of the numbers, none below 0, within some reach of each place of (h, w).

    >>> largest(np.array([[0, 3, 0, 0]]), 1)
    array([[3, 3, 3, 0]])
    """
    # For windows that double; torch's pooling takes ten times as long on a CPU.
    for axis in (0, 1):
        numbers = np.pad(np.moveaxis(numbers, axis, 0), ((reach, reach), (0, 0)))
        seen, window = 1, 2 * reach + 1
        while seen < window:
            more = min(seen, window - seen)
            numbers = np.maximum(numbers[: len(numbers) - more], numbers[more:])
            seen += more
        numbers = np.moveaxis(numbers, 0, axis)
    return numbers


@dataclass(frozen=True)
class Cells:
    """The places that are nearer to one of some latents than to the others.

    Attributes:
        numbers: (h, w) which of the latents, from 1 on; 0 where none is near.
        count: Of the latents.
        level: Of their grid.
        finer: The numbers of the samples of finer levels, as soon as they were asked for.
    """

    numbers: NDArray[np.int64]
    count: int
    level: int
    finer: dict[int, NDArray[np.int64]] = field(default_factory=dict)

    @classmethod
    def around(cls, latents: NDArray[np.bool_], level: int) -> Cells:
        """Grow cells from latents that are True in (h, w)."""
        count = int(latents.sum())
        numbers = np.zeros(latents.shape, np.int64)
        numbers[latents] = np.arange(1, count + 1)
        for _ in range(SPACING - 1):
            numbers = np.where(numbers, numbers, largest(numbers, 1))
        return cls(numbers, count, level)

    def sums(self, maps: Maps) -> NDArray[np.float64]:
        """Return what each cell costs; the first is what is in none.

        Args:
            maps: What samples of different levels cost.
        """
        total = np.zeros(self.count + 1)
        for level, costs in maps:
            numbers = self._at(level, costs.shape)
            total += np.bincount(numbers.ravel(), costs.ravel(), self.count + 1)
        return total

    def chosen(self, better: NDArray[np.bool_], after: Maps, before: Maps) -> Maps:
        """Put together what the samples of each cell cost now."""
        maps = []
        for (level, new), (_, old) in zip(after, before, strict=True):
            maps.append((level, np.where(better[self._at(level, new.shape)], new, old)))
        return maps

    def _at(self, level: int, size: tuple[int, ...]) -> NDArray[np.int64]:
        """Return the cell of each sample of a map of a finer level."""
        if level not in self.finer:
            times = 1 << self.level - level
            numbers = self.numbers.repeat(times, axis=0).repeat(times, axis=1)
            self.finer[level] = np.ascontiguousarray(numbers[: size[0], : size[1]])
        return self.finer[level]

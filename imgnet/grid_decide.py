"""Hard decisions: latents that are rounded the other way where that is cheaper.

What a latent changes lies near it, so a lattice of them can change at once, and each is judged by
what its own surroundings cost before and after, measured and not predicted: rate and distortion of
the whole picture, summed over the cells of the lattice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray

from imgnet.grid_cuts import Evaluator, Floats
from imgnet.latents import LatentGrids

SPACING = 5  # latents from one of a lattice to the next; odd, so that no lattice is of one parity
REACH = SPACING // 2

Maps = list[tuple[int, Floats]]  # level and what each of its samples costs


@dataclass(frozen=True)
class Decisions:
    """The decisions on the latents of a picture.

    Attributes:
        latents: Those whose rounding is decided on.
        evaluator: Measures what they cost.
        lmbda: Price of a bit a pixel, in mean squared error of a sample.
        channels: Of the picture.
        go_on: Asked before every lattice.
    """

    latents: LatentGrids
    evaluator: Evaluator
    lmbda: float
    channels: int
    go_on: Callable[[], bool]

    def make(self, coarsest: int) -> None:
        """Change `relaxed`, which is rounded, towards `values` where that is cheaper.

        Args:
            coarsest: Level up to which latents are decided on.
        """
        latents = self.latents
        changes = torch.sign(latents.values - latents.relaxed)
        for i, (_, level) in enumerate(latents.grids):
            if level <= coarsest:
                self._decide(i, level, latents.grid(changes, i))

    def _decide(self, grid: int, level: int, changes: torch.Tensor) -> None:
        own = self.latents.grid(self.latents.relaxed, grid)
        before = self._maps(grid)
        for lattice in lattices(tuple(own.shape)):
            change = changes[lattice.places]
            if not change.any() or not self.go_on():
                continue
            own[lattice.places] += change
            after = self._maps(grid)
            better = lattice.sums(after, level) < lattice.sums(before, level)
            own[lattice.places] -= change * torch.from_numpy(~better).to(change.device)
            before = lattice.chosen(better, after, before, level)

    def _maps(self, grid: int) -> Maps:
        """Return what every pixel and every latent that a grid affects costs, in one currency."""
        error, lengths = self.evaluator.costs(grid)
        levels = [level for _, level in self.latents.grids]
        price = np.float32(self.lmbda * self.channels)
        return [(0, error), *((levels[i], price * bits) for i, bits in lengths.items())]


@dataclass(frozen=True)
class Lattice:
    """Every `SPACING`th latent of a grid in both directions, and the cells around them.

    Attributes:
        size: Of the grid.
        top: Row of the first of them.
        left: Column of the first.
    """

    size: tuple[int, ...]
    top: int
    left: int

    @property
    def places(self) -> tuple[slice, slice]:
        """Where they are in their grid."""
        return slice(self.top, None, SPACING), slice(self.left, None, SPACING)

    def sums(self, maps: Maps, level: int) -> NDArray[np.float64]:
        """Return what the cell of each of them costs.

        Args:
            maps: What samples of different levels cost.
            level: Of the grid.
        """
        totals = np.zeros(1)
        for other, costs in maps:
            rows, columns = self._edges(level - other)
            sums = np.add.reduceat(costs, rows, axis=0, dtype=np.float64)
            totals = totals + np.add.reduceat(sums, columns, axis=1)
        return totals

    def chosen(self, better: NDArray[np.bool_], after: Maps, before: Maps, level: int) -> Maps:
        """Put together what the samples of each cell cost now."""
        maps = []
        for (other, new), (_, old) in zip(after, before, strict=True):
            edges = self._edges(level - other)
            rows, columns = (
                np.repeat(np.arange(len(starts)), np.diff([*starts, size]))
                for starts, size in zip(edges, new.shape, strict=True)
            )
            maps.append((other, np.where(better[rows][:, columns], new, old)))
        return maps

    def _edges(self, levels: int) -> list[NDArray[np.int64]]:
        """Return where cells begin, in samples of a map so many levels finer than the grid."""
        edges = []
        for first, count in zip((self.top, self.left), self.size, strict=True):
            starts = np.arange(first, count, SPACING) - REACH << levels
            starts[0] = 0
            edges.append(starts)
        return edges


def lattices(size: tuple[int, ...]) -> Iterator[Lattice]:
    """Yield the lattices that together hold every latent of a grid of (h, w) once.

    >>> [(lattice.top, lattice.left) for lattice in lattices((1, 3))]
    [(0, 0), (0, 1), (0, 2)]
    """
    for top, left in product(*(range(min(SPACING, count)) for count in size)):
        yield Lattice(size, top, left)

"""How a picture and its latents are cut into what one task of a fit works on.

Two classes evaluate a network on such tasks: `ReferenceEvaluator`, with torch, and
`CompiledEvaluator`, compiled.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from imgnet.spec import Spec

CHUNK = 8192  # latents of a rate task
TILE = (64, 384)  # rows and columns of a distortion task
COARSE = 4  # levels from this one on belong to the whole picture, whatever its rows
STRIP_UNIT = 1 << COARSE  # rows; the chunks that are looked at are so many, or a multiple

Rows = tuple[int, int]
Tile = tuple[int, int, int, int]  # top, bottom, left, right
Chunk = tuple[int, int, int]  # grid, top, bottom
Floats = NDArray[np.float32]
Costs = tuple[Floats, dict[int, Floats]]


class Evaluator(Protocol):
    """What gives a network on a picture its rate, distortion and gradients."""

    cuts: Cuts

    def evaluate(
        self, rows: Sequence[Rows], lmbda: float, coarse_weight: float = 1.0
    ) -> tuple[float, float]:
        """Return squared error a sample and bits a pixel of some rows, and leave gradients.

        They are those of error + lmbda * bits, in the network's parameters and in the latents'
        `gradient`.

        Args:
            rows: Ranges of rows that begin at multiples of 2**COARSE.
            lmbda: Price of a bit a pixel.
            coarse_weight: How many times the bits of coarse levels count; at 0 they are not even
                computed, and the bits returned are without them.
        """

    def measure(
        self, rows: Sequence[Rows], error: bool = True, bits: bool = True
    ) -> tuple[float, float]:
        """Return what `evaluate` returns, without gradients; 0 for what is not wanted."""

    def draw(self, places: Sequence[Tile]) -> list[Floats]:
        """Return the colours (C, h, w) of places, in 0..1, times the root of what errors count."""

    def costs(self, grid: int) -> Costs:
        """Return what the whole picture costs, as far as the latents of a grid change it.

        Returns:
            What the squared error of every pixel, (H, W), counts, all channels, and the bits of
            every latent, (h, w), of each grid that is `affected`.
        """


@dataclass(frozen=True)
class Cuts:
    """The cuts of one picture.

    Attributes:
        spec: Its shape.
        tile: Rows and columns of a distortion task.
        chunk: Latents of a rate task.
    """

    spec: Spec
    tile: tuple[int, int] = TILE
    chunk: int = CHUNK

    def tiles(self, rows: Sequence[Rows]) -> Iterator[Tile]:
        """Cut rows into tiles."""
        columns = split(0, self.spec.width, self.tile[1])
        for top, bottom in rows:
            for first, last in split(top, bottom, self.tile[0]):
                for left, right in columns:
                    yield first, last, left, right

    def chunks(self, rows: Sequence[Rows]) -> Iterator[Chunk]:
        """List the chunks of latents whose bits count."""
        for i, (_, level) in enumerate(self.spec.grids()):
            height, width = self.spec.grid_size(level)
            for top, bottom in self.grid_rows(rows, level):
                for first, last in split(top, min(bottom, height), max(1, self.chunk // width)):
                    yield i, first, last

    def grid_rows(self, rows: Sequence[Rows], level: int) -> list[Rows]:
        """Return the rows of a level that belong to rows of the picture; of coarse levels, all."""
        height = self.spec.grid_size(level)[0]
        if level >= COARSE:
            return [(0, height)]
        return [(top >> level, min(-(-bottom >> level), height)) for top, bottom in rows]

    def weighted_chunks(
        self, rows: Sequence[Rows], coarse_weight: float
    ) -> list[tuple[Chunk, float]]:
        """List the chunks whose bits count, with the part of their bits that some rows stand for.

        Of fine levels, that is all; of coarse ones, as much as of the picture, times a weight.
        """
        part = coarse_weight * sum(bottom - top for top, bottom in rows) / self.spec.height
        levels = [level for _, level in self.spec.grids()]
        shares = ((b, part if levels[b[0]] >= COARSE else 1.0) for b in self.chunks(rows))
        return [(chunk, share) for chunk, share in shares if share]


def affected(grids: Sequence[tuple[int, int]], grid: int) -> list[int]:
    """List the grids whose bits depend on the latents of one: itself and that which it is above of.

    Args:
        grids: Pyramid and level of each.
        grid: Index of one of them.

    >>> affected([(0, 2), (0, 1), (1, 1)], 0)
    [0, 1]
    """
    pyramid, level = grids[grid]
    return [i for i, other in enumerate(grids) if other in {(pyramid, level), (pyramid, level - 1)}]


def split(start: int, stop: int, most: int) -> list[Rows]:
    """Cut a range into even parts of about `most`, at even places.

    >>> split(0, 10, 4)
    [(0, 4), (4, 10)]
    """
    count = max(1, round((stop - start) / most))
    edges = [start + 2 * round((stop - start) * i / count / 2) for i in range(count)] + [stop]
    return [(a, b) for a, b in pairwise(edges) if a < b]

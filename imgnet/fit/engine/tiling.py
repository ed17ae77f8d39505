"""Evaluator of the network of `grid`, and its tiles and chunks.

`ReferenceEvaluator`, with torch and autograd, and `CompiledEvaluator`, with compiled kernels, have
the interface `Evaluator`; `pick.py` chooses between them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

from imgnet.arrays import Float32Array
from imgnet.spec import UPSAMPLING_REACH, Spec

CHUNK = 8192  # latents of a rate task
TILE = (64, 384)  # rows and columns of a distortion task
COARSE = 4  # finest level whose latents are evaluated for the whole picture, whatever the rows
STRIP_UNIT = 1 << COARSE  # rows; a strip has a multiple of that

Rows = tuple[int, int]
Tile = tuple[int, int, int, int]  # top, bottom, left, right
Chunk = tuple[int, int, int]  # grid, top, bottom
Costs = tuple[Float32Array, dict[int, Float32Array]]


class Evaluator(Protocol):
    """Distortion and rate of a network on a picture, and their gradients."""

    cuts: Cuts

    def evaluate(
        self, rows: Sequence[Rows], lmbda: float, coarse_weight: float = 1.0
    ) -> tuple[float, float]:
        """Return error and bits of some rows; set the gradients of error + lmbda * bits.

        Gradients of the network go to its parameters, whose gradients must be cleared before; those
        of the latents replace `gradient`.

        Args:
            rows: Ranges of rows that begin at multiples of 2**COARSE.
            lmbda: Cost of a bit a pixel, in squared error of colours in 0..1.
            coarse_weight: Factor of the bits of coarse levels, in the cost and in the result; 0
                leaves them out.

        Returns:
            Squared error a sample and bits a pixel.
        """

    def measure_error(self, rows: Sequence[Rows]) -> float:
        """Return the squared error a sample of some rows."""

    def measure_bits(self, rows: Sequence[Rows]) -> float:
        """Return the bits a pixel of some rows."""

    def render(self, tiles: Sequence[Tile]) -> list[Float32Array]:
        """Return the colours (C, h, w) of tiles, in 0..1, times the root of the error weight."""

    def costs(self, grid: int) -> Costs:
        """Return the parts of the cost of the whole picture that depend on the latents of a grid.

        Returns:
            The weighted squared error of every pixel, (H, W), summed over channels, and the bits
            of every latent, (h, w), of each grid that is `affected`.
        """


@dataclass(frozen=True)
class Cuts:
    """Cuts of one picture into tiles and chunks.

    Attributes:
        spec: Shape of the network.
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
        """Cut the latents that belong to some rows into chunks."""
        for i, (_, level) in enumerate(self.spec.grids()):
            height, width = self.spec.grid_size(level)
            for top, bottom in self.grid_rows(rows, level):
                for first, last in split(top, min(bottom, height), max(1, self.chunk // width)):
                    yield i, first, last

    def grid_rows(self, rows: Sequence[Rows], level: int) -> list[Rows]:
        """Return the rows of a level that belong to rows of the picture: all of coarse levels."""
        height = self.spec.grid_size(level)[0]
        if level >= COARSE:
            return [(0, height)]
        return [(top >> level, min(-(-bottom >> level), height)) for top, bottom in rows]

    def weighted_chunks(
        self, rows: Sequence[Rows], coarse_weight: float
    ) -> list[tuple[Chunk, float]]:
        """List the chunks of latents of some rows, each with the weight of its bits.

        The weight is 1 at fine levels. At coarse levels it is `coarse_weight` times the part of the
        picture that the rows have.
        """
        part = coarse_weight * sum(bottom - top for top, bottom in rows) / self.spec.height
        levels = [level for _, level in self.spec.grids()]
        shares = ((b, part if levels[b[0]] >= COARSE else 1.0) for b in self.chunks(rows))
        return [(chunk, share) for chunk, share in shares if share]


def affected(spec: Spec, grid: int) -> list[int]:
    """List the grids whose bits depend on the latents of one.

    These are itself, its child and, by their coarse features, all finer grids.

    Args:
        spec: Shape of the network.
        grid: Index of the grid.

    >>> affected(Spec("grid", 8, 8, 0, 4, 1, num_levels=3, chroma_level=1, dim_context=4), 0)
    [0, 3]
    """
    grids = spec.grids()
    pyramid, level = grids[grid]
    near = {(pyramid, level), (pyramid, level - 1)}

    def depends(other: tuple[int, int]) -> bool:
        return other in near or (other[1] < level and spec.has_coarse_features(other[1]))

    return [i for i, other in enumerate(grids) if depends(other)]


def above(place: Tile) -> Tile:
    """Return the place of the next coarser level that a place of a level depends on.

    >>> above((0, 4, 3, 5))
    (-2, 4, -1, 5)
    """
    top, bottom, left, right = place
    return (
        (top >> 1) - UPSAMPLING_REACH,
        (bottom - 1 >> 1) + 1 + UPSAMPLING_REACH,
        (left >> 1) - UPSAMPLING_REACH,
        (right - 1 >> 1) + 1 + UPSAMPLING_REACH,
    )


def split(start: int, stop: int, most: int) -> list[Rows]:
    """Cut a range into parts of about the same size, near `most`, at even distances from its start.

    >>> split(0, 10, 4)
    [(0, 4), (4, 10)]
    """
    number = max(1, round((stop - start) / most))
    edges = [start + 2 * round((stop - start) * i / number / 2) for i in range(number)] + [stop]
    return [(a, b) for a, b in pairwise(edges) if a < b]

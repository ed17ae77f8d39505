"""Pyramids of latents as one picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from imgnet.arrays import ByteArray, Float32Array
from imgnet.codec.format.container import Encoded
from imgnet.figures.ramps import diverging
from imgnet.figures.rate_map import check_has_latents
from imgnet.spec import Spec, latents_name

GAP = 6  # pixels between two grids and around them
GROUND = 96  # grey of the gaps
TABLE_LEVEL = 2  # finest level of the table, whose grids all have its size

Grid = tuple[int, int]  # pyramid and level


@dataclass(frozen=True, eq=False)
class Pyramids:
    """The latents of a file.

    Attributes:
        spec: Shape of the network.
        latents: Each grid (h, w), by pyramid and level.
    """

    spec: Spec
    latents: Mapping[Grid, Float32Array]

    def largest(self) -> dict[str, int]:
        """Return the largest absolute value of each grid by its name, in the order of `rows_of`."""
        grids = [grid for row in rows_of(self.spec) for grid in row]
        return {latents_name(*grid): self._largest(grid) for grid in grids}

    def draw(self) -> ByteArray:
        """Draw all latents: those below 0 blue, those above 0 orange, the largest darkest.

        A row for each pyramid has its grids of full and half size, a latent a pixel. Below them
        stands a table of all coarser grids, a row for a pyramid, a column for a level, all enlarged
        to the size of its first column. Each grid has a scale of its own.

        Returns:
            (H, W, 3) colours.
        """
        rows = [[self._tile(grid) for grid in row] for row in rows_of(self.spec)]
        return _stacked([_stacked(row, axis=1) for row in rows], axis=0, margin=GAP)

    def _largest(self, grid: Grid) -> int:
        return int(np.abs(self.latents[grid]).max())

    def _tile(self, grid: Grid) -> ByteArray:
        level = grid[1]
        colours = diverging(self.latents[grid].astype(np.float64), self._largest(grid))
        scale = 1 << max(0, level - TABLE_LEVEL)
        height, width = self.spec.grid_size(min(level, TABLE_LEVEL))
        return colours.repeat(scale, axis=0).repeat(scale, axis=1)[:height, :width]


def pyramids_of(encoded: Encoded) -> Pyramids:
    """Return the latents of a file.

    Raises:
        UsageError: The file has no latents.
        FormatError: The coded stream is damaged.
    """
    check_has_latents(encoded.spec)
    tensors = encoded.parameters()
    grids = encoded.spec.grids()
    return Pyramids(encoded.spec, {grid: tensors[latents_name(*grid)] for grid in grids})


def rows_of(spec: Spec) -> list[list[Grid]]:
    """Return the grids of each row of the picture, from left to right.

    >>> sizes = {"num_levels": 4, "chroma_level": 2, "dim_context": 4}
    >>> rows_of(Spec("grid", 8, 8, 0, 4, 1, 2, **sizes))
    [[(0, 0), (0, 1)], [(0, 2), (0, 3)], [(1, 2), (1, 3)]]
    """
    of_pyramids = [
        sorted((grid for grid in spec.grids() if grid[0] == pyramid), key=lambda grid: grid[1])
        for pyramid in range(spec.dim_out)
    ]
    fine = [[grid for grid in row if grid[1] < TABLE_LEVEL] for row in of_pyramids]
    table = [[grid for grid in row if grid[1] >= TABLE_LEVEL] for row in of_pyramids]
    return [row for row in fine + table if row]


def _stacked(tiles: list[ByteArray], axis: int, margin: int = 0) -> ByteArray:
    """Join pictures along an axis, with gaps between them and a margin around them."""
    across = max(tile.shape[1 - axis] for tile in tiles)
    padded = []
    for i, tile in enumerate(tiles):
        padding = [(0, 0)] * 3
        padding[axis] = (GAP if i else 0, 0)
        padding[1 - axis] = (0, across - tile.shape[1 - axis])
        padded.append(np.pad(tile, padding, constant_values=GROUND))
    around = [(margin, margin), (margin, margin), (0, 0)]
    return np.pad(np.concatenate(padded, axis), around, constant_values=GROUND)

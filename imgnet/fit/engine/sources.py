"""Sources of the tasks of `ReferenceEvaluator`: padded grids and coarse features, to be cropped."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional

from imgnet.fit.engine.latents import LatentGrids, padded
from imgnet.fit.engine.network import GridNetwork
from imgnet.fit.engine.tiling import COARSE, Chunk, Tile
from imgnet.neighbourhood import CAUSAL, MARGIN, PARENT_MARGIN, PARENTS, Offsets
from imgnet.spec import UPSAMPLING_REACH, edge_margin


class Source:
    """Tensor that depends on the latents and that tasks crop, with the gradients of all crops.

    Args:
        value: (C, h, w) with margins.
        margin: Samples on each side.
    """

    def __init__(self, value: Tensor, margin: int) -> None:
        self.value, self.margin, self.gradient = value, margin, torch.zeros_like(value)

    def crop(self, tensor: Tensor, place: Tile) -> Tensor:
        """Return the part of the value or of the gradient at a place without margins."""
        top, bottom, left, right = (edge + self.margin for edge in place)
        return tensor[:, top:bottom, left:right]


class Crops:
    """Crops of one task, which are the leaves of its graph."""

    def __init__(self) -> None:
        self.leaves: list[Tensor] = []
        self.gradients: list[Tensor] = []

    def take(self, source: Source, place: Tile) -> Tensor:
        """Return a crop that gets a gradient."""
        leaf = source.crop(source.value, place).detach().requires_grad_()
        self.leaves.append(leaf)
        self.gradients.append(source.crop(source.gradient, place))
        return leaf


class Sources:
    """All sources of the tasks of one evaluation."""

    def __init__(self, network: GridNetwork, latents: LatentGrids) -> None:
        self.network, self.spec, grids = network, network.spec, range(len(latents.grids))
        self.leaves = [latents.grid(latents.relaxed, i).detach().requires_grad_() for i in grids]
        self.places = latents.grids
        self.margin = edge_margin(self.spec.num_layers)
        self.base = min(COARSE, self.spec.num_levels - 1)
        self.levels = [Source(self._level(level), self.margin) for level in range(self.base)]
        self.coarse = Source(self._coarse(), self.margin)
        self.grids = [Source(functional.pad(x[None], (MARGIN,) * 4), MARGIN) for x in self.leaves]

    def _level(self, level: int) -> Tensor:
        """Return all grids of a level, (G, h, w), with a margin of repeated edges."""
        chosen = [x for x, place in zip(self.leaves, self.places, strict=True) if place[1] == level]
        size = self.spec.grid_size(level)
        empty = next(self.network.parameters()).new_zeros(0, *size)
        return padded(torch.stack(chosen) if chosen else empty, self.margin)

    def _coarse(self) -> Tensor:
        """Return the features of the whole picture at level `base`, with a margin."""
        features = None
        for level in reversed(range(self.base, self.spec.num_levels)):
            if features is not None:
                height, width = self.spec.grid_size(level)
                skip, more = self.margin - 2 * UPSAMPLING_REACH, 2 * self.margin
                wide = self.network.doubled(features, level)[:, skip:, skip:]
                features = wide[:, : height + more, : width + more]
            features = self.network.join(level, self._level(level), features)
        assert features is not None
        return features

    def gradients(self) -> list[Tensor | None]:
        """Return the gradients of all leaves and then of all upsampling weights."""
        sources = [s for s in (*self.levels, self.coarse, *self.grids) if s.value.requires_grad]
        return list(
            torch.autograd.grad(
                [source.value for source in sources],
                [*self.leaves, *self.network.upsample],
                [source.gradient for source in sources],
                allow_unused=True,
            )
        )

    def latents_of(self, chunk: Chunk, crops: Crops) -> tuple[Tensor, Tensor]:
        """Return the latents of a chunk, (N,), and the inputs of the context model, (K, N)."""
        i, top, bottom = chunk
        width = self.leaves[i].shape[1]
        place = top - MARGIN, bottom, -MARGIN, width + MARGIN
        own = crops.take(self.grids[i], place)[0]
        causal = windows(own, CAUSAL, MARGIN, bottom - top, width)
        inputs = torch.cat([causal, self._parents(chunk, crops), *self._coarser(chunk, crops)])
        return own[MARGIN:, MARGIN : MARGIN + width].flatten(), inputs.flatten(1)

    def _parents(self, chunk: Chunk, crops: Crops) -> Tensor:
        """Return the neighbours of a chunk in the next coarser grid, (offsets, h, w)."""
        i, top, bottom = chunk
        (pyramid, level), width = self.places[i], self.leaves[i].shape[1]
        if level == self.spec.num_levels - 1:
            return self.leaves[i].new_zeros(len(PARENTS), bottom - top, width)
        grid, m = self.places.index((pyramid, level + 1)), PARENT_MARGIN
        first, last, columns = top >> 1, (bottom + 1) >> 1, self.leaves[grid].shape[1]
        wide = crops.take(self.grids[grid], (first - m, last + m, -m, columns + m))[0]
        found = windows(wide, PARENTS, m, last - first, columns)
        return spread(found, 2, top % 2, bottom - top, width)

    def _coarser(self, chunk: Chunk, crops: Crops) -> Iterator[Tensor]:
        """Yield the latents of each coarser grid at the places of a chunk, (1, h, w)."""
        i, top, bottom = chunk
        (_, level), width = self.places[i], self.leaves[i].shape[1]
        if not self.spec.has_coarse_features(level):
            return
        for grid in map(self.places.index, self.spec.coarser_grids(level)):
            shift, columns = self.places[grid][1] - level, self.leaves[grid].shape[1]
            first, last = top >> shift, (bottom - 1 >> shift) + 1
            found = crops.take(self.grids[grid], (first, last, 0, columns))
            yield spread(found, 1 << shift, top - (first << shift), bottom - top, width)


def windows(x: Tensor, offsets: Offsets, margin: int, height: int, width: int) -> Tensor:
    """Return the neighbours of samples, (offsets, height, width).

    Args:
        x: (h, w); the first sample lies at (margin, margin).
        offsets: (dy, dx) of each neighbour.
        margin: Rows and columns before the first sample.
        height: Rows of samples.
        width: Columns of samples.

    >>> windows(torch.arange(4.0).view(2, 2), ((-1, 0), (0, -1)), 1, 1, 1).flatten().tolist()
    [1.0, 2.0]
    """
    corners = [(margin + dy, margin + dx) for dy, dx in offsets]
    return torch.stack([x[y : y + height, left : left + width] for y, left in corners])


def spread(x: Tensor, times: int, skip: int, height: int, width: int) -> Tensor:
    """Copy the values of a coarser grid to a finer one, (K, h, w) to (K, height, width).

    Args:
        x: (K, h, w) values.
        times: Rows and columns of the finer grid for each of the coarser.
        skip: Rows of the finer grid that are left out at the top.
        height: Rows of the finer grid.
        width: Columns of the finer grid.

    >>> spread(torch.tensor([[[1.0], [2.0]]]), 2, 1, 3, 1).flatten().tolist()
    [1.0, 2.0, 2.0]
    """
    count, rows, columns = x.shape
    children = x[:, :, None, :, None].expand(-1, -1, times, -1, times)
    wide = children.reshape(count, times * rows, times * columns)
    return wide[:, skip : skip + height, :width]

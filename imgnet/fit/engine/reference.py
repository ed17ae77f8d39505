"""Evaluator with torch and autograd, for any device and without Numba.

Tiles and chunks are small enough for the cache. Each has its own forward and backward pass, between
its value and its crops. One more backward pass goes from all crops to the latents, through padding
and through the coarse levels, which are computed for the whole picture. Gradients are added up in
order, so that a fit is repeatable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import torch
from torch import Tensor

from imgnet.arrays import Float32Array
from imgnet.fit.engine.code_length import clamped, code_length
from imgnet.fit.engine.latents import LatentGrids
from imgnet.fit.engine.network import GridNetwork
from imgnet.fit.engine.sources import Crops, Sources
from imgnet.fit.engine.tiling import (
    Chunk,
    Costs,
    Cuts,
    Rows,
    Tile,
    above,
    affected,
)

Compute = Callable[[Crops], Tensor]
Task = tuple[Compute, float]  # with the weight of its value in the cost


class ReferenceEvaluator:
    """Evaluator of a network on a picture, on any device.

    Args:
        network: Network; its parameters get gradients.
        latents: Latents; `relaxed` is evaluated, `gradient` is set.
        picture: (C, H, W) in 0..1.
        weight: (H, W) or (C, H, W) weight of each squared error; None for 1.
        workers: Pool in which tasks run.
        cuts: Cuts of the picture into tiles and chunks; None for the usual ones: tiles that fit the
            cache of a CPU, and one tile on other devices.
    """

    def __init__(
        self,
        network: GridNetwork,
        latents: LatentGrids,
        picture: Tensor,
        weight: Tensor | None,
        workers: ThreadPoolExecutor,
        cuts: Cuts | None = None,
    ) -> None:
        self.network, self.latents, self.picture, self.weight = network, latents, picture, weight
        self.workers, self.spec = workers, network.spec
        self.parameters = list(network.parameters())
        size = self.spec.height, self.spec.width
        usual = Cuts(self.spec) if picture.device.type == "cpu" else Cuts(self.spec, tile=size)
        self.cuts = usual if cuts is None else cuts

    def evaluate(
        self, rows: Sequence[Rows], lmbda: float, coarse_weight: float = 1.0
    ) -> tuple[float, float]:
        """See `Evaluator.evaluate`."""
        sources = Sources(self.network, self.latents)
        shares = self.cuts.weighted_chunks(rows, coarse_weight)
        per_sample, per_pixel = 1 / self._samples(rows), len(self.picture) / self._samples(rows)
        tiles = [(partial(self._error, sources, p), per_sample) for p in self.cuts.tiles(rows)]
        chunks = [(partial(self._bits, sources, c), lmbda * part * per_pixel) for c, part in shares]
        values = self._differentiate([*tiles, *chunks])
        self._finish(sources)
        bits = sum(v * part for v, (_, part) in zip(values[len(tiles) :], shares, strict=True))
        return sum(values[: len(tiles)]) * per_sample, bits * per_pixel

    def measure_error(self, rows: Sequence[Rows]) -> float:
        """See `Evaluator.measure_error`."""
        sources = self._constant_sources()
        tasks = [partial(self._error, sources, place) for place in self.cuts.tiles(rows)]
        return sum(x.item() for x in self._values(tasks)) / self._samples(rows)

    def measure_bits(self, rows: Sequence[Rows]) -> float:
        """See `Evaluator.measure_bits`."""
        sources = self._constant_sources()
        shares = self.cuts.weighted_chunks(rows, 1.0)
        found = self._values([partial(self._bits, sources, chunk) for chunk, _ in shares])
        bits = sum(x.item() * part for x, (_, part) in zip(found, shares, strict=True))
        return bits * len(self.picture) / self._samples(rows)

    def render(self, tiles: Sequence[Tile]) -> list[Float32Array]:
        """See `Evaluator.render`."""
        sources = self._constant_sources()
        found = self._values([partial(self._weighted_colours, sources, tile) for tile in tiles])
        return [colours.cpu().numpy() for colours in found]

    def costs(self, grid: int) -> Costs:
        """See `Evaluator.costs`."""
        sources, rows = self._constant_sources(), [(0, self.spec.height)]
        tiles = list(self.cuts.tiles(rows))
        error = self.picture.new_empty(self.picture.shape[1:])
        found = self._values([partial(self._errors, sources, tile) for tile in tiles])
        for (top, bottom, left, right), errors in zip(tiles, found, strict=True):
            error[top:bottom, left:right] = errors.sum(0)
        wanted = affected(self.spec, grid)
        chunks = [chunk for chunk in self.cuts.chunks(rows) if chunk[0] in wanted]
        lengths = {i: error.new_empty(self.latents.sizes[i]) for i in wanted}
        found = self._values([partial(self._lengths, sources, chunk) for chunk in chunks])
        for (i, top, bottom), bits in zip(chunks, found, strict=True):
            lengths[i][top:bottom] = bits.view(bottom - top, -1)
        return error.cpu().numpy(), {i: bits.cpu().numpy() for i, bits in lengths.items()}

    def _samples(self, rows: Sequence[Rows]) -> int:
        """Return the number of samples of some rows."""
        return len(self.picture) * self.spec.width * sum(bottom - top for top, bottom in rows)

    def _differentiate(self, tasks: Iterable[Task]) -> list[float]:
        """Return the values of tasks; add their gradients to parameters and sources."""
        values = []
        for value, crops, gradients in self.workers.map(self._backward, tasks):
            values.append(value)
            count = len(crops.leaves)
            for total, gradient in zip(crops.gradients, gradients[:count], strict=True):
                if gradient is not None:
                    total += gradient
            _add(self.parameters, gradients[count:])
        return values

    def _backward(self, task: Task) -> tuple[float, Crops, Sequence[Tensor | None]]:
        """Return the value of a task, and the gradients of its crops and of all parameters."""
        compute, weight = task
        crops = Crops()
        value = compute(crops)
        wanted = [*crops.leaves, *self.parameters]
        gradients = torch.autograd.grad(weight * value, wanted, allow_unused=True)
        return value.item(), crops, gradients

    def _finish(self, sources: Sources) -> None:
        """Set the gradients of the latents; add those of the upsampling of coarse levels."""
        gradients = sources.gradients()
        count = len(sources.leaves)
        for i, gradient in enumerate(gradients[:count]):
            assert gradient is not None
            self.latents.grid(self.latents.gradient, i).copy_(gradient)
        _add(list(self.network.upsample), gradients[count:])

    @torch.no_grad()
    def _constant_sources(self) -> Sources:
        return Sources(self.network, self.latents)

    def _values(self, tasks: Sequence[Compute]) -> list[Tensor]:
        """Return the values of tasks without gradients."""

        @torch.no_grad()
        def run(compute: Compute) -> Tensor:
            return compute(Crops())

        return list(self.workers.map(run, tasks))

    def _error(self, sources: Sources, place: Tile, crops: Crops) -> Tensor:
        """Return the squared error of a tile."""
        return self._errors(sources, place, crops).sum()

    def _errors(self, sources: Sources, place: Tile, crops: Crops) -> Tensor:
        """Return the squared errors of a tile, (C, h, w)."""
        top, bottom, left, right = place
        goal = self.picture[:, top:bottom, left:right]
        errors = (self._colours(sources, place, crops) - goal).square()
        return errors if self.weight is None else errors * self._weight_at(place)

    def _weighted_colours(self, sources: Sources, place: Tile, crops: Crops) -> Tensor:
        colours = self._colours(sources, place, crops)
        return colours if self.weight is None else colours * self._weight_at(place).sqrt()

    def _weight_at(self, place: Tile) -> Tensor:
        top, bottom, left, right = place
        assert self.weight is not None
        return self.weight[..., top:bottom, left:right]

    def _colours(self, sources: Sources, place: Tile, crops: Crops) -> Tensor:
        """Return the colours of a tile, (C, h, w)."""
        (top, bottom, left, right), n = place, self.spec.num_layers
        places = [(top - n, bottom + n, left - n, right + n)]
        for _ in sources.levels:
            places.append(above(places[-1]))
        features = crops.take(sources.coarse, places[-1])
        for level, source in reversed(list(enumerate(sources.levels))):
            top, bottom, left, right = here = places[level]
            wide = self.network.doubled(features, level)[:, top % 2 :, left % 2 :]
            fine = wide[:, : bottom - top, : right - left]
            features = self.network.join(level, crops.take(source, here), fine)
        return clamped(self.network.colours(features), 0, 1)

    def _bits(self, sources: Sources, chunk: Chunk, crops: Crops) -> Tensor:
        """Return the bits of a chunk."""
        return self._lengths(sources, chunk, crops).sum()

    def _lengths(self, sources: Sources, chunk: Chunk, crops: Crops) -> Tensor:
        """Return the bits of every latent of a chunk, (N,)."""
        values, inputs = sources.latents_of(chunk, crops)
        grid = chunk[0]
        return code_length(values, *self.network.context(inputs, grid, sources.places[grid]))


def _add(parameters: Sequence[Tensor], gradients: Sequence[Tensor | None]) -> None:
    """Add to the gradients that parameters already have."""
    for parameter, gradient in zip(parameters, gradients, strict=True):
        if gradient is not None:
            parameter.grad = gradient if parameter.grad is None else parameter.grad.add_(gradient)

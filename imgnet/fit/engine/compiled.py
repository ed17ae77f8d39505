"""Evaluator with compiled kernels, for the CPU.

Each tile and each chunk is a task with its own forward and backward pass, on views of the latents.
Gradients are added up in order, so that a fit is repeatable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from imgnet.arrays import Float32Array, Parameters
from imgnet.fit.engine.compiled_distortion import Synthesis
from imgnet.fit.engine.compiled_rate import Context
from imgnet.fit.engine.compiled_task import Grids, Outcome
from imgnet.fit.engine.latents import LatentGrids
from imgnet.fit.engine.network import GridNetwork
from imgnet.fit.engine.tiling import Costs, Cuts, Rows, Tile, affected
from imgnet.fit.kernels import latents as latent_kernels

T = TypeVar("T")


class CompiledEvaluator:
    """Evaluator of a network on a picture, on the CPU.

    Args:
        network: Network; its parameters get gradients.
        latents: Latents; `relaxed` is evaluated, `gradient` is set.
        picture: (C, H, W) in 0..1.
        weight: (H, W) or (C, H, W) weight of each squared error; None for 1.
        workers: Pool in which tasks run.
        cuts: Cuts of the picture into tiles and chunks; None for the usual ones.
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
        self.network, self.latents, self.workers = network, latents, workers
        self.spec = spec = network.spec
        self.cuts = Cuts(spec) if cuts is None else cuts
        self.picture = picture.contiguous().numpy()
        of_samples = None if weight is None else weight.expand_as(picture).numpy()
        self.named = list(network.named_parameters())
        self.grids = grids = Grids(latents)
        self.synthesis = Synthesis(spec, grids, self.picture, of_samples)
        self.context = Context(spec, grids)

    def evaluate(
        self, rows: Sequence[Rows], lmbda: float, coarse_weight: float = 1.0
    ) -> tuple[float, float]:
        """See `Evaluator.evaluate`."""
        weights, pixels = self._weights(), self._pixels(rows)
        samples, shares = self.spec.dim_out * pixels, self.cuts.weighted_chunks(rows, coarse_weight)
        of_tile = partial(self.synthesis.distortion, weights, 1 / samples)
        of_chunk = partial(self.context.rate, self.context.weights_of(weights))
        tiles = [partial(of_tile, tile) for tile in self.cuts.tiles(rows)]
        chunks = [partial(of_chunk, chunk, lmbda * share / pixels) for chunk, share in shares]
        values = self._collect(self._outcomes([*tiles, *chunks]))
        of_chunks = zip(values[len(tiles) :], shares, strict=True)
        bits = sum(value * share for value, (_, share) in of_chunks)
        return sum(values[: len(tiles)]) / samples, bits / pixels

    def measure_error(self, rows: Sequence[Rows]) -> float:
        """See `Evaluator.measure_error`."""
        of_tile = partial(self.synthesis.error, self._weights())
        found = self._run([partial(of_tile, tile) for tile in self.cuts.tiles(rows)])
        return sum(found) / (self.spec.dim_out * self._pixels(rows))

    def measure_bits(self, rows: Sequence[Rows]) -> float:
        """See `Evaluator.measure_bits`."""
        shares = self.cuts.weighted_chunks(rows, 1.0)
        of_chunk = partial(self.context.bits, self.context.weights_of(self._weights()))
        found = self._run([partial(of_chunk, chunk) for chunk, _ in shares])
        bits = sum(value * share for value, (_, share) in zip(found, shares, strict=True))
        return bits / self._pixels(rows)

    def _run(self, tasks: Sequence[Callable[[], T]]) -> list[T]:
        """Return what tasks return, in order."""
        return list(self._outcomes(tasks))

    def _outcomes(self, tasks: Sequence[Callable[[], T]]) -> Iterator[T]:
        """Yield what tasks return, in order, while those behind them still run."""
        return self.workers.map(lambda task: task(), tasks)

    def _pixels(self, rows: Sequence[Rows]) -> int:
        return self.spec.width * sum(bottom - top for top, bottom in rows)

    def _collect(self, outcomes: Iterable[Outcome]) -> list[float]:
        """Set the gradients of latents and parameters to sums over tasks; return the values."""
        self.latents.gradient.zero_()
        gradients = self.grids.gradients
        totals = {n: _cleared_gradient(p) for n, p in self.named}
        values = []
        for outcome in outcomes:
            values.append(outcome.value)
            for i, top, left, gradient in outcome.crops:
                latent_kernels.crop_back(gradient, top, left, gradients[i])
            for i, top, left, gradient in outcome.windows:
                latent_kernels.window_back(gradient, top, left, outcome.factor, gradients[i])
            for i, top, shift, gradient in outcome.repeats:
                latent_kernels.repeated_back(gradient, top, shift, outcome.factor, gradients[i])
            for name, gradient in outcome.weights.items():
                totals[name] += gradient
        return values

    def render(self, tiles: Sequence[Tile]) -> list[Float32Array]:
        """See `Evaluator.render`."""
        of_tile = partial(self.synthesis.render, self._weights())
        return self._run([partial(of_tile, tile) for tile in tiles])

    def costs(self, grid: int) -> Costs:
        """See `Evaluator.costs`."""
        rows, weights, sizes = [(0, self.spec.height)], self._weights(), self.latents.sizes
        error = np.empty(self.picture.shape[1:], np.float32)
        wanted = affected(self.spec, grid)
        lengths = {i: np.empty(sizes[i], np.float32) for i in wanted}
        of_tile = partial(self.synthesis.errors, weights, error)
        of_chunk = partial(self.context.lengths, self.context.weights_of(weights), lengths)
        tiles = [partial(of_tile, tile) for tile in self.cuts.tiles(rows)]
        chunks = [partial(of_chunk, c) for c in self.cuts.chunks(rows) if c[0] in lengths]
        self._run([*tiles, *chunks])
        return error, lengths

    def _weights(self) -> Parameters:
        return {n: p.detach().numpy() for n, p in self.named}


def _cleared_gradient(parameter: Tensor) -> Float32Array:
    """Return the gradient of a parameter, in its own memory, set to zeros."""
    if parameter.grad is None:
        parameter.grad = torch.zeros_like(parameter)
    gradient: Float32Array = parameter.grad.zero_().numpy()
    return gradient

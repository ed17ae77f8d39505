"""One evaluation of `grid` on some rows of the picture, compiled: what `grid_step.py` computes.

Its tasks are the same tiles and chunks, cut out of the latents as they lie, and every task goes
forward and backward by itself. Tasks return gradients, which are added up in order: a fit is
repeatable.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import torch
from torch import Tensor

from imgnet.fit.engine.compiled_distortion import Drawing
from imgnet.fit.engine.compiled_rate import Context
from imgnet.fit.engine.compiled_task import Arrays, Grids, Outcome
from imgnet.fit.engine.latents import LatentGrids
from imgnet.fit.engine.network import GridNetwork
from imgnet.fit.engine.tiling import TILE, Costs, Cuts, Rows, Tile, affected
from imgnet.fit.kernels import latents as latent_kernels
from imgnet.fit.kernels.blocks import Floats


class CompiledEvaluator:
    """Evaluate the network on a picture, on the CPU.

    Args:
        network: Its parameters get gradients.
        latents: What it draws; `latents.gradient` is set.
        picture: (C, H, W) in 0..1.
        seen: (H, W) or (C, H, W) what each squared error counts; None for 1.
        workers: Where tasks run.
        tile: Rows and columns of a distortion task.
    """

    def __init__(
        self,
        network: GridNetwork,
        latents: LatentGrids,
        picture: Tensor,
        seen: Tensor | None,
        workers: ThreadPoolExecutor,
        tile: tuple[int, int] = TILE,
    ) -> None:
        self.network, self.latents, self.workers = network, latents, workers
        self.spec = spec = network.spec
        self.cuts = Cuts(spec, tile)
        self.picture = picture.contiguous().numpy()
        mask = None if seen is None else seen.expand_as(picture).numpy()
        self.named = list(network.named_parameters())
        self.grids = grids = Grids(latents)
        self.drawing, self.context = Drawing(spec, grids, self.picture, mask), Context(spec, grids)

    def evaluate(
        self, rows: Sequence[Rows], lmbda: float, coarse_weight: float = 1.0
    ) -> tuple[float, float]:
        """See `Evaluator.evaluate`."""
        return self._run(rows, lmbda, gradients=True, coarse_weight=coarse_weight)

    def measure(
        self, rows: Sequence[Rows], error: bool = True, bits: bool = True
    ) -> tuple[float, float]:
        """See `Evaluator.measure`."""
        return self._run(rows, 1.0, gradients=False, error=error, bits=bits)

    def _run(
        self,
        rows: Sequence[Rows],
        lmbda: float,
        gradients: bool,
        error: bool = True,
        bits: bool = True,
        coarse_weight: float = 1.0,
    ) -> tuple[float, float]:
        weights = self._weights()
        pixels = self.spec.width * sum(bottom - top for top, bottom in rows)
        drawing, per_sample = self.drawing, 1 / (self.spec.dim_out * pixels)
        of_tile = partial(drawing.distortion, weights, per_sample, gradients)
        of_chunk = partial(self.context.rate, self.context.weights_of(weights), gradients)
        tiles = [partial(of_tile, tile) for tile in self.cuts.tiles(rows) if error]
        shares = self.cuts.weighted_chunks(rows, coarse_weight) if bits else []
        chunks = [partial(of_chunk, chunk, lmbda * share / pixels) for chunk, share in shares]
        outcomes = list(self.workers.map(lambda task: task(), [*tiles, *chunks]))
        if gradients:
            self._collect(outcomes)
        errors = sum(outcome.value for outcome in outcomes[: len(tiles)])
        weighed = zip(outcomes[len(tiles) :], shares, strict=True)
        code_length = sum(outcome.value * share for outcome, (_, share) in weighed)
        return errors / (self.spec.dim_out * pixels), code_length / pixels

    def _collect(self, outcomes: Sequence[Outcome]) -> None:
        self.latents.gradient.zero_()
        gradients = self.grids.gradients
        totals = {n: _cleared_gradient(p) for n, p in self.named}
        for outcome in outcomes:
            for i, top, left, gradient in outcome.crops:
                latent_kernels.crop_back(gradient, top, left, gradients[i])
            for i, top, left, gradient in outcome.windows:
                latent_kernels.window_back(gradient, top, left, outcome.weight, gradients[i])
            for name, gradient in outcome.weights.items():
                totals[name] += gradient

    def draw(self, places: Sequence[Tile]) -> list[Floats]:
        """See `Evaluator.draw`."""
        weights = self._weights()
        of_tile = partial(self.drawing.draw, weights)
        return list(self.workers.map(of_tile, places))

    def costs(self, grid: int) -> Costs:
        """See `Evaluator.costs`."""
        rows = [(0, self.spec.height)]
        weights = self._weights()
        error = np.empty(self.picture.shape[1:], np.float32)
        latents = self.latents
        wanted = affected(latents.grids, grid)
        lengths = {i: np.empty(latents.sizes[i], np.float32) for i in wanted}
        of_tile = partial(self.drawing.errors, weights, error)
        of_chunk = partial(self.context.lengths, self.context.weights_of(weights), lengths)
        tiles = [partial(of_tile, tile) for tile in self.cuts.tiles(rows)]
        chunks = [
            partial(of_chunk, chunk) for chunk in self.cuts.chunks(rows) if chunk[0] in lengths
        ]
        list(self.workers.map(lambda task: task(), [*tiles, *chunks]))
        return error, lengths

    def _weights(self) -> Arrays:
        return {n: p.detach().numpy() for n, p in self.named}


def _cleared_gradient(parameter: Tensor) -> Floats:
    """Return the gradient of a parameter, in its own memory, set to zeros."""
    if parameter.grad is None:
        parameter.grad = torch.zeros_like(parameter)
    gradient: Floats = parameter.grad.zero_().numpy()
    return gradient

"""One evaluation of `grid` on some rows of the picture: rate, distortion and all gradients.

The picture is cut into tiles and the latents into chunks, small enough for the cache, each of them
a task with its own forward and backward pass. Only the coarse levels are computed for the whole
picture at once. Tasks return gradients, which are added up in order: a fit is repeatable.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from imgnet.codec.entropy.context import MARGIN
from imgnet.fit.engine.latents import LatentGrids, padded
from imgnet.fit.engine.network import GridNetwork
from imgnet.fit.engine.tasks import Input, Outcome, Task, add_gradient, run_task, unpadded
from imgnet.fit.engine.tiling import COARSE, TILE, Chunk, Costs, Cuts, Floats, Rows, Tile, affected
from imgnet.spec import UPSAMPLING_REACH, edge_margin


class ReferenceEvaluator:
    """Evaluate the network on a picture.

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
        self.network, self.latents, self.picture, self.seen = network, latents, picture, seen
        self.workers, self.spec = workers, network.spec
        self.cuts = Cuts(self.spec, tile)
        self.parameters = list(network.parameters())
        self.margin = edge_margin(self.spec.num_layers)
        self.base = min(COARSE, self.spec.num_levels - 1)

    def evaluate(
        self, rows: Sequence[Rows], lmbda: float, coarse_weight: float = 1.0
    ) -> tuple[float, float]:
        """See `Evaluator.evaluate`."""
        return self._run(rows, lmbda, gradients=True, coarse_weight=coarse_weight)

    @torch.no_grad()
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
        channels, _, width = self.picture.shape
        pixels = width * sum(bottom - top for top, bottom in rows)
        coarse, coarse_leaves = self._coarse()
        base = Input.of(coarse.detach())
        own = [Input.of(padded(self._of_level(level), self.margin)) for level in range(self.base)]
        causal, parents = self._context_inputs()
        of_tile = partial(self._distortion, base, own)
        of_chunk = partial(self._rate, causal, parents)
        places = self.cuts.tiles(rows) if error else ()
        tiles = [(partial(of_tile, place), 1 / (channels * pixels)) for place in places]
        shares = self.cuts.weighted_chunks(rows, coarse_weight) if bits else []
        chunks = [(partial(of_chunk, b), lmbda * share / pixels) for b, share in shares]
        run = partial(run_task, self.parameters if gradients else None)
        outcomes = list(self.workers.map(run, [*tiles, *chunks]))
        if gradients:
            self._collect(outcomes)
            self._finish(coarse, coarse_leaves, base, own, causal, parents)
        errors = sum(value for value, _, _ in outcomes[: len(tiles)])
        weighed = zip(outcomes[len(tiles) :], shares, strict=True)
        code_length = sum(value * share for (value, _, _), (_, share) in weighed)
        return errors / (channels * pixels), code_length / pixels

    @torch.no_grad()
    def draw(self, places: Sequence[Tile]) -> list[Floats]:
        """See `Evaluator.draw`."""
        inputs = self._drawing_inputs()
        drawn = []
        for place in places:
            colours, (top, bottom, left, right) = self._colours(*inputs, place, Task()), place
            if self.seen is not None:
                colours = colours * self.seen[..., top:bottom, left:right].sqrt()
            drawn.append(colours.cpu().numpy())
        return drawn

    @torch.no_grad()
    def costs(self, grid: int) -> Costs:
        """See `Evaluator.costs`."""
        rows = [(0, self.spec.height)]
        base, own = self._drawing_inputs()
        error = self.picture.new_empty(self.picture.shape[1:])
        for place in self.cuts.tiles(rows):
            top, bottom, left, right = place
            error[top:bottom, left:right] = self._errors(base, own, place, Task()).sum(0)
        causal, parents = self._context_inputs()
        grids = self.latents.grids
        lengths = {i: error.new_empty(self.latents.sizes[i]) for i in affected(grids, grid)}
        for chunk in self.cuts.chunks(rows):
            if (i := chunk[0]) in lengths:
                around = self._around(causal, parents, chunk, Task())
                lengths[i][chunk[1] : chunk[2]] = self.network.context.lengths(*around)
        return error.cpu().numpy(), {i: bits.cpu().numpy() for i, bits in lengths.items()}

    def _collect(self, outcomes: Sequence[Outcome]) -> None:
        for _, task, gradients in outcomes:
            count = len(task.leaves)
            for (source, place), gradient in zip(task.places, gradients[:count], strict=True):
                if gradient is not None:
                    source.gradient[:, *place] += gradient
            for parameter, gradient in zip(self.parameters, gradients[count:], strict=True):
                add_gradient(parameter, gradient)

    def _finish(
        self,
        coarse: Tensor,
        leaves: dict[int, Tensor],
        base: Input,
        own: list[Input],
        causal: list[Input],
        parents: list[Input],
    ) -> None:
        """Carry the gradients of all inputs back to the latents."""
        latents, flat = self.latents, self.latents.gradient
        flat.zero_()
        wanted = [*leaves.values(), *self.network.upsample]
        carried = torch.autograd.grad(coarse, wanted, base.gradient, allow_unused=True)
        for level, gradient in zip(leaves, carried, strict=False):
            if gradient is not None and gradient.numel():
                latents.of_level(flat, level).add_(gradient)
        for parameter, gradient in zip(self.network.upsample, carried[len(leaves) :], strict=True):
            add_gradient(parameter, gradient)
        for level, source in enumerate(own):
            if source.value.numel():
                latents.of_level(flat, level).add_(unpadded(source.gradient, self.margin))
        for i, source in enumerate(causal):
            latents.grid(flat, i).add_(source.gradient[0, MARGIN:, MARGIN:-MARGIN])
        for i, source in enumerate(parents):
            latents.grid(flat, i).add_(source.gradient[0, 1:-1, 1:-1])

    def _of_level(self, level: int) -> Tensor:
        return self.latents.of_level(self.latents.relaxed, level)

    def _coarse(self) -> tuple[Tensor, dict[int, Tensor]]:
        """Return the features of the whole picture at level `base`, and the latents behind them."""
        features, leaves = None, {}
        for level in reversed(range(self.base, self.spec.num_levels)):
            own = leaves[level] = self._of_level(level).detach().requires_grad_()
            if features is not None:
                features = self._extended(features, level)
            features = self.network.join(level, padded(own, self.margin), features)
        assert features is not None
        return features, leaves

    def _extended(self, features: Tensor, level: int) -> Tensor:
        """Bring the features of a whole level, with margin, to the level below."""
        height, width = self.spec.grid_size(level)
        skip = self.margin - 2 * UPSAMPLING_REACH
        doubled = self.network.doubled(features, level)
        return doubled[:, skip : skip + height + 2 * self.margin][
            :, :, skip : skip + width + 2 * self.margin
        ]

    def _drawing_inputs(self) -> tuple[Input, list[Input]]:
        """Return the coarse features of the whole picture and the latents of the levels below."""
        coarse, _ = self._coarse()
        own = [Input.of(padded(self._of_level(level), self.margin)) for level in range(self.base)]
        return Input.of(coarse.detach()), own

    def _distortion(self, base: Input, own: list[Input], place: Tile, task: Task) -> Tensor:
        """Return the squared error of a tile."""
        return self._errors(base, own, place, task).sum()

    def _errors(self, base: Input, own: list[Input], place: Tile, task: Task) -> Tensor:
        """Return the squared errors of a tile, (C, h, w)."""
        top, bottom, left, right = place
        error = (
            self._colours(base, own, place, task) - self.picture[:, top:bottom, left:right]
        ).square()
        if self.seen is not None:
            error = error * self.seen[..., top:bottom, left:right]
        return error

    def _colours(self, base: Input, own: list[Input], place: Tile, task: Task) -> Tensor:
        """Return the colours of a tile, (C, h, w)."""
        top, bottom, left, right = place
        n = self.spec.num_layers
        features = self._features(task, base, own, 0, (top - n, bottom + n, left - n, right + n))
        colours = self.network.colours(features)
        # Clamped in the value but not in the gradient, or what is too bright would stay so.
        return colours + (colours.detach().clamp(0, 1) - colours.detach())

    def _features(
        self,
        task: Task,
        base: Input,
        own: list[Input],
        level: int,
        place: Tile,
    ) -> Tensor:
        """Return the features of a place, which may reach into the margin, at a level."""
        top, bottom, left, right = place
        m = self.margin
        here = slice(top + m, bottom + m), slice(left + m, right + m)
        if level == self.base:
            return task.take(base, here)
        above = (
            (top >> 1) - UPSAMPLING_REACH,
            (bottom - 1 >> 1) + 1 + UPSAMPLING_REACH,
            (left >> 1) - UPSAMPLING_REACH,
            (right - 1 >> 1) + 1 + UPSAMPLING_REACH,
        )
        doubled = self.network.doubled(self._features(task, base, own, level + 1, above), level)
        doubled = doubled[:, top % 2 :, left % 2 :][:, : bottom - top, : right - left]
        return self.network.join(level, task.take(own[level], here), doubled)

    def _context_inputs(self) -> tuple[list[Input], list[Input]]:
        """Return every grid with the margins of a neighbourhood and of one of parents."""
        latents = self.latents
        grids = [latents.grid(latents.relaxed, i)[None] for i in range(len(latents.grids))]
        causal = [Input.of(functional.pad(x, (MARGIN, MARGIN, MARGIN, 0))) for x in grids]
        return causal, [Input.of(functional.pad(x, (1, 1, 1, 1))) for x in grids]

    def _rate(self, causal: list[Input], parents: list[Input], chunk: Chunk, task: Task) -> Tensor:
        """Return the bits of a chunk."""
        return self.network.context.bits(*self._around(causal, parents, chunk, task))

    def _around(
        self, causal: list[Input], parents: list[Input], chunk: Chunk, task: Task
    ) -> tuple[Tensor, Tensor | None, int, tuple[int, int, int]]:
        """Return a chunk with its neighbours, the latents above it, and where it is."""
        i, top, bottom = chunk
        pyramid, level = self.latents.grids[i]
        everywhere = slice(None)
        own = task.take(causal[i], (slice(top, bottom + MARGIN), everywhere))
        above = None
        if level < self.spec.num_levels - 1:
            j = self.latents.grids.index((pyramid, level + 1))
            rows = slice(top >> 1, (bottom - 1 >> 1) + 3)
            above = task.take(parents[j], (rows, everywhere))
        return own, above, top % 2, (i, pyramid, level)

"""State of a fit of `grid`: network, latents and one step of both."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from math import isfinite

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from imgnet.codec.format.quantized import Quantized, q_index_of
from imgnet.codec.priors.loader import prior_tensors
from imgnet.fit.device import mask_of, picture_of
from imgnet.fit.engine.latents import LatentGrids
from imgnet.fit.engine.network import GridNetwork
from imgnet.fit.engine.pick import evaluator_for, latents_for
from imgnet.fit.engine.tiling import COARSE, STRIP_UNIT, Evaluator, Rows
from imgnet.fit.grid.start import filled, latent_q_step, set_network, start_cold, warm_start
from imgnet.fit.grid.weights import Weights, lr_scale_at
from imgnet.fit.rounding import QSteps, quantize, rounded
from imgnet.fit.soap import lr_factor
from imgnet.image.picture import Samples
from imgnet.request.efforts import Schedule
from imgnet.request.options import Arrays, Result
from imgnet.spec import Spec

EvaluatorOf = Callable[
    [GridNetwork, LatentGrids, Tensor, Tensor | None, ThreadPoolExecutor], Evaluator
]

LATENT_LR = 0.1
COARSE_EVERY = 4  # steps in which the bits of coarse levels are left out, but for one


class GridState:
    """Network and latents of one fit.

    Args:
        spec: Shape of the network.
        pixels: (H, W, C) colours of 8 or 16 bits.
        schedule: Schedule, for the network and for where its latents start.
        lmbda: First lmbda: squared error of colours in 0..1 that one bit a pixel is worth.
        seen: (H, W) or (H, W, C) weight of each squared error; None for 1.
        workers: Threads for the parts of a step.
        device: Device of all tensors.
        seed: Of the first weights, of noise and of the order of rows.
        network_of: Returns the network of a spec.
        evaluator_of: Returns its evaluator on a picture.
    """

    def __init__(
        self,
        spec: Spec,
        pixels: Samples,
        schedule: Schedule,
        lmbda: float,
        seen: NDArray[np.bool_] | NDArray[np.float32] | None,
        workers: ThreadPoolExecutor,
        device: torch.device,
        seed: int,
        network_of: Callable[[Spec], GridNetwork] = GridNetwork,
        evaluator_of: EvaluatorOf = evaluator_for,
    ) -> None:
        self.spec, self.device, self.workers = spec, device, workers
        torch.manual_seed(seed)
        self.generator = torch.Generator().manual_seed(seed)
        picture = picture_of(pixels, device)
        mask = None if seen is None else mask_of(seen, device).float()
        self.seen_part = 1.0 if seen is None else float(seen.mean())
        self.network = network_of(spec).to(device)
        self.latents = latents_for(spec, device, self.generator)
        self.prior = {n: torch.from_numpy(a).to(device) for n, a in prior_tensors(spec).items()}
        self.schedule, self.latent_lr = schedule, LATENT_LR * schedule.latent_lr_scale
        known = picture if mask is None else filled(picture, mask > 0)
        step = self._start(known, lmbda)
        if bool((known == known[:, :1, :1]).all()):
            self.latent_lr = 0.0  # The network alone draws one colour; latents would only escape.
        self.evaluator = evaluator_of(self.network, self.latents, picture, mask, workers)
        lr_scale = schedule.network_lr_scale * lr_scale_at(lmbda)
        self.weights = Weights(self.network, self.prior, step, lr_scale)
        self.parameters = self.weights.parameters
        units = round(schedule.pixels_per_step / (STRIP_UNIT * spec.width))
        rows = STRIP_UNIT * max(1, units)
        height = spec.height
        self.all_rows = [(top, min(top + rows, height)) for top in range(0, height, rows)]
        self.epochs = dict.fromkeys(self.all_rows, 0)
        self.order: list[Rows] = []
        self.step, self.error, self.bits = 0, 1.0, 0.0

    def _start(self, picture: Tensor, lmbda: float) -> float:
        """Set the first network and latents; return the quantiser step of a latent."""
        if not self.prior:
            step = latent_q_step(lmbda, is_graded=False)
            start_cold(picture, step, self.network, self.latents)
            return step
        start = warm_start(self.spec.prior, self.spec.lmbda_index, self.device)
        step = latent_q_step(lmbda, start.is_graded)
        set_network(self.network, self.prior, picture, step)
        self.latents.fill(start.pyramids(picture, step, self.spec))
        return step

    def take_step(self, done: float, relaxed_done: float, lmbda: float) -> Rows:
        """Move network and relaxed latents once.

        Args:
            done: Part 0..1 of the schedule that is done.
            relaxed_done: Part of its relaxed steps that is done.
            lmbda: Squared error that one bit a pixel is worth.

        Returns:
            Rows of the step.
        """
        rows = self._next_rows()
        parts = self._parts(rows)
        courses = self.schedule.temperature, self.schedule.noise
        temperature, noise = (first + (last - first) * relaxed_done for first, last in courses)
        self.latents.relax(temperature, noise, [part for part, _ in parts], self.workers)
        self._evaluate(rows, lmbda)
        lr = self.latent_lr * self._slowdown(relaxed_done)
        moving = self.workers.submit(self.latents.step, lr, parts)
        self._move_network(done, lmbda)
        moving.result()
        self.step += 1
        return rows[0]

    def take_network_step(self, done: float, lmbda: float) -> None:
        """Move the network once, with latents that stay; see `take_step`."""
        self._evaluate(self._next_rows(), lmbda)
        self._move_network(done, lmbda)
        self.step += 1

    def measure(self) -> tuple[float, float]:
        """Return weighted mean squared error and bits a pixel of the whole image."""
        error = self.evaluator.measure_error(self.all_rows)
        return error / self.seen_part, self.evaluator.measure_bits(self.all_rows)

    def _evaluate(self, rows: list[Rows], lmbda: float) -> None:
        self.weights.zero_grad()
        # The few bits of the coarse levels take as long as many others: now and then is enough.
        weight = COARSE_EVERY if self.step % COARSE_EVERY == 0 else 0
        self.error, self.bits = self.evaluator.evaluate(rows, lmbda, weight)

    def _move_network(self, done: float, lmbda: float) -> None:
        if isfinite(self.error + self.bits):
            price = lmbda / (self.spec.width * self.spec.height)
            self.weights.move(self._slowdown(done), price)

    def _slowdown(self, done: float) -> float:
        return lr_factor(self.step, self.schedule.warm_up, done)

    def _next_rows(self) -> list[Rows]:
        """Return the next strip of rows; all come once, in random order, before any comes again."""
        if not self.order:
            shuffled = torch.randperm(len(self.all_rows), generator=self.generator).tolist()
            self.order = [self.all_rows[i] for i in shuffled]
        rows = self.order.pop()
        self.epochs[rows] += 1
        return [rows]

    def _parts(self, rows: list[Rows]) -> list[tuple[slice, int]]:
        """Return slices of the latents of some rows and the number of steps of each."""
        parts = []
        for i, (_, level) in enumerate(self.latents.grids):
            start, width = self.latents.starts[i], self.latents.sizes[i][1]
            counts = [self.step + 1] if level >= COARSE else [self.epochs[strip] for strip in rows]
            ranges = self.evaluator.cuts.grid_rows(rows, level)
            for (top, bottom), count in zip(ranges, counts, strict=True):
                parts.append((slice(start + top * width, start + bottom * width), count))
        return parts

    def result(self, steps: QSteps) -> Result:
        """Return the network as it is stored, given the quantiser steps of its weights."""
        quantized = quantize(self.parameters, steps, self.prior)
        unit = q_index_of(1.0)
        for i, name in enumerate(self.latents.names):
            grid = self.latents.grid(self.latents.relaxed, i)
            quantized[name] = Quantized(grid.int().cpu().numpy(), unit)
        stored = {name: tensor.dequantize() for name, tensor in quantized.items()}
        return Result(stored, quantized, self.step, self.device.type)

    def snapshot(self, steps: QSteps) -> Arrays:
        """Return all tensors as they would be stored; weights without quantiser steps stay real."""
        with rounded({name: self.parameters[name] for name in steps}, steps, self.prior):
            arrays = {n: p.detach().cpu().numpy().copy() for n, p in self.parameters.items()}
        for i, name in enumerate(self.latents.names):
            grid = self.latents.grid(self.latents.values, i)
            arrays[name] = grid.round().cpu().numpy()
        return arrays

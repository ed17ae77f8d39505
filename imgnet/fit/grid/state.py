"""State of a fit of `grid`: network, latents and one step of both."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from math import isfinite

import torch
from torch import Tensor

from imgnet.arrays import BoolArray, Float32Array, Parameters
from imgnet.codec.format.quantized import Quantized, q_index_of
from imgnet.codec.priors.loader import prior_tensors
from imgnet.fit.device import filled, mask_of, picture_of
from imgnet.fit.engine.latents import LatentGrids
from imgnet.fit.engine.network import GridNetwork
from imgnet.fit.engine.pick import evaluator_for, latents_for
from imgnet.fit.engine.tiling import COARSE, STRIP_UNIT, Evaluator, Rows
from imgnet.fit.grid.start import latent_q_step_at, set_network, start_cold, warm_start
from imgnet.fit.grid.weights import Weights, lr_scale_at
from imgnet.fit.rounding import QSteps, quantize, rounded
from imgnet.fit.soap import lr_factor
from imgnet.image.picture import Samples
from imgnet.request.efforts import Schedule
from imgnet.request.options import Result
from imgnet.spec import Spec

EvaluatorOf = Callable[
    [GridNetwork, LatentGrids, Tensor, Tensor | None, ThreadPoolExecutor], Evaluator
]

LATENT_LR = 0.1
COARSE_EVERY = 4  # steps from one with the bits of coarse levels to the next


class GridState:
    """Network and latents of one fit.

    Args:
        spec: Shape of the network.
        pixels: (H, W, C) colours of 8 or 16 bits.
        schedule: Schedule for the network and for the origin of its first latents.
        lmbda: First lmbda: squared error of colours in 0..1 that one bit a pixel is worth.
        error_weights: (H, W) or (H, W, C) weight of each squared error, or a mask; None for 1.
        workers: Threads for the parts of a step.
        device: Device of all tensors.
        seed: Seed of the first weights, of noise and of the order of rows.
        network_of: Returns the network of a spec.
        evaluator_of: Returns the evaluator of a network on a picture.
    """

    def __init__(
        self,
        spec: Spec,
        pixels: Samples,
        schedule: Schedule,
        lmbda: float,
        error_weights: BoolArray | Float32Array | None,
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
        weight = None if error_weights is None else mask_of(error_weights, device).float()
        self.mean_weight = 1.0 if error_weights is None else float(error_weights.mean())
        self.network = network_of(spec).to(device)
        self.latents = latents_for(spec, device, self.generator)
        self.prior = {n: torch.from_numpy(a).to(device) for n, a in prior_tensors(spec).items()}
        self.schedule, self.latent_lr = schedule, LATENT_LR * schedule.latent_lr_scale
        self.square_decay = 1 - 1 / schedule.latent_memory
        whole = picture if weight is None else filled(picture, weight > 0)
        latent_q_step = self._start(whole, lmbda)
        if bool((whole == whole[:, :1, :1]).all()):
            self.latent_lr = 0.0  # The network alone renders one colour; latents would only drift.
        self.evaluator = evaluator_of(self.network, self.latents, picture, weight, workers)
        lr_scale = schedule.network_lr_scale * lr_scale_at(lmbda)
        self.weights = Weights(self.network, self.prior, latent_q_step, lr_scale)
        self.parameters = self.weights.parameters
        units = round(schedule.pixels_per_step / (STRIP_UNIT * spec.width))
        rows = STRIP_UNIT * max(1, units)
        height = spec.height
        self.all_rows = [(top, min(top + rows, height)) for top in range(0, height, rows)]
        self.epochs = dict.fromkeys(self.all_rows, 0)
        self.order: list[Rows] = []
        self.step, self.error, self.bits = 0, 1.0, 0.0

    def _start(self, picture: Tensor, lmbda: float) -> float:
        """Set the first network and latents; return the q_step of a latent."""
        if not self.prior:
            latent_q_step = latent_q_step_at(lmbda, is_level_weighted=False)
            start_cold(picture, latent_q_step, self.network, self.latents)
            return latent_q_step
        start = warm_start(self.spec.prior, self.spec.lmbda_index, self.device)
        latent_q_step = latent_q_step_at(lmbda, start.is_level_weighted)
        set_network(self.network, self.prior, picture, latent_q_step)
        self.latents.fill(start.pyramids(picture, latent_q_step, self.spec, self.workers))
        return latent_q_step

    def take_step(self, done: float, relaxed_done: float, lmbda: float) -> Rows:
        """Move network and relaxed latents once.

        Args:
            done: Part 0..1 of the schedule that is done.
            relaxed_done: Part 0..1 of its steps on relaxed latents that is done.
            lmbda: Squared error of colours in 0..1 that one bit a pixel is worth.

        Returns:
            Strip of the step.
        """
        rows = self._next_rows()
        parts = self._parts(rows)
        courses = self.schedule.temperature, self.schedule.noise
        temperature, noise = (first + (last - first) * relaxed_done for first, last in courses)
        self.latents.relax(temperature, noise, [part for part, _ in parts], self.workers)
        self._evaluate(rows, lmbda)
        lr = self.latent_lr * self._lr_factor(relaxed_done)
        moving = self.workers.submit(self.latents.step, lr, parts, self.square_decay)
        self._move_network(done, lmbda)
        moving.result()
        self.step += 1
        return rows[0]

    def take_network_step(self, done: float, lmbda: float) -> None:
        """Move the network once, but not the latents; see `take_step` for the arguments."""
        self._evaluate(self._next_rows(), lmbda)
        self._move_network(done, lmbda)
        self.step += 1

    def measure(self) -> tuple[float, float]:
        """Return the weighted mean squared error of the whole image, and its bits a pixel."""
        error = self.evaluator.measure_error(self.all_rows)
        return error / self.mean_weight, self.evaluator.measure_bits(self.all_rows)

    def _evaluate(self, rows: list[Rows], lmbda: float) -> None:
        self.weights.zero_grad()
        # The few bits of the coarse levels take as long as many others, so most steps skip them.
        coarse_weight = COARSE_EVERY if self.step % COARSE_EVERY == 0 else 0
        self.error, self.bits = self.evaluator.evaluate(rows, lmbda, coarse_weight)

    def _move_network(self, done: float, lmbda: float) -> None:
        if isfinite(self.error + self.bits):
            bit_cost = lmbda / (self.spec.width * self.spec.height)
            self.weights.move(self._lr_factor(done), bit_cost)

    def _lr_factor(self, done: float) -> float:
        return lr_factor(self.step, self.schedule.warm_up, done)

    def _next_rows(self) -> list[Rows]:
        """Return the next strip of rows: each once an epoch, in random order."""
        if not self.order:
            shuffled = torch.randperm(len(self.all_rows), generator=self.generator).tolist()
            self.order = [self.all_rows[i] for i in shuffled]
        rows = self.order.pop()
        self.epochs[rows] += 1
        return [rows]

    def _parts(self, rows: list[Rows]) -> list[tuple[slice, int]]:
        """Return slices of the flat latents of some rows, each with the number of its steps."""
        parts = []
        for i, (_, level) in enumerate(self.latents.grids):
            start, width = self.latents.starts[i], self.latents.sizes[i][1]
            steps = [self.step + 1] if level >= COARSE else [self.epochs[strip] for strip in rows]
            ranges = self.evaluator.cuts.grid_rows(rows, level)
            for (top, bottom), number in zip(ranges, steps, strict=True):
                parts.append((slice(start + top * width, start + bottom * width), number))
        return parts

    def result(self, q_steps: QSteps) -> Result:
        """Return the network as it is stored, given the q_steps of its weights."""
        quantized = quantize(self.parameters, q_steps, self.prior)
        unit = q_index_of(1.0)
        for i, name in enumerate(self.latents.names):
            grid = self.latents.grid(self.latents.relaxed, i)
            quantized[name] = Quantized(grid.int().cpu().numpy(), unit)
        stored = {name: tensor.dequantize() for name, tensor in quantized.items()}
        return Result(stored, quantized, self.step, self.device.type)

    def snapshot(self, q_steps: QSteps) -> Parameters:
        """Return all tensors as they would be stored; weights without a q_step stay real."""
        with rounded({name: self.parameters[name] for name in q_steps}, q_steps, self.prior):
            arrays = {n: p.detach().cpu().numpy().copy() for n, p in self.parameters.items()}
        for i, name in enumerate(self.latents.names):
            grid = self.latents.grid(self.latents.values, i)
            arrays[name] = grid.round().cpu().numpy()
        return arrays

"""The state of a fit of `grid`: network, latents and what moves them, step by step."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from math import cos, isfinite, pi

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from imgnet.codec.format.quantized import Quantized, q_index_of
from imgnet.codec.priors.loader import origins
from imgnet.fit.device import mask_of, picture_of
from imgnet.fit.engine.latents import LatentGrids
from imgnet.fit.engine.network import GridNetwork
from imgnet.fit.engine.reference import ReferenceEvaluator
from imgnet.fit.engine.tiling import COARSE, STRIP_UNIT, Evaluator, Rows
from imgnet.fit.grid.start import filled, latent_q_step, set_network, start_cold, warm_start
from imgnet.fit.grid.weights import Weights, lr_scale_at
from imgnet.fit.rounding import QSteps, quantize, rounded
from imgnet.image.picture import Samples
from imgnet.request.efforts import FEW_EPOCHS, Preset
from imgnet.request.options import Arrays, Result
from imgnet.spec import Spec

try:
    from imgnet.fit.engine.compiled import CompiledEvaluator
except ImportError:  # Numba, which is not to be had for every Python and every machine
    CompiledEvaluator = None  # type: ignore[assignment, misc]

LATENT_LR = 0.1
# Fits that see their pixels less often cannot calm down what they have stirred up: trained networks
# move by less, and so do latents. Where a network wrote these, they move by much less and are
# relaxed less; others have less noise, and no time to lose.
MANY_EPOCHS = 100
SHYNESS = 0.1  # power of the epochs with which other latents move; with written ones it is 1
WARM_UP = 20  # steps
TEMPERATURE = (0.35, 0.08)  # of the soft rounding, from the first step to the last
NOISE = (0.22, 0.15)
COARSE_EVERY = 4  # steps in which the bits of coarse levels are left out, but for one


class GridState:
    """Network and latents of one fit.

    Args:
        spec: Shape of the network.
        pixels: (H, W, C) colours of 8 or 16 bits.
        preset: Schedule.
        lmbda: Price of a bit a pixel that the fit begins at, in squared error of colours in 0..1.
        seen: (H, W) or (H, W, C) what each squared error counts; None for 1.
        workers: Where parts of a step run.
        device: Where all tensors live.
        seed: Of the first weights, of noise and of the order of rows.
    """

    def __init__(
        self,
        spec: Spec,
        pixels: Samples,
        preset: Preset,
        lmbda: float,
        seen: NDArray[np.bool_] | NDArray[np.float32] | None,
        workers: ThreadPoolExecutor,
        device: torch.device,
        seed: int,
    ) -> None:
        self.spec, self.device, self.workers = spec, device, workers
        torch.manual_seed(seed)
        self.generator = torch.Generator().manual_seed(seed)
        picture = picture_of(pixels, device)
        mask = None if seen is None else mask_of(seen, device).float()
        self.seen_part = 1.0 if seen is None else float(seen.mean())
        self.network = self._network().to(device)
        self.latents = LatentGrids(spec, device, self.generator)
        self.origins = {n: torch.from_numpy(a).to(device) for n, a in origins(spec).items()}
        epochs = preset.epochs(spec.width * spec.height)
        self.latent_lr, self.warm_up = LATENT_LR, WARM_UP
        self.temperature, self.noise = TEMPERATURE, NOISE
        known = picture if mask is None else filled(picture, mask > 0)
        step = self._start(known, lmbda, epochs)
        if bool((known == known[:, :1, :1]).all()):
            self.latent_lr = 0.0  # The network alone draws one colour; latents would only escape.
        self.evaluator = self._evaluator(picture, mask)
        part = min(1.0, epochs / FEW_EPOCHS) if self.origins else 1.0
        self.weights = Weights(self.network, self.origins, step, part * lr_scale_at(lmbda))
        self.parameters = self.weights.parameters
        units = round(preset.pixels_per_step / (STRIP_UNIT * spec.width))
        rows = STRIP_UNIT * max(1, units)
        height = spec.height
        self.all_rows = [(top, min(top + rows, height)) for top in range(0, height, rows)]
        self.epochs = dict.fromkeys(self.all_rows, 0)
        self.order: list[Rows] = []
        self.step, self.error, self.bits = 0, 1.0, 0.0

    def _start(self, picture: Tensor, lmbda: float, epochs: float) -> float:
        """Set network and latents to where the fit begins; return what a latent of 1 means."""
        if not self.origins:
            step = latent_q_step(lmbda, is_graded=False)
            start_cold(picture, step, self.network, self.latents)
            return step
        start = warm_start(self.spec.prior, self.spec.lmbda_index, self.device)
        step = latent_q_step(lmbda, start.is_graded)
        set_network(self.network, self.origins, picture, step)
        self.latents.fill(start.pyramids(picture, step, self.spec))
        self._calm(epochs, is_written=start.analysis is not None)
        return step

    def _calm(self, epochs: float, is_written: bool) -> None:
        """Let latents be stirred up no more than so many epochs can calm down."""
        part = min(1.0, epochs / MANY_EPOCHS)
        self.latent_lr *= part ** (1.0 if is_written else SHYNESS)
        if is_written:
            first, last = TEMPERATURE
            self.temperature = last + (first - last) * min(1.0, epochs / FEW_EPOCHS), last
        else:
            first, last = NOISE
            self.noise = last + (first - last) * part, last
            self.warm_up = max(1, round(WARM_UP * part))

    def _network(self) -> GridNetwork:
        return GridNetwork(self.spec)

    def _evaluator(self, picture: Tensor, seen: Tensor | None) -> Evaluator:
        common = self.network, self.latents, picture, seen, self.workers
        if self.device.type != "cpu":
            return ReferenceEvaluator(*common, tile=(self.spec.height, self.spec.width))
        return (
            ReferenceEvaluator(*common) if CompiledEvaluator is None else CompiledEvaluator(*common)
        )

    def take_step(self, done: float, relaxed_done: float, lmbda: float) -> Rows:
        """Move network and relaxed latents once.

        Args:
            done: Part 0..1 of the schedule that lies behind.
            relaxed_done: Part of its relaxed steps that does.
            lmbda: Price of a bit.

        Returns:
            Rows that were looked at.
        """
        rows = self._next_rows()
        parts = self._parts(rows)
        temperature, noise = (a + (b - a) * relaxed_done for a, b in (self.temperature, self.noise))
        self.latents.relax(temperature, noise, [part for part, _ in parts], self.workers)
        self._evaluate(rows, lmbda)
        lr = self.latent_lr * self._slowdown(relaxed_done)
        moving = self.workers.submit(self.latents.step, lr, parts)
        self._move_network(done, lmbda)
        moving.result()
        self.step += 1
        return rows[0]

    def take_network_step(self, done: float, lmbda: float) -> None:
        """Move the network once, as it draws latents that stay as they are; see `take_step`."""
        self._evaluate(self._next_rows(), lmbda)
        self._move_network(done, lmbda)
        self.step += 1

    def measure(self) -> tuple[float, float]:
        """Return squared error, as it counts, and bits a pixel of the whole picture."""
        error, bits = self.evaluator.measure(self.all_rows)
        return error / self.seen_part, bits

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
        return min(1.0, (self.step + 1) / self.warm_up) * (1 + cos(pi * done)) / 2

    def _next_rows(self) -> list[Rows]:
        """Return one of the strips of rows, each of them once before any comes again."""
        if not self.order:
            shuffled = torch.randperm(len(self.all_rows), generator=self.generator).tolist()
            self.order = [self.all_rows[i] for i in shuffled]
        rows = self.order.pop()
        self.epochs[rows] += 1
        return [rows]

    def _parts(self, rows: list[Rows]) -> list[tuple[slice, int]]:
        """Return where the latents of some rows lie and how often each has been visited."""
        parts = []
        for i, (_, level) in enumerate(self.latents.grids):
            start, width = self.latents.starts[i], self.latents.sizes[i][1]
            counts = [self.step + 1] if level >= COARSE else [self.epochs[strip] for strip in rows]
            ranges = self.evaluator.cuts.grid_rows(rows, level)
            for (top, bottom), count in zip(ranges, counts, strict=True):
                parts.append((slice(start + top * width, start + bottom * width), count))
        return parts

    def result(self, steps: QSteps) -> Result:
        """Return what is to be stored of weights in some steps and of rounded latents."""
        quantized = quantize(self.parameters, steps, self.origins)
        unit = q_index_of(1.0)
        for i, name in enumerate(self.latents.names):
            grid = self.latents.grid(self.latents.relaxed, i)
            quantized[name] = Quantized(grid.int().cpu().numpy(), unit)
        stored = {name: tensor.dequantize() for name, tensor in quantized.items()}
        return Result(stored, quantized, self.step, self.device.type)

    def snapshot(self, steps: QSteps) -> Arrays:
        """Return all tensors as they would be stored; weights without steps stay real."""
        with rounded({name: self.parameters[name] for name in steps}, steps, self.origins):
            arrays = {n: p.detach().cpu().numpy().copy() for n, p in self.parameters.items()}
        for i, name in enumerate(self.latents.names):
            grid = self.latents.grid(self.latents.values, i)
            arrays[name] = grid.round().cpu().numpy()
        return arrays

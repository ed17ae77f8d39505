"""Fit of a coordinate network, `gated` or `mlp`, to one image.

A fit has two parts under one cosine schedule. In the first part the weights are real. Then q_steps
are chosen that bring the coded size to the budget, and the second part goes on with rounded
weights, as the file stores them. The result is the best network within the budget, not necessarily
the last. With a target PSNR, that network gets the coarsest q_steps that reach it.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from math import ceil, inf, isfinite

import torch
from torch import Tensor

from imgnet.arrays import BoolArray
from imgnet.codec.format.coordinate_stream import pack
from imgnet.codec.render.coordinate import render
from imgnet.fit.coordinate.network import Network, build
from imgnet.fit.coordinate.sampler import Batch, LatticeSampler
from imgnet.fit.device import fastest_dtype, mask_of, one_thread_workers, pick_device, picture_of
from imgnet.fit.meter import Meter
from imgnet.fit.rounding import (
    QSteps,
    Tensors,
    choose_q_steps,
    curvatures,
    quantize,
    refine_q_steps,
    rounded,
)
from imgnet.fit.soap import SOAP, lr_factor
from imgnet.image.picture import Samples
from imgnet.metrics.psnr import psnr_db
from imgnet.request.options import Options, Result
from imgnet.request.target import NEAR_DB, PsnrTarget
from imgnet.spec import Spec

CHUNK = 8192  # crossings of a batch: few enough for the cache, many enough to hide the calls
MOST_CHUNKS = 8  # of a step: smaller ones take longer
WARM_UP = 50  # steps
MATRIX_LR = 1.5e-2
VECTOR_LR = 3e-3
CHECKS = 12  # evaluations of the whole image, evenly spaced over the second part of the fit
SETTLED = 0.9  # part of the fit after which the q_steps stay the same
SLACK = 0.997  # part of the budget that chosen q_steps may use: training changes the size a little


def fit(
    spec: Spec,
    pixels: Samples,
    options: Options,
    mask: BoolArray | None = None,
) -> Result:
    """Overfit a coordinate network to one image.

    Args:
        spec: Shape of the network; its size is the image's.
        pixels: (H, W, C) colours of 8 or 16 bits.
        options: Schedule, byte budget, target PSNR, device, seed, limits and callbacks.
        mask: (H, W) or (H, W, C), True for the samples to fit; None for all.

    Returns:
        The best network within the budget, with a target PSNR in the coarsest q_steps that reach
        it.

    Raises:
        UsageError: The device is unknown, or the machine has no such device.
    """
    device = pick_device(options.device)
    with one_thread_workers(device) as workers:
        return _Fit(spec, pixels, options, mask, device, workers).run()


class _Fit:
    """State of one fit: network, optimiser, place in the schedule, best network so far."""

    def __init__(
        self,
        spec: Spec,
        pixels: Samples,
        options: Options,
        mask: BoolArray | None,
        device: torch.device,
        workers: ThreadPoolExecutor,
    ) -> None:
        self.options, self.device, self.workers = options, device, workers
        self.pixels, self.mask = pixels, mask
        torch.manual_seed(options.seed)
        order = torch.Generator().manual_seed(options.seed)
        picture = picture_of(pixels, self.device)
        sample_mask = None if mask is None else mask_of(mask, self.device)
        pixels_per_step = options.schedule.pixels_per_step
        chunk = min(CHUNK, ceil(pixels_per_step / _num_chunks(device)))
        self.sampler = LatticeSampler(picture, sample_mask, pixels_per_step, chunk, order)
        self.spec = spec
        self.network = self._fresh_network(_means(picture, sample_mask))
        self.parameters = dict(self.network.named_parameters())
        self.optimizer = _optimizer(list(self.parameters.values()))
        self.q_steps: QSteps | None = None
        self.curvature: dict[str, float] = {}
        self.best_error = inf
        self.best: Result | None = None
        self.bytes = options.budget_bytes or 4 * spec.num_parameters
        self.step = 0
        self.meter = Meter(options)

    def _fresh_network(self, means: Tensor) -> Network:
        network = build(self.spec).to(self.device)
        network.set_product_dtype(fastest_dtype(self.device))
        with torch.no_grad():
            network.output.bias.copy_(torch.logit(means.clamp(0.01, 0.99)))
        whole = self.sampler.whole_lattice()
        network.normalize(whole.x, whole.y)
        return network

    def run(self) -> Result:
        """Go through the schedule and return the best network."""
        checks = [1 - self.options.schedule.quantized * i / CHECKS for i in range(CHECKS + 1)]
        while (done := self.meter.done(self.step)) < 1:
            if done >= checks[-1]:
                checks.pop()
                self._check(done)
            self._set_learning_rate(done)
            self._take_step()
            self._report()
        self._check(1.0)
        best, target = self._kept(), self.options.target
        if isinstance(target, PsnrTarget):
            return self._no_better_than(target.psnr_db, best)
        return best

    def _set_learning_rate(self, done: float) -> None:
        factor = lr_factor(self.step, WARM_UP, done)
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak_lr"] * factor

    def _take_step(self) -> None:
        self.optimizer.zero_grad()
        with self._as_stored():
            self.error = self._accumulate_gradients()
        if isfinite(self.error):
            self.optimizer.step()
        self.step += 1

    def _as_stored(self) -> AbstractContextManager[None]:
        return rounded(self.parameters, self.q_steps) if self.q_steps else nullcontext()

    def _accumulate_gradients(self) -> float:
        """Set the gradients of the mean squared error of the next lattice; return that error."""
        total, count = 0.0, 0
        for error, samples, gradients in self.workers.map(self._gradients, self.sampler.lattice()):
            total, count = total + error, count + samples
            for parameter, gradient in zip(self.parameters.values(), gradients, strict=True):
                parameter.grad = gradient if parameter.grad is None else parameter.grad + gradient
        for parameter in self.parameters.values():
            if parameter.grad is not None:
                parameter.grad /= count
        return total / count

    def _gradients(self, batch: Batch) -> tuple[float, int, tuple[Tensor, ...]]:
        loss = self._squared_error(batch)
        gradients = torch.autograd.grad(loss, list(self.parameters.values()))
        return loss.item(), batch.target.numel(), gradients

    def _squared_error(self, batch: Batch) -> Tensor:
        x_hat: Tensor = self.network(batch.x, batch.y, batch.keep)
        error = (x_hat - batch.target).square_()
        return error.sum() if batch.sample_mask is None else (error * batch.sample_mask).sum()

    @torch.no_grad()  # here, in what the workers run, since it holds for one thread only
    def _error(self, batch: Batch) -> float:
        return self._squared_error(batch).item()

    def _check(self, done: float) -> None:
        """Bring the size back to the budget; keep the network if it is the best so far."""
        if self.options.budget_bytes is not None and (self.q_steps is None or done < SETTLED):
            self._choose_q_steps(self.options.budget_bytes * SLACK)
        with self._as_stored():
            error = sum(self.workers.map(self._error, self.sampler.everything()))
        result = self._result()
        if error < self.best_error and self._fits(result):
            self.best_error, self.best = error, result

    def _choose_q_steps(self, num_bytes: float) -> None:
        if not self.curvature:
            whole = self.sampler.whole_lattice()
            self.curvature = curvatures(
                self.parameters, lambda: self.network(whole.x, whole.y, whole.keep)
            )
        self.q_steps = choose_q_steps(self.parameters, self.curvature, num_bytes)

    def _result(self) -> Result:
        if self.q_steps is not None:
            return self._quantized(self.parameters, self.q_steps)
        real = {n: p.detach().cpu().numpy().copy() for n, p in self.parameters.items()}
        return Result(real, None, self.step, self.device.type)

    def _quantized(self, parameters: Tensors, q_steps: QSteps) -> Result:
        quantized = quantize(parameters, q_steps)
        stored = {name: tensor.dequantize() for name, tensor in quantized.items()}
        return Result(stored, quantized, self.step, self.device.type)

    def _fits(self, result: Result) -> bool:
        if self.options.budget_bytes is None or result.quantized is None:
            return True
        self.bytes = len(pack(self.spec, result.quantized))
        return self.bytes <= self.options.budget_bytes

    def _kept(self) -> Result:
        """Return the best network; if none was within the budget, the last in coarser q_steps."""
        slack = SLACK
        while self.best is None and self.options.budget_bytes is not None:
            slack -= 0.02
            self._choose_q_steps(self.options.budget_bytes * slack)
            result = self._result()
            self.best = result if self._fits(result) else None
        assert self.best is not None  # without a budget every network is kept
        return replace(self.best, steps=self.step)

    def _no_better_than(self, target_db: float, best: Result) -> Result:
        """Return a network in the coarsest q_steps with which its picture reaches a PSNR."""
        parameters = {name: torch.from_numpy(array) for name, array in best.parameters.items()}

        def excess_db(q_steps: QSteps) -> float:
            return self._decoded_psnr_db(self._quantized(parameters, q_steps)) - target_db

        best_psnr_db = self._decoded_psnr_db(best)
        if best_psnr_db <= target_db:
            return replace(best, best_psnr_db=best_psnr_db)
        most = self.options.budget_bytes or inf
        q_steps = choose_q_steps(parameters, self.curvature, most, lambda q: excess_db(q) > 0)
        # In a small network, every change of a q_step matters.
        q_steps = refine_q_steps(q_steps, lambda q: abs(excess_db(q)), NEAR_DB)
        return replace(self._quantized(parameters, q_steps), best_psnr_db=best_psnr_db)

    def _decoded_psnr_db(self, result: Result) -> float:
        """Return the PSNR of the decoded picture; the products of a fit may be less precise."""
        x_hat = render(self.spec, result.parameters, depth=8 * self.pixels.itemsize)
        return psnr_db(self.pixels, x_hat, self.mask)

    def _report(self) -> None:
        self.meter.take_snapshot(self.spec, self.step, lambda: self._result().parameters)
        bpp = 8 * self.bytes / (self.spec.width * self.spec.height)
        self.meter.report(self.step, self.error, bpp)


def _num_chunks(device: torch.device) -> int:
    """Return the parts of a step, which depend on the machine but not on its load or on --jobs.

    Sums of other parts are rounded differently, and so would be the file.
    """
    return min(os.cpu_count() or 1, MOST_CHUNKS) if device.type == "cpu" else 1


def _means(picture: Tensor, mask: Tensor | None) -> Tensor:
    """Return the mean of each channel over its samples in a mask; 0.5 where it has none."""
    if mask is None:
        return picture.flatten(1).mean(1)
    planes = zip(picture, mask.expand_as(picture), strict=True)
    return torch.stack([plane[own].mean() for plane, own in planes]).nan_to_num(0.5)


def _optimizer(parameters: list[torch.nn.Parameter]) -> SOAP:
    rates = {2: MATRIX_LR, 1: VECTOR_LR}
    groups = [
        {"params": [p for p in parameters if p.ndim == ndim], "lr": lr, "peak_lr": lr}
        for ndim, lr in rates.items()
    ]
    return SOAP(groups, lr=MATRIX_LR)

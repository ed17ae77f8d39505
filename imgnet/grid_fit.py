"""Overfit `grid` to one image.

First the latents are relaxed and move together with the network, each step on some bands of rows.
Then they are rounded for good, the network's weights get their steps, and the network alone goes on
through rounded weights, so that what is stored is what was optimised.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from math import cos, isfinite, log10, pi

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from imgnet.aim import Aim, aim_of, distance
from imgnet.analysis import filled, first_step, set_network, start_cold, warm_start
from imgnet.codestream import Quantized, step_index
from imgnet.device import mask_of, one_thread_workers, pick_device, picture_of
from imgnet.fitting import Arrays, Options, Result
from imgnet.grid_cuts import COARSE, Evaluator, Rows
from imgnet.grid_decide import Decisions
from imgnet.grid_model import GridNetwork
from imgnet.grid_quantize import choose_steps
from imgnet.grid_step import GridStep
from imgnet.grid_weights import Weights
from imgnet.latents import LatentGrids
from imgnet.priors import origins
from imgnet.profile import Samples
from imgnet.progress import Progress
from imgnet.quantize import Steps, quantize, rounded
from imgnet.spec import Spec
from imgnet.steering import (
    PRICES,
    ROUNDING_ERROR,
    STARTS,
    Steering,
    steering_of,
    within_limits,
)

try:
    from imgnet.fused_step import FusedStep
except ImportError:  # Numba, which is not to be had for every Python and every machine
    FusedStep = None  # type: ignore[assignment, misc]

LATENT_LR = 0.1  # in a fit that sees every part of the picture MANY_VISITS times or more
MANY_VISITS = 100
SHYNESS = 0.7  # power of the visits with which latents move in a shorter fit: it cannot calm down
WARM_UP = 20  # steps
TEMPERATURE = (0.35, 0.08)  # of the soft rounding, from the first step to the last
NOISE = (0.22, 0.15)
BAND_UNIT = 1 << COARSE  # rows; the bands that a step sees are so many, or a multiple
FINE = 2  # level up to which latents are decided on once they are rounded; at the end, `COARSE`
COARSE_EVERY = 4  # steps in which the bits of coarse levels are left out, but for one
GAPS = 10  # times in a schedule that rounded latents are compared with relaxed ones
MOST_CORRECTIONS = 4
CORRECTION = 1 / 8  # part of the schedule that goes on after it, to correct that
AS_AT = 0.7  # part of the schedule whose step sizes a correction has
REPORT_S = 0.1
LEAST_ERROR = 1e-12


class GridFit:
    """The state of one fit.

    Args:
        spec: Shape of the network.
        pixels: (H, W, C) colours of 8 or 16 bits.
        options: Schedule, device and who is told.
        lmbda: Price of a bit a pixel, in squared error of colours in 0..1.
        seen: (H, W) or (H, W, C) True where the distortion counts; None for everywhere.
    """

    def __init__(
        self,
        spec: Spec,
        pixels: Samples,
        options: Options,
        lmbda: float,
        seen: NDArray[np.bool_] | None,
        workers: ThreadPoolExecutor,
        device: torch.device,
    ) -> None:
        self.spec, self.options, self.lmbda, self.preset = spec, options, lmbda, options.preset
        self.device, self.workers = device, workers
        torch.manual_seed(options.seed)
        self.generator = torch.Generator().manual_seed(options.seed)
        picture = picture_of(pixels, device)
        mask = None if seen is None else mask_of(seen, device).float()
        self.seen_part = 1.0 if seen is None else float(seen.mean())
        self.network = GridNetwork(spec).to(device)
        self.latents = LatentGrids(spec, device, self.generator)
        self.origins = {n: torch.from_numpy(a).to(device) for n, a in origins(spec).items()}
        step = self._start(picture if mask is None else filled(picture, mask))
        self.evaluator = self._evaluator(picture, mask)
        self.weights = Weights(self.network, self.origins, step)
        self.parameters = self.weights.parameters
        height = spec.height
        units = round(self.preset.pixels_per_step / (BAND_UNIT * spec.width))
        rows = BAND_UNIT * max(1, units)
        self.all_rows = [(top, min(top + rows, height)) for top in range(0, height, rows)]
        self.visits = dict.fromkeys(self.all_rows, 0)
        self.latent_lr = LATENT_LR
        if self.origins:  # where the latents are near their goal already
            visits = self.preset.steps / len(self.all_rows)
            self.latent_lr *= min(1.0, visits / MANY_VISITS) ** SHYNESS
        self.order: list[Rows] = []
        self.steps: Steps | None = None
        num_weights = sum(weight.numel() for weight in self.parameters.values())
        self.aim = aim_of(options, pixels, seen)
        self.steering = steering_of(
            options,
            spec.width * spec.height,
            num_weights,
            has_prior=bool(self.origins),
            rounding_error=ROUNDING_ERROR if pixels.dtype == np.uint8 else 0.0,
        )
        self.step, self.error, self.bits = 0, 1.0, 0.0
        self.started = self.reported = time.monotonic()

    def _start(self, picture: Tensor) -> float:
        """Set network and latents to where the fit begins; return what a latent of 1 means."""
        if not self.origins:
            step = first_step(self.lmbda, is_graded=False)
            start_cold(picture, step, self.network, self.latents)
            return step
        start = warm_start(self.spec.prior, self.spec.band, self.device)
        step = first_step(self.lmbda, start.is_graded)
        set_network(self.network, self.origins, picture, step)
        self.latents.fill(start.pyramids(picture, step, self.spec))
        return step

    def _evaluator(self, picture: Tensor, seen: Tensor | None) -> Evaluator:
        common = self.network, self.latents, picture, seen, self.workers
        if self.device.type != "cpu":
            return GridStep(*common, tile=(self.spec.height, self.spec.width))
        return GridStep(*common) if FusedStep is None else FusedStep(*common)

    def run(self) -> Result:
        """Go through the schedule and return what is to be stored."""
        relaxed = 1 - self.preset.quantized
        while (done := self._done()) < relaxed:
            self._take_step(done, done / relaxed)
            self._tell()
        self._round()
        while (done := self._done()) < 1:
            self._take_network_step(done)
            self._tell()
        self._decide(COARSE)
        return self._result() if self.aim is None else self._corrected(self.aim)

    def pilot(self) -> float:
        """Return by how many dB relaxed latents, then rounded, are too good or too large."""
        steering, self.steering = self.steering, None
        assert steering is not None
        while (done := self._done()) < 1:
            self._take_step(done, done)
        self.latents.round()
        error, bits = self.evaluator.measure(self.all_rows)
        return 10 * log10(steering.goal.excess(max(error / self.seen_part, LEAST_ERROR), bits))

    def _done(self) -> float:
        return self.options.part_done(self.step, self.started)

    def _round(self) -> None:
        """Round the latents for good and choose the steps of the weights."""
        self.latents.round()
        self.steps = choose_steps(
            self.spec, self.parameters, self.origins, self.evaluator, self.lmbda
        )
        self.weights.limit(self.steps)
        self._decide(FINE)

    def _decide(self, coarsest: int) -> None:
        """Round latents of levels up to one the other way where that is cheaper."""
        assert self.steps is not None
        decisions = Decisions(
            *(self.latents, self.evaluator, self.lmbda, self.spec.dim_out),
            go_on=lambda: not self.options.is_time_up(self.started),
        )
        with rounded(self.parameters, self.steps, self.origins):
            for _ in range(self.preset.decisions):
                decisions.make(coarsest)

    def _corrected(self, aim: Aim) -> Result:
        """Go on at other prices until PSNR or size are what was asked for; return the nearest."""
        self.steering = None
        tried: list[tuple[float, float]] = []
        results: list[Result] = []
        while True:
            results.append(result := self._result())
            assert result.quantized is not None
            tried.append((self.lmbda, aim.excess_db(self.spec, result.quantized)))
            distances = [distance(excess_db) for _, excess_db in tried]
            is_last = len(tried) > MOST_CORRECTIONS or self.options.is_time_up(self.started)
            if is_last or distances[-1] == 0:
                return results[distances.index(min(distances))]
            self._correct(within_limits(PRICES.solve(0.0, tried)))

    def _correct(self, lmbda: float) -> None:
        self.lmbda = lmbda
        more = max(8, round(CORRECTION * self.preset.steps))
        self._repeat(lambda: self._take_step(AS_AT, AS_AT), more)
        self._round()
        self._repeat(lambda: self._take_network_step(AS_AT), more // 4)

    def _repeat(self, take_step: Callable[[], None], steps: int) -> None:
        for _ in range(steps):
            if self.options.is_time_up(self.started):
                return
            take_step()
            self._tell()

    def _take_step(self, done: float, relaxed_done: float) -> None:
        rows = self._next_rows()
        parts = self._parts(rows)
        temperature, noise = (a + (b - a) * relaxed_done for a, b in (TEMPERATURE, NOISE))
        self.latents.relax(temperature, noise, [part for part, _ in parts], self.workers)
        self._evaluate(rows)
        self._steer(rows, relaxed_done)
        lr = self.latent_lr * self._slowdown(relaxed_done)
        moving = self.workers.submit(self.latents.step, lr, parts)
        self._move_network(done)
        moving.result()
        self.step += 1

    def _steer(self, rows: list[Rows], relaxed_done: float) -> None:
        """Bring the price of a bit to where the file becomes what was asked for."""
        if self.steering is None:
            return
        self.steering.see(rows[0], self.error / self.seen_part, self.bits)
        if relaxed_done < STARTS:
            return
        if self.step % max(1, self.preset.steps // GAPS) == 0:
            self._measure_gap(self.steering)
        self.lmbda = self.steering.price(self.lmbda)

    def _measure_gap(self, steering: Steering) -> None:
        self.latents.round()
        error, bits = self.evaluator.measure(self.all_rows)
        steering.compare(error / self.seen_part, bits)

    def _take_network_step(self, done: float) -> None:
        assert self.steps is not None
        with rounded(self.parameters, self.steps, self.origins):
            self._evaluate(self._next_rows())
        self._move_network(done)
        self.weights.limit(self.steps)
        self.step += 1

    def _evaluate(self, rows: list[Rows]) -> None:
        self.weights.zero_grad()
        # The few bits of the coarse levels take as long as many others: now and then is enough.
        weight = COARSE_EVERY if self.step % COARSE_EVERY == 0 else 0
        self.error, self.bits = self.evaluator.evaluate(rows, self.lmbda, weight)

    def _move_network(self, done: float) -> None:
        if isfinite(self.error + self.bits):
            price = self.lmbda / (self.spec.width * self.spec.height)
            self.weights.move(self._slowdown(done), price)

    def _slowdown(self, done: float) -> float:
        return min(1.0, (self.step + 1) / WARM_UP) * (1 + cos(pi * done)) / 2

    def _next_rows(self) -> list[Rows]:
        """Return one of the bands of rows, each of them once before any comes again."""
        if not self.order:
            shuffled = torch.randperm(len(self.all_rows), generator=self.generator).tolist()
            self.order = [self.all_rows[i] for i in shuffled]
        rows = self.order.pop()
        self.visits[rows] += 1
        return [rows]

    def _parts(self, rows: list[Rows]) -> list[tuple[slice, int]]:
        """Return where the latents of some rows lie and how often each has been visited."""
        parts = []
        for i, (_, level) in enumerate(self.latents.grids):
            start, width = self.latents.starts[i], self.latents.sizes[i][1]
            counts = [self.step + 1] if level >= COARSE else [self.visits[band] for band in rows]
            ranges = self.evaluator.cuts.grid_rows(rows, level)
            for (top, bottom), count in zip(ranges, counts, strict=True):
                parts.append((slice(start + top * width, start + bottom * width), count))
        return parts

    def _result(self) -> Result:
        assert self.steps is not None
        quantized = quantize(self.parameters, self.steps, self.origins)
        unit = step_index(1.0)
        for i, name in enumerate(self.latents.names):
            grid = self.latents.grid(self.latents.relaxed, i)
            quantized[name] = Quantized(grid.int().cpu().numpy(), unit)
        stored = {name: tensor.dequantize() for name, tensor in quantized.items()}
        return Result(stored, quantized, self.step, self.device.type)

    def _tell(self) -> None:
        options, now = self.options, time.monotonic()
        if options.on_snapshot and self.step % options.snapshot_every == 0:
            options.on_snapshot(self.spec, self.step, self._snapshot())
        if options.on_progress and now - self.reported > REPORT_S:
            self.reported = now
            options.on_progress(self._progress(now - self.started))

    def _snapshot(self) -> Arrays:
        """Return all tensors as they would be stored; weights stay real until they have steps."""
        steps = self.steps or {}
        with rounded({name: self.parameters[name] for name in steps}, steps, self.origins):
            arrays = {n: p.detach().cpu().numpy().copy() for n, p in self.parameters.items()}
        for i, name in enumerate(self.latents.names):
            grid = self.latents.grid(self.latents.values, i)
            arrays[name] = grid.round().cpu().numpy()
        return arrays

    def _progress(self, elapsed: float) -> Progress:
        done = min(1.0, self._done())
        error = self.error / self.seen_part
        return Progress(
            step=self.step,
            steps=max(self.step, round(self.step / done)),
            psnr_db=-10 * log10(max(error, LEAST_ERROR)),
            bpp=self.bits,
            elapsed_s=elapsed,
            remaining_s=elapsed / done - elapsed,
        )


def fit_grid(
    spec: Spec,
    pixels: Samples,
    options: Options,
    lmbda: float,
    seen: NDArray[np.bool_] | None = None,
) -> Result:
    """Overfit `grid` to `pixels` (H, W, C).

    Args:
        spec: Shape of the network; its size is the image's.
        pixels: Colours of 8 or 16 bits.
        options: Device, seed, limits and who is told.
        lmbda: Price of a bit a pixel, in squared error of colours in 0..1.
        seen: (H, W) or (H, W, C) True where the fit may look; None for everywhere.

    Raises:
        UsageError: No such device.
    """
    with _ready(spec, pixels, options, lmbda, seen) as fit:
        return fit.run()


def pilot_grid(
    spec: Spec,
    pixels: Samples,
    options: Options,
    lmbda: float,
    seen: NDArray[np.bool_] | None = None,
) -> float:
    """Return by how many dB a picture is too good or, in dB of a byte, too large at a price.

    Args and errors are those of `fit_grid`; the options aim at a PSNR or a size.
    """
    with _ready(spec, pixels, options, lmbda, seen) as fit:
        return fit.pilot()


@contextmanager
def _ready(
    spec: Spec,
    pixels: Samples,
    options: Options,
    lmbda: float,
    seen: NDArray[np.bool_] | None,
) -> Iterator[GridFit]:
    device = pick_device(options.device)
    with one_thread_workers(device) as (workers, _):
        yield GridFit(spec, pixels, options, lmbda, seen, workers, device)

"""Overfit `grid` to one image.

First the latents are relaxed and move together with the network, each step on some bands of rows.
Then they are rounded and the network alone goes on, for what it sees now is what is stored. Last
its weights get their steps, and are refined in these.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import log10

import numpy as np
from numpy.typing import NDArray

from imgnet.aim import Aim, aim_of, distance
from imgnet.device import one_thread_workers, pick_device
from imgnet.fitting import Options, Result
from imgnet.grid_cuts import COARSE, Rows
from imgnet.grid_decide import Decisions
from imgnet.grid_quantize import choose_steps
from imgnet.grid_refine import MOST_WEIGHTS, Refinement
from imgnet.grid_state import GridState
from imgnet.importance import importance
from imgnet.profile import Samples
from imgnet.progress import Progress
from imgnet.quantize import Steps, rounded
from imgnet.spec import Spec
from imgnet.steering import (
    PRICES,
    ROUNDING_ERROR,
    STARTS,
    Steering,
    steering_of,
    within_limits,
)

FINE = 2  # level up to which latents are decided on before weights are rounded; then, `COARSE`
# Of n steps, the last saves about a fifteenth of the cost divided by n, and a round of decisions
# takes as long as two.
ROUND_WORTH = 0.15
GAPS = 10  # times in a schedule that rounded latents are compared with relaxed ones
MOST_CORRECTIONS = 4
CORRECTION = 1 / 8  # part of the schedule that goes on after it, to correct that
MOST_TIGHTENED = 4  # times that latents of a file a little too large are decided on once more, as
TIGHTER = 1.15  # bits become so many times as dear
AS_AT = 0.7  # part of the schedule whose step sizes a correction has, and where networks settle
REPORT_S = 0.1
LEAST_ERROR = 1e-12


class GridFit:
    """One fit, from its first step to what is stored.

    Args:
        state: Network and latents.
        options: Schedule and who is told.
        lmbda: Price of a bit a pixel, in squared error of colours in 0..1.
        aim: Size or PSNR that the price is to lead to; None where it is given.
        steering: What adjusts it to that.
    """

    def __init__(
        self,
        state: GridState,
        options: Options,
        lmbda: float,
        aim: Aim | None,
        steering: Steering | None,
    ) -> None:
        self.state, self.options, self.lmbda, self.preset = state, options, lmbda, options.preset
        self.aim, self.steering = aim, steering
        self.steps: Steps = {}
        self.started = self.reported = time.monotonic()

    def run(self) -> Result:
        """Go through the schedule and return what is to be stored."""
        relaxed = 1 - self.preset.quantized
        self._go_on_until(relaxed, lambda done: self._take_step(done, done / relaxed))
        self.state.latents.round()

        def settle(done: float) -> None:
            self._take_network_step((done - relaxed) / self.preset.quantized)

        self._go_on_until((1 + relaxed) / 2, settle)
        self._decide_early()
        self._go_on_until(1.0, settle)
        self._finish()
        return self._corrected(self.aim) if self.aim else self.state.result(self.steps)

    def pilot(self) -> float:
        """Return by how many dB relaxed latents, then rounded, are too good or too large."""
        steering, self.steering = self.steering, None
        assert steering is not None
        error, bits = self._rehearse()
        return 10 * log10(steering.goal.excess(max(error, LEAST_ERROR), bits))

    def trial(self) -> float:
        """Return what relaxed latents, then rounded, cost: error and bits at their price."""
        error, bits = self._rehearse()
        return error + self.lmbda * bits

    def _rehearse(self) -> tuple[float, float]:
        self._go_on_until(1.0, lambda done: self._take_step(done, done))
        self.state.latents.round()
        return self.state.measure()

    def _go_on_until(self, end: float, take_step: Callable[[float], None]) -> None:
        """Take steps, each told which part of the schedule is done, up to some part of it."""
        while (done := self._done()) < end:
            take_step(done)

    def _done(self) -> float:
        return self.options.part_done(self.state.step, self.started)

    def _take_network_step(self, settled: float) -> None:
        """Move the network as it draws rounded latents.

        Args:
            settled: Part 0..1 of such steps that lies behind.
        """
        self.state.take_network_step(AS_AT + (1 - AS_AT) * settled, self.lmbda)
        self._tell()

    def _decide_early(self) -> None:
        if self.preset.decisions > 1:
            self._decide(FINE)

    def _decide(self, coarsest: int) -> None:
        """Move rounded latents of levels up to one by whole numbers where that is cheaper."""
        state = self.state
        spec = state.spec
        size = spec.height, spec.width, spec.dim_out
        worth = ROUND_WORTH / self.preset.steps
        decisions = Decisions(
            *(state.latents, state.evaluator, self.lmbda, size, worth), go_on=self._has_time
        )
        with rounded({n: state.parameters[n] for n in self.steps}, self.steps, state.origins):
            decisions.make(coarsest)

    def _finish(self) -> None:
        """Round the weights, then decide on latents and refine weights in turns."""
        state = self.state
        self.steps = choose_steps(
            state.spec, state.parameters, state.origins, state.evaluator, self.lmbda
        )
        state.weights.limit(self.steps)
        for _ in range(max(1, self.preset.decisions - 1)):
            if self.preset.decisions:
                self._decide(COARSE)
            self._refine()

    def _refine(self) -> None:
        """Give the weights the steps and the whole numbers that are the cheapest together."""
        passes = self.preset.refinements
        if passes and self._has_time() and len(self.state.weights.flat) <= MOST_WEIGHTS:
            refinement = Refinement(self.state, self.steps, self.lmbda, self._has_time)
            self.steps = refinement.run(passes)

    def _has_time(self) -> bool:
        return not self.options.is_time_up(self.started)

    def _corrected(self, aim: Aim) -> Result:
        """Go on at other prices until PSNR or size are what was asked for; return the nearest."""
        self.steering = None
        tried: list[tuple[float, float]] = []
        results: list[Result] = []
        while True:
            results.append(result := self.state.result(self.steps))
            assert result.quantized is not None
            tried.append((self.lmbda, aim.excess_db(self.state.spec, result.quantized)))
            distances = [distance(excess_db) for _, excess_db in tried]
            is_last = len(tried) > MOST_CORRECTIONS or not self._has_time()
            if aim.is_nearly_met(tried[-1][1]):
                tightened = self._tightened(aim, result)
                assert tightened.quantized is not None
                if aim.is_just_met(self.state.spec, tightened.quantized):
                    return tightened
            if is_last or distances[-1] == 0:
                return results[distances.index(min(distances))]
            self._correct(within_limits(PRICES.solve(0.0, tried)))

    def _tightened(self, aim: Aim, result: Result) -> Result:
        """Decide on latents at rising prices of a bit until a result is not too large any more."""
        for _ in range(MOST_TIGHTENED):
            assert result.quantized is not None
            if aim.is_met(self.state.spec, result.quantized) or not self._has_time():
                break
            self.lmbda *= TIGHTER
            self._decide(COARSE)
            result = self.state.result(self.steps)
        return result

    def _correct(self, lmbda: float) -> None:
        self.lmbda = lmbda
        more = max(8, round(CORRECTION * self.preset.steps))
        self._repeat(lambda _: self._take_step(AS_AT, AS_AT), more)
        self.state.latents.round()
        self.steps = {}
        self._repeat(lambda part: self._take_network_step(part / 2), more // 8)
        self._decide_early()
        self._repeat(lambda part: self._take_network_step((1 + part) / 2), more // 8)
        self._finish()

    def _repeat(self, take_step: Callable[[float], None], steps: int) -> None:
        for i in range(steps):
            if not self._has_time():
                return
            take_step(i / steps)

    def _take_step(self, done: float, relaxed_done: float) -> None:
        rows = self.state.take_step(done, relaxed_done, self.lmbda)
        if self.steering is not None:
            self._steer(self.steering, rows, relaxed_done)
        self._tell()

    def _steer(self, steering: Steering, rows: Rows, relaxed_done: float) -> None:
        """Bring the price of a bit to where the file becomes what was asked for."""
        state = self.state
        steering.see(rows, state.error / state.seen_part, state.bits)
        if relaxed_done < STARTS:
            return
        if state.step % max(1, self.preset.steps // GAPS) == 0:
            state.latents.round()
            steering.compare(*state.measure())
        self.lmbda = steering.price(self.lmbda)

    def _tell(self) -> None:
        options, state, now = self.options, self.state, time.monotonic()
        if options.on_snapshot and state.step % options.snapshot_every == 0:
            options.on_snapshot(state.spec, state.step, state.snapshot(self.steps))
        if options.on_progress and now - self.reported > REPORT_S:
            self.reported = now
            options.on_progress(self._progress(now - self.started))

    def _progress(self, elapsed: float) -> Progress:
        done, state = min(1.0, self._done()), self.state
        error = state.error / state.seen_part
        return Progress(
            step=state.step,
            steps=max(state.step, round(state.step / done)),
            psnr_db=-10 * log10(max(error, LEAST_ERROR)),
            bpp=state.bits,
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


def trial_grid(spec: Spec, pixels: Samples, options: Options, lmbda: float) -> float:
    """Return error and bits, those of weights left out, after a fit without rounded weights.

    Args and errors are those of `fit_grid`; the options aim at nothing.
    """
    with _ready(spec, pixels, options, lmbda, None) as fit:
        return fit.trial()


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
        counts = importance(pixels, seen) if options.tune == "msssim" else seen
        common = workers, device, options.seed
        state = GridState(spec, pixels, options.preset, lmbda, counts, *common)
        steering = steering_of(
            options,
            spec.width * spec.height,
            sum(weight.numel() for weight in state.parameters.values()),
            has_prior=bool(state.origins),
            rounding_error=ROUNDING_ERROR if pixels.dtype == np.uint8 else 0.0,
        )
        yield GridFit(state, options, lmbda, aim_of(options, pixels, seen), steering)

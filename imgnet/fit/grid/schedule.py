"""One fit of `grid`, step by step.

First the latents are relaxed and move together with the network, each step on some strips of rows.
Then they are rounded and the network alone goes on, for what it sees now is what is stored. Last
its weights get their steps, and are refined in these.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from math import log10

from imgnet.fit.engine.tiling import Rows
from imgnet.fit.grid.latent_rdoq import LatentRDOQ
from imgnet.fit.grid.state import GridState
from imgnet.fit.grid.weight_rdoq import MOST_WEIGHTS, WeightRDOQ
from imgnet.fit.grid.weight_steps import choose_q_steps
from imgnet.fit.rounding import QSteps, rounded
from imgnet.progress import Progress
from imgnet.request.options import Options, Result
from imgnet.request.rate_control import STARTS, RateControl
from imgnet.spec import MAX_LEVELS

FINE = 2  # level up to which latents are decided on before weights are rounded; then, all
# Of n steps, the last saves about a fifteenth of the cost divided by n, and a round of decisions
# takes as long as two.
ROUND_WORTH = 0.15
GAPS = 10  # times in a schedule that rounded latents are compared with relaxed ones
AS_AT = 0.7  # part of the schedule whose step sizes a correction has, and where networks settle
REPORT_S = 0.1
LEAST_ERROR = 1e-12


class GridFit:
    """One fit, from its first step to what is stored.

    Args:
        state: Network and latents.
        options: Schedule and who is told.
        lmbda: Price of a bit a pixel, in squared error of colours in 0..1.
        rate_control: What adjusts it during the schedule; None where it stays.
    """

    def __init__(
        self, state: GridState, options: Options, lmbda: float, rate_control: RateControl | None
    ) -> None:
        self.state, self.options, self.lmbda, self.preset = state, options, lmbda, options.preset
        self.rate_control = rate_control
        self.steps: QSteps = {}
        self.started = self.reported = time.monotonic()

    def run(self) -> Result:
        """Go through the schedule and return its result."""
        relaxed = 1 - self.preset.quantized
        self._go_on_until(relaxed, lambda done: self.take_step(done, done / relaxed))
        self.state.latents.round()

        def settle(done: float) -> None:
            self.take_network_step((done - relaxed) / self.preset.quantized)

        self._go_on_until((1 + relaxed) / 2, settle)
        self.decide_early()
        self._go_on_until(1.0, settle)
        self.finish()
        return self.result()

    def result(self) -> Result:
        """Return what is to be stored."""
        return self.state.result(self.steps)

    def pilot(self) -> float:
        """Return by how many dB relaxed latents, then rounded, are too good or too large."""
        rate_control, self.rate_control = self.rate_control, None
        assert rate_control is not None
        error, bits = self._rehearse()
        return 10 * log10(rate_control.goal.excess(max(error, LEAST_ERROR), bits))

    def trial(self) -> float:
        """Return what relaxed latents, then rounded, cost: error and bits at their price."""
        error, bits = self._rehearse()
        return error + self.lmbda * bits

    def _rehearse(self) -> tuple[float, float]:
        self._go_on_until(1.0, lambda done: self.take_step(done, done))
        self.state.latents.round()
        return self.state.measure()

    def _go_on_until(self, end: float, take_step: Callable[[float], None]) -> None:
        """Take steps, each told which part of the schedule is done, up to some part of it."""
        while (done := self._done()) < end:
            take_step(done)

    def _done(self) -> float:
        return self.options.part_done(self.state.step, self.started)

    def take_network_step(self, settled: float) -> None:
        """Move the network as it draws rounded latents.

        Args:
            settled: Part 0..1 of such steps that lies behind.
        """
        self.state.take_network_step(AS_AT + (1 - AS_AT) * settled, self.lmbda)
        self._tell()

    def decide_early(self) -> None:
        """Decide on latents of the fine levels half-way through the steps of the network alone."""
        if self.preset.decisions > 1:
            self.decide(FINE)

    def decide(self, coarsest: int = MAX_LEVELS) -> None:
        """Move rounded latents of levels up to one by whole numbers where that is cheaper."""
        state = self.state
        spec = state.spec
        size = spec.height, spec.width, spec.dim_out
        worth = ROUND_WORTH / self.preset.steps
        rdoq = LatentRDOQ(
            *(state.latents, state.evaluator, self.lmbda, size, worth), go_on=self.has_time
        )
        with rounded({n: state.parameters[n] for n in self.steps}, self.steps, state.origins):
            rdoq.run(coarsest)

    def finish(self) -> None:
        """Round the weights, then decide on latents and refine weights in turns."""
        state = self.state
        known = state.spec, state.parameters, state.origins, state.evaluator
        self.steps = choose_q_steps(*known, self.lmbda, self.preset.pixels_per_step)
        state.weights.limit(self.steps)
        for _ in range(max(1, self.preset.decisions - 1)):
            if self.preset.decisions:
                self.decide()
            self._refine()

    def _refine(self) -> None:
        """Give the weights the steps and the whole numbers that are the cheapest together."""
        passes = self.preset.refinements
        if passes and self.has_time() and len(self.state.weights.flat) <= MOST_WEIGHTS:
            rdoq = WeightRDOQ(self.state, self.steps, self.lmbda, self.has_time)
            self.steps = rdoq.run(passes)

    def has_time(self) -> bool:
        """Whether the limit of time is not reached and nobody asked to stop."""
        return not self.options.is_time_up(self.started)

    def take_step(self, done: float, relaxed_done: float) -> None:
        """Move network and latents.

        Args:
            done: Part 0..1 of the schedule that lies behind, which step sizes follow.
            relaxed_done: Part of the steps that relax latents.
        """
        rows = self.state.take_step(done, relaxed_done, self.lmbda)
        if self.rate_control is not None:
            self._steer(self.rate_control, rows, relaxed_done)
        self._tell()

    def _steer(self, rate_control: RateControl, rows: Rows, relaxed_done: float) -> None:
        """Bring the price of a bit to where the file becomes what was asked for."""
        state = self.state
        rate_control.see(rows, state.error / state.seen_part, state.bits)
        if relaxed_done < STARTS:
            return
        if state.step % max(1, self.preset.steps // GAPS) == 0:
            state.latents.round()
            rate_control.compare(*state.measure())
        self.lmbda = rate_control.lmbda(self.lmbda)

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

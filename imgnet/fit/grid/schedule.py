"""Course of one fit of `grid`.

First the latents are relaxed and move together with the network, each step on some strips of rows.
Then the latents are rounded, as they will be stored, and the network alone moves on. Last come the
quantiser steps of the weights and RDOQ of latents and weights.
"""

from __future__ import annotations

from collections.abc import Callable
from math import log10

from imgnet.fit.engine.tiling import Rows
from imgnet.fit.grid.latent_rdoq import LatentRDOQ
from imgnet.fit.grid.state import GridState
from imgnet.fit.grid.weight_rdoq import MOST_WEIGHTS, WeightRDOQ
from imgnet.fit.grid.weight_steps import choose_q_steps
from imgnet.fit.meter import LEAST_ERROR, Meter
from imgnet.fit.rounding import QSteps, rounded
from imgnet.request.options import Options, Result
from imgnet.request.rate_control import STARTS, RateControl
from imgnet.spec import MAX_LEVELS

FINE = 2  # coarsest level with RDOQ of latents before weights are rounded; after, all levels
# Of n steps, the last saves about a fifteenth of the cost divided by n, and a round of RDOQ takes
# as long as two.
ROUND_WORTH = 0.15
GAPS = 10  # times in a schedule that rounded latents are compared with relaxed ones
AS_AT = 0.7  # part of the schedule whose learning rates corrections have, and settling begins with


class GridFit:
    """One fit, from its first step to its result.

    Args:
        state: Network and latents.
        options: Schedule and callbacks.
        lmbda: Squared error of colours in 0..1 that one bit a pixel is worth.
        rate_control: Control of lmbda during the schedule; None where it stays.
    """

    def __init__(
        self, state: GridState, options: Options, lmbda: float, rate_control: RateControl | None
    ) -> None:
        self.state, self.schedule = state, options.schedule
        self.lmbda, self.rate_control = lmbda, rate_control
        self.steps: QSteps = {}
        self.meter = Meter(options)

    def run(self) -> Result:
        """Go through the schedule and return its result."""
        relaxed = 1 - self.schedule.quantized
        self._go_on_until(relaxed, lambda done: self.take_step(done, done / relaxed))
        self.state.latents.round()

        def settle(done: float) -> None:
            self.take_network_step((done - relaxed) / self.schedule.quantized)

        self._go_on_until((1 + relaxed) / 2, settle)
        self.decide_early()
        self._go_on_until(1.0, settle)
        self.finish()
        return self.result()

    def result(self) -> Result:
        """Return the network as it is stored."""
        return self.state.result(self.steps)

    def pilot(self) -> float:
        """Return the excess in dB of latents that are relaxed, then rounded."""
        rate_control, self.rate_control = self.rate_control, None
        assert rate_control is not None
        error, bits = self._rehearse()
        return 10 * log10(rate_control.excess(max(error, LEAST_ERROR), bits))

    def trial(self) -> float:
        """Return error plus lmbda times bits of latents that are relaxed, then rounded."""
        error, bits = self._rehearse()
        return error + self.lmbda * bits

    def _rehearse(self) -> tuple[float, float]:
        self._go_on_until(1.0, lambda done: self.take_step(done, done))
        self.state.latents.round()
        return self.state.measure()

    def _go_on_until(self, end: float, take_step: Callable[[float], None]) -> None:
        """Take steps up to a part of the schedule; each gets the part that is done."""
        while (done := self.meter.done(self.state.step)) < end:
            take_step(done)

    def take_network_step(self, settled: float) -> None:
        """Move the network on rounded latents.

        Args:
            settled: Part 0..1 of such steps that is done.
        """
        self.state.take_network_step(AS_AT + (1 - AS_AT) * settled, self.lmbda)
        self._report()

    def decide_early(self) -> None:
        """RDOQ of latents of the fine levels, half-way through the steps of the network alone."""
        if self.schedule.decisions > 1:
            self.decide(FINE)

    def decide(self, coarsest: int = MAX_LEVELS) -> None:
        """RDOQ of latents of the levels up to `coarsest`."""
        state = self.state
        spec = state.spec
        size = spec.height, spec.width, spec.dim_out
        worth = ROUND_WORTH / self.schedule.steps
        rdoq = LatentRDOQ(
            *(state.latents, state.evaluator, self.lmbda, size, worth), go_on=self.meter.has_time
        )
        with rounded({n: state.parameters[n] for n in self.steps}, self.steps, state.prior):
            rdoq.run(coarsest)

    def finish(self) -> None:
        """Round the weights, then alternate RDOQ of latents and of weights."""
        state = self.state
        known = state.spec, state.parameters, state.prior, state.evaluator
        self.steps = choose_q_steps(*known, self.lmbda, self.schedule.pixels_per_step)
        state.weights.limit(self.steps)
        for _ in range(max(1, self.schedule.decisions - 1)):
            if self.schedule.decisions:
                self.decide()
            self._refine()

    def _refine(self) -> None:
        """RDOQ of weights: their q_steps and their levels."""
        passes = self.schedule.refinements
        if passes and self.meter.has_time() and len(self.state.weights.flat) <= MOST_WEIGHTS:
            rdoq = WeightRDOQ(self.state, self.steps, self.lmbda, self.meter.has_time)
            self.steps = rdoq.run(passes)

    def take_step(self, done: float, relaxed_done: float) -> None:
        """Move network and latents.

        Args:
            done: Part 0..1 of the schedule that is done, for learning rates.
            relaxed_done: Part of the relaxed steps that is done.
        """
        rows = self.state.take_step(done, relaxed_done, self.lmbda)
        if self.rate_control is not None:
            self._control(self.rate_control, rows, relaxed_done)
        self._report()

    def _control(self, rate_control: RateControl, rows: Rows, relaxed_done: float) -> None:
        """Move lmbda towards the one that meets the target."""
        state = self.state
        rate_control.observe(rows, state.error / state.seen_part, state.bits)
        if relaxed_done < STARTS:
            return
        if state.step % max(1, self.schedule.steps // GAPS) == 0:
            state.latents.round()
            rate_control.compare(*state.measure())
        self.lmbda = rate_control.lmbda(self.lmbda)

    def _report(self) -> None:
        state = self.state
        self.meter.take_snapshot(state.spec, state.step, lambda: state.snapshot(self.steps))
        self.meter.report(state.step, state.error / state.seen_part, state.bits)

"""Schedule of one fit of `grid`, from its first step to its result.

First the latents are relaxed and move together with the network, each step on a strip of rows. Then
the latents are rounded, as they will be stored, and only the network moves. At the end, the q_steps
of the weights are chosen, and RDOQ changes latents and weights.
"""

from __future__ import annotations

from collections.abc import Callable

from imgnet.fit.grid.latent_rdoq import LatentRDOQ
from imgnet.fit.grid.state import GridState
from imgnet.fit.grid.weight_rdoq import MOST_WEIGHTS, WeightRDOQ
from imgnet.fit.grid.weight_steps import choose_q_steps
from imgnet.fit.meter import Meter
from imgnet.fit.rounding import QSteps, rounded
from imgnet.request.efforts import VERY_FEW_EPOCHS
from imgnet.request.options import Result
from imgnet.spec import MAX_LEVELS

# Levels after the finest of latent RDOQ before weights are rounded, and at the end of a fit of very
# few epochs, in which coarser levels save less than more steps would.
FINE, FINE_AT_END = 2, 4
# Part of the cost that a round of RDOQ must save, times the number n of epochs: the last epoch
# saves about 1 / (15 n) of the cost, and a round takes a sixth of its time.
ROUND_GAIN = 0.012
# Part of the schedule whose learning rates the first steps on rounded latents and corrections have.
LATE = 0.7
# Time that parts of the end take: the search for q_steps and the first part of weight RDOQ, in
# steps; a round of RDOQ, in epochs.
Q_STEP_SEARCH, WEIGHT_CURVATURE, ROUND = 25, 320, 1.0


class GridFit:
    """One fit, from its first step to its result.

    Args:
        state: Network and latents.
        meter: Meter of the fit, with its schedule and callbacks.
        lmbda: Squared error of colours in 0..1 that one bit a pixel is worth.
    """

    def __init__(self, state: GridState, meter: Meter, lmbda: float) -> None:
        self.state, self.meter, self.schedule = state, meter, meter.options.schedule
        self.lmbda = lmbda
        self.q_steps: QSteps = {}

    def run(self) -> Result:
        """Go through the schedule and return its result."""
        self._settle()
        self.finish()
        return self.result()

    def settled(self) -> tuple[float, float]:
        """Return error and bits a pixel of rounded latents and real weights, after all steps."""
        self._settle()
        return self.state.measure()

    def _settle(self) -> None:
        """Take all steps of the schedule, on relaxed and then on rounded latents."""
        relaxed = 1 - self.schedule.quantized
        self._go_on_until(relaxed, lambda done: self.take_step(done, done / relaxed))
        self.state.latents.round()

        def settle(done: float) -> None:
            self.take_network_step((done - relaxed) / self.schedule.quantized)

        self._go_on_until((1 + relaxed) / 2, settle)
        self.run_early_latent_rdoq()
        self._go_on_until(1.0, settle)

    def result(self) -> Result:
        """Return the network as it is stored."""
        return self.state.result(self.q_steps)

    def trial(self) -> float:
        """Relax latents in all steps, then round them; return error plus lmbda times bits."""
        self._go_on_until(1.0, lambda done: self.take_step(done, done))
        self.state.latents.round()
        error, bits = self.state.measure()
        return error + self.lmbda * bits

    def _go_on_until(self, end: float, take_step: Callable[[float], None]) -> None:
        """Take steps up to a part of the schedule; each step gets the part that is done."""
        while (done := self.meter.done(self.state.step)) < end:
            take_step(done)

    def take_network_step(self, settled: float) -> None:
        """Move the network on rounded latents.

        Args:
            settled: Part 0..1 of the steps on rounded latents that is done.
        """
        self.state.take_network_step(LATE + (1 - LATE) * settled, self.lmbda)
        self._report()

    def run_early_latent_rdoq(self) -> None:
        """Run latent RDOQ on the fine levels, half-way through the steps on rounded latents."""
        if self.schedule.latent_rdoq_runs > 1:
            self.run_latent_rdoq(self.state.spec.finest + FINE)

    def run_latent_rdoq(self, coarsest: int = MAX_LEVELS, *, is_short: bool = False) -> None:
        """Run latent RDOQ on the levels up to `coarsest`; see `LatentRDOQ` for `is_short`."""
        state, spec = self.state, self.state.spec
        rdoq = LatentRDOQ(
            latents=state.latents,
            evaluator=state.evaluator,
            lmbda=self.lmbda,
            size=(spec.height, spec.width, spec.dim_out),
            least_gain=ROUND_GAIN / self.schedule.epochs(spec.width * spec.height),
            go_on=self._has_time_for_round,
            is_short=is_short,
        )
        with rounded({n: state.parameters[n] for n in self.q_steps}, self.q_steps, state.prior):
            rdoq.run(coarsest)

    def run_last_latent_rdoq(self) -> None:
        """Run latent RDOQ on rounded weights, on all levels unless the fit has very few epochs."""
        spec = self.state.spec
        if self.schedule.epochs(spec.width * spec.height) >= VERY_FEW_EPOCHS:
            self.run_latent_rdoq()
        else:
            self.run_latent_rdoq(spec.finest + FINE_AT_END, is_short=True)

    def finish(self) -> None:
        """Round the weights, then alternate RDOQ of latents and of weights."""
        state = self.state
        self.q_steps = choose_q_steps(
            state.spec,
            state.parameters,
            state.prior,
            state.evaluator,
            self.lmbda,
            self.schedule.pixels_per_step,
        )
        state.weights.limit(self.q_steps)
        for _ in range(max(1, self.schedule.latent_rdoq_runs - 1)):
            if self.schedule.latent_rdoq_runs:
                self.run_last_latent_rdoq()
            self._run_weight_rdoq()

    def _run_weight_rdoq(self) -> None:
        """Choose q_steps and levels of the weights by RDOQ."""
        passes, has_time = self.schedule.weight_rdoq_passes, self.meter.has_time(WEIGHT_CURVATURE)
        if passes and has_time and len(self.state.weights.flat) <= MOST_WEIGHTS:
            rdoq = WeightRDOQ(self.state, self.q_steps, self.lmbda, self._has_time_for_round)
            self.q_steps = rdoq.run(passes)

    def _has_time_for_round(self) -> bool:
        return self.meter.has_time(ROUND * len(self.state.all_rows))

    def take_step(self, done: float, relaxed_done: float) -> None:
        """Move network and latents.

        Args:
            done: Part 0..1 of the schedule that is done, for learning rates.
            relaxed_done: Part 0..1 of the steps on relaxed latents that is done.
        """
        self.state.take_step(done, relaxed_done, self.lmbda)
        self._report()

    def _report(self) -> None:
        state = self.state
        self.meter.take_snapshot(state.spec, state.step, lambda: state.snapshot(self.q_steps))
        self.meter.report(state.step, state.error / state.mean_weight, state.bits)

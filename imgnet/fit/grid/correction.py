"""Correction of a finished fit of `grid` that misses its target."""

from __future__ import annotations

from collections.abc import Callable

from imgnet.arrays import BoolArray
from imgnet.fit.grid.schedule import LATE, Q_STEP_SEARCH, GridFit
from imgnet.image.picture import Samples
from imgnet.request.options import Result
from imgnet.request.rate_control import LMBDAS, within_limits
from imgnet.request.target import TIGHTENED_DB, Target, distance
from imgnet.request.trim import Candidate

MOST_CORRECTIONS = 4
CORRECTION = 1 / 8  # part of the schedule that one correction takes
MOST_TIGHTENED = 4  # further runs of latent RDOQ for a file that is a little too large
TIGHTER = 1.15  # factor on lmbda from one run to the next


class Correction:
    """Continuation of a fit at other lmbdas until its result meets a target.

    Args:
        fit: A fit that has gone through its schedule.
        target: Target of the coded stream.
        pixels: (H, W, C) colours of the image.
        mask: (H, W) or (H, W, C), True for the samples to fit; None for all.
    """

    def __init__(
        self, fit: GridFit, target: Target, pixels: Samples, mask: BoolArray | None
    ) -> None:
        self.fit, self.target, self.pixels, self.mask = fit, target, pixels, mask

    def run(self) -> Result:
        """Return the result that comes nearest to the target."""
        self.fit.rate_control = None
        tried: list[tuple[float, float]] = []
        results: list[Result] = []
        while True:
            results.append(result := self.fit.result())
            candidate = self._candidate(result)
            tried.append((self.fit.lmbda, self.target.excess_db(candidate)))
            distances = [distance(excess_db) for _, excess_db in tried]
            is_last = len(tried) > MOST_CORRECTIONS or not self.fit.meter.has_time()
            if self.target.needs_tightening(candidate):
                tightened = self.tightened(result)
                if self._is_just_met(tightened):
                    return tightened
            if is_last or distances[-1] == 0:
                return results[distances.index(min(distances))]
            self._go_on_at(within_limits(LMBDAS.solve(0.0, tried)))

    def tightened(self, result: Result) -> Result:
        """Repeat latent RDOQ at rising lmbdas until a result is no longer too large."""
        fit = self.fit
        for _ in range(MOST_TIGHTENED):
            if not self.target.needs_trimming(self._candidate(result)) or not fit.meter.has_time():
                break
            fit.lmbda *= TIGHTER
            fit.run_latent_rdoq()
            result = fit.result()
        return result

    def _is_just_met(self, result: Result) -> bool:
        """Return whether a result meets the target, but not by much."""
        candidate = self._candidate(result)
        excess_db = self.target.excess_db(candidate)
        return excess_db > -TIGHTENED_DB and not self.target.needs_trimming(candidate)

    def _candidate(self, result: Result) -> Candidate:
        assert result.quantized is not None
        return Candidate(self.fit.state.spec, result.quantized, self.pixels, self.mask)

    def _go_on_at(self, lmbda: float) -> None:
        """Relax the latents again and end as the schedule does, in `CORRECTION` of its steps."""
        fit = self.fit
        fit.lmbda = lmbda
        more = max(8, round(CORRECTION * fit.schedule.steps))
        self._repeat(lambda _: fit.take_step(LATE, LATE), more)
        fit.state.latents.round()
        fit.q_steps = {}
        self._repeat(lambda part: fit.take_network_step(part / 2), more // 8)
        fit.run_early_latent_rdoq()
        self._repeat(lambda part: fit.take_network_step((1 + part) / 2), more // 8)
        fit.finish()

    def _repeat(self, take_step: Callable[[float], None], steps: int) -> None:
        for i in range(steps):
            if not self._has_time():
                return
            take_step(i / steps)

    def _has_time(self) -> bool:
        """Tell whether there is time for a step and the end of the fit."""
        return self.fit.meter.has_time(1 + Q_STEP_SEARCH)

"""What brings a fit of `grid` that is done to the size or the PSNR that was asked for."""

from __future__ import annotations

from collections.abc import Callable

from imgnet.fit.grid.schedule import AS_AT, GridFit
from imgnet.request.aim import Aim, distance
from imgnet.request.options import Result
from imgnet.request.rate_control import LMBDAS, within_limits

MOST_CORRECTIONS = 4
CORRECTION = 1 / 8  # part of the schedule that goes on after it, to correct that
MOST_TIGHTENED = 4  # times that latents of a file a little too large are decided on once more, as
TIGHTER = 1.15  # bits become so many times as dear


class Correction:
    """Go on with a fit at other prices of a bit until its result is what was asked for.

    Args:
        fit: That has gone through its schedule.
        aim: What was asked for.
    """

    def __init__(self, fit: GridFit, aim: Aim) -> None:
        self.fit, self.aim = fit, aim

    def run(self) -> Result:
        """Return the result that comes nearest."""
        fit, aim = self.fit, self.aim
        fit.rate_control = None
        tried: list[tuple[float, float]] = []
        results: list[Result] = []
        while True:
            results.append(result := fit.result())
            assert result.quantized is not None
            tried.append((fit.lmbda, aim.excess_db(fit.state.spec, result.quantized)))
            distances = [distance(excess_db) for _, excess_db in tried]
            is_last = len(tried) > MOST_CORRECTIONS or not fit.has_time()
            if aim.is_nearly_met(tried[-1][1]):
                tightened = self.tightened(result)
                assert tightened.quantized is not None
                if aim.is_just_met(fit.state.spec, tightened.quantized):
                    return tightened
            if is_last or distances[-1] == 0:
                return results[distances.index(min(distances))]
            self._go_on_at(within_limits(LMBDAS.solve(0.0, tried)))

    def tightened(self, result: Result) -> Result:
        """Decide on latents at rising prices of a bit until a result is not too large any more."""
        fit = self.fit
        for _ in range(MOST_TIGHTENED):
            assert result.quantized is not None
            if self.aim.is_met(fit.state.spec, result.quantized) or not fit.has_time():
                break
            fit.lmbda *= TIGHTER
            fit.decide()
            result = fit.result()
        return result

    def _go_on_at(self, lmbda: float) -> None:
        """Relax the latents once more and end as the schedule does, both for a part of its time."""
        fit = self.fit
        fit.lmbda = lmbda
        more = max(8, round(CORRECTION * fit.schedule.steps))
        self._repeat(lambda _: fit.take_step(AS_AT, AS_AT), more)
        fit.state.latents.round()
        fit.steps = {}
        self._repeat(lambda part: fit.take_network_step(part / 2), more // 8)
        fit.decide_early()
        self._repeat(lambda part: fit.take_network_step((1 + part) / 2), more // 8)
        fit.finish()

    def _repeat(self, take_step: Callable[[float], None], steps: int) -> None:
        for i in range(steps):
            if not self.fit.has_time():
                return
            take_step(i / steps)

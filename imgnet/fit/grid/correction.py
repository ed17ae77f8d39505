"""Corrections of a finished fit of `grid` that misses its target by little."""

from __future__ import annotations

from collections.abc import Callable

from imgnet.fit.grid.schedule import LATE, Q_STEP_SEARCH, GridFit
from imgnet.request.options import Options

CORRECTION = 1 / 8  # part of the schedule that one correction takes
LEAST_STEPS = 8  # of one correction
TIGHTER = 1.15  # factor on lmbda from one run of latent RDOQ to the next


class CorrectableFit(GridFit):
    """A fit that can go on, after its schedule, at other lmbdas."""

    def go_on_at(self, lmbda: float, options: Options) -> None:
        """Relax the latents again and end as the schedule does, in `CORRECTION` of its steps.

        Args:
            lmbda: Squared error of colours in 0..1 that one bit a pixel is worth.
            options: Options of the fit, with the time that is left.
        """
        self.go_on_in(options)
        self.lmbda = lmbda
        more = max(LEAST_STEPS, round(CORRECTION * min(self.schedule.steps, self.state.step)))
        self._repeat(lambda _: self.take_step(LATE, LATE), more)
        self.state.latents.round()
        self.q_steps = {}
        self._repeat(lambda part: self.take_network_step(part / 2), more // 8)
        self.run_early_latent_rdoq()
        self._repeat(lambda part: self.take_network_step((1 + part) / 2), more // 8)
        self.finish()

    def tighten(self, options: Options) -> None:
        """Repeat latent RDOQ at a lmbda that is `TIGHTER` times as high."""
        self.go_on_in(options)
        self.lmbda *= TIGHTER
        self.run_latent_rdoq()

    def go_on_in(self, options: Options) -> None:
        """Take a new time limit."""
        if options.time_limit_s is not None:
            self.meter.go_on_in(options)

    def _repeat(self, take_step: Callable[[float], None], steps: int) -> None:
        for i in range(steps):
            if not self.meter.has_time(1 + Q_STEP_SEARCH):
                return
            take_step(i / steps)

"""Meter of a running fit: its place in the schedule, its progress and its snapshots."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import log10
from statistics import median

from imgnet.arrays import Parameters
from imgnet.progress import Progress
from imgnet.request.options import Options
from imgnet.spec import Spec

REPORT_S = 0.1  # between two reports of progress, at least
LEAST_ERROR = 1e-12  # mean squared error that stands for 0, in PSNR
RECENT = 15  # steps whose median is the time of a step


class Meter:
    """Meter of one fit; its time begins when the meter is made.

    Args:
        options: Options of the fit.
        closing_s: Seconds of the time limit that belong to what follows the fit.
        closing_steps: Time of the end of the fit itself, in steps.
    """

    def __init__(
        self, options: Options, closing_s: float = 0.0, closing_steps: float = 0.0
    ) -> None:
        self.options = options
        self.closing_s, self.closing_steps = closing_s, closing_steps
        self.started = self._reported = self._step_began = options.clock()
        self._steps_began: float | None = None
        self._recent_s = deque[float](maxlen=RECENT)

    def go_on_in(self, options: Options) -> None:
        """Begin a new time limit; what follows the fit takes as long as before."""
        self.options, self.started = options, options.clock()

    def done(self, step: int) -> float:
        """Return the part of the schedule that is done, from 0 on; the fit ends at 1.

        Args:
            step: Optimiser steps taken; a next one begins now.
        """
        self._step_began = self.options.clock()
        if self._steps_began is None:
            self._steps_began = self._step_began
        reserved_s = self.closing_s + self.closing_steps * self._step_s
        return self.options.part_done(step, self.started, reserved_s)

    def has_time(self, steps: float = 0.0) -> bool:
        """Return whether there is time for something more, and `should_stop` does not return True.

        Args:
            steps: Time that it takes, in steps.
        """
        needed_s = self.closing_s + steps * self._step_s
        return not self.options.is_time_up(self.started, needed_s)

    @property
    def _step_s(self) -> float:
        """Seconds of a step; 0 before the second step, since the first one loads the kernels."""
        return median(self._recent_s) if len(self._recent_s) > 1 else 0.0

    def take_snapshot(self, spec: Spec, step: int, parameters: Callable[[], Parameters]) -> None:
        """Pass on a snapshot, if it is time for one.

        Args:
            spec: Shape of the network.
            step: Optimiser steps taken.
            parameters: Returns the parameters as they would be stored.
        """
        options = self.options
        if options.on_snapshot and step % options.snapshot_every == 0:
            options.on_snapshot(spec, step, parameters())

    def report(self, step: int, error: float, bpp: float) -> None:
        """Note the end of a step; report progress, if `REPORT_S` have passed since the last report.

        Args:
            step: Optimiser steps taken.
            error: Mean squared error of the pixels of the last step, in colours in 0..1.
            bpp: Bits a pixel that a file of the present network would have.
        """
        now = self.options.clock()
        self._recent_s.append(now - self._step_began)
        if self.options.on_progress and now - self._reported > REPORT_S:
            self._reported = now
            self.options.on_progress(self._progress(step, error, bpp, now - self.started))

    def _progress(self, step: int, error: float, bpp: float, elapsed_s: float) -> Progress:
        steps_began = self.started if self._steps_began is None else self._steps_began
        done = min(1.0, self.done(step))
        return Progress(
            step=step,
            steps=max(step, round(step / done)),
            psnr_db=-10 * log10(max(error, LEAST_ERROR)),
            bpp=bpp,
            elapsed_s=elapsed_s,
            # What comes before the first step takes long for a large picture.
            remaining_s=(self.started + elapsed_s - steps_began) * (1 / done - 1),
        )

"""Meter of a running fit: its place in the schedule, its progress and its snapshots."""

from __future__ import annotations

from collections.abc import Callable
from math import log10

from imgnet.progress import Progress
from imgnet.request.options import Arrays, Options
from imgnet.spec import Spec

REPORT_S = 0.1  # between two reports of progress, at least
LEAST_ERROR = 1e-12  # mean squared error that stands for none


class Meter:
    """Meter of one fit, which begins now.

    Args:
        options: Of the fit.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self.started = self._reported = options.clock()

    def done(self, step: int) -> float:
        """Return the part 0..1 of the schedule that is done after so many steps."""
        return self.options.part_done(step, self.started)

    def has_time(self) -> bool:
        """Whether the time limit is not reached and nobody asked to stop."""
        return not self.options.is_time_up(self.started)

    def take_snapshot(self, spec: Spec, step: int, parameters: Callable[[], Arrays]) -> None:
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
        """Report progress, if the last report is some time ago.

        Args:
            step: Optimiser steps taken.
            error: Mean squared error of the pixels of the last step.
            bpp: Bits a pixel that the network would take now.
        """
        now = self.options.clock()
        if self.options.on_progress and now - self._reported > REPORT_S:
            self._reported = now
            self.options.on_progress(self._progress(step, error, bpp, now - self.started))

    def _progress(self, step: int, error: float, bpp: float, elapsed_s: float) -> Progress:
        done = min(1.0, self.done(step))
        return Progress(
            step=step,
            steps=max(step, round(step / done)),
            psnr_db=-10 * log10(max(error, LEAST_ERROR)),
            bpp=bpp,
            elapsed_s=elapsed_s,
            remaining_s=elapsed_s / done - elapsed_s,
        )

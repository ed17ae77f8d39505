"""Options and result of a fit, for all families."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from imgnet.arrays import Parameters
from imgnet.codec.format.quantized import Quantized
from imgnet.image.picture import Samples
from imgnet.progress import Progress
from imgnet.request.efforts import Schedule
from imgnet.request.encode_options import LEAST_TIME_S
from imgnet.request.target import Target
from imgnet.spec import Spec

LEAST_STEPS = 8  # of a fit, however short its time


@dataclass(frozen=True)
class Options:
    """Options of a fit, besides the shape of the network.

    Attributes:
        schedule: Number and kind of the optimiser steps.
        budget_bytes: Largest size of the packed weights of `gated` and `mlp`, in bytes; None leaves
            the weights real.
        target: PSNR of `gated` and `mlp`; None for none. `grid` searches over whole fits instead.
        tune: Metric of the distortion of `grid`: "psnr" or "msssim".
        time_limit_s: Seconds in which the fit must end, at least `LEAST_STEPS` taken; None for no
            limit.
        seed: Seed of the random numbers: first weights, noise, order of the pixels.
        device: "cpu", "cuda", "mps" or "auto".
        on_progress: Called a few times a second.
        snapshot_every: Optimiser steps between two calls of `on_snapshot`; 0 for none.
        on_snapshot: Called with the network's shape, the step and the parameters as they would be
            stored.
        should_stop: Called before every step; the fit ends, as if the time were up, when it returns
            True. From then on it must return True.
        clock: Returns the current time in seconds.
    """

    schedule: Schedule
    budget_bytes: int | None = None
    target: Target | None = None
    tune: str = "psnr"
    time_limit_s: float | None = None
    seed: int = 0
    device: str = "auto"
    on_progress: Callable[[Progress], None] | None = None
    snapshot_every: int = 0
    on_snapshot: Callable[[Spec, int, Parameters], None] | None = None
    should_stop: Callable[[], bool] | None = None
    clock: Callable[[], float] = time.monotonic

    def part_done(self, step: int, started: float, reserved_s: float = 0.0) -> float:
        """Return the part 0..1 of the schedule that is done, by steps, by time or by request.

        Args:
            step: Optimiser steps taken.
            started: Time from which the time limit counts, by the clock.
            reserved_s: Seconds of the time limit that are not for steps.

        >>> options = Options(Schedule(200, 4096), time_limit_s=10.0, clock=lambda: 104.0)
        >>> options.part_done(50, 100.0), options.part_done(50, 100.0, reserved_s=2.0)
        (0.4, 0.5)
        """
        if self.should_stop is not None and self.should_stop():
            return 1.0
        done = step / self.schedule.steps
        if self.time_limit_s:
            part = self._elapsed_s(started) / max(self.time_limit_s - reserved_s, LEAST_TIME_S)
            done = max(done, min(part, step / LEAST_STEPS))
        return done

    def in_time(self, started: float, part: float) -> Options:
        """Return the options with a part of the remaining time as their time limit.

        Args:
            started: Time at which the limit began to run, by the clock.
            part: Part 0..1 of the remaining time.

        >>> options = Options(Schedule(200, 4096), time_limit_s=10.0, clock=lambda: 104.0)
        >>> options.in_time(started=100.0, part=0.5).time_limit_s
        3.0
        """
        if self.time_limit_s is None:
            return self
        left = self.time_limit_s - self._elapsed_s(started)
        return replace(self, time_limit_s=max(part * left, LEAST_TIME_S))

    def is_time_up(self, started: float, needed_s: float = 0.0) -> bool:
        """Return whether too little of the time limit is left or `should_stop` returns True.

        Args:
            started: Time from which the time limit counts, by the clock.
            needed_s: Seconds that must be left.

        >>> Options(Schedule(200, 4096), time_limit_s=3.0, clock=lambda: 104.0).is_time_up(100.0)
        True
        """
        if self.should_stop is not None and self.should_stop():
            return True
        limit_s = self.time_limit_s
        return limit_s is not None and self._elapsed_s(started) + needed_s >= limit_s

    def _elapsed_s(self, started: float) -> float:
        return self.clock() - started


@dataclass(frozen=True)
class Result:
    """A fitted network.

    Attributes:
        parameters: The parameters as they are decoded.
        quantized: The integers of the file; None for real weights.
        steps: Optimiser steps taken.
        device: Device of the fit: "cpu", "cuda" or "mps".
        best_psnr_db: PSNR of `gated` and `mlp` before the weights were made coarser for a target
            PSNR; None without one.
        x_hat: Decoded pixels of coded `grid`.
    """

    parameters: Parameters
    quantized: dict[str, Quantized] | None
    steps: int
    device: str
    best_psnr_db: float | None = None
    x_hat: Samples | None = None

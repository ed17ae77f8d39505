"""Pace of this machine: the time that the parts of an encode of `grid` take on its CPU."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import prod

import torch

from imgnet.codec.entropy.rans import encode
from imgnet.codec.format.grid_stream import MANY_LATENTS
from imgnet.request.efforts import Schedule
from imgnet.request.options import LEAST_STEPS
from imgnet.spec import Spec

SAMPLE = 4096  # symbols whose coding is timed
TRIES = 3  # of which the fastest counts
MOST_BUSY = 8  # cores that first latents and steps keep busy, at most
# In units of the coding of one symbol, which is plain Python, as is half of packing few latents. On
# one core:
PACK, PACK_MANY = 4.0, 1.2  # of a latent, and of one of so many that compiled code packs them
RENDER = 2.3  # of a pixel
START = 6.3  # of a pixel: the first latents
STEP = 2.7  # of a pixel: one step on it
LEAST_S = 0.6  # of the smallest file, with the start and the end of the process


@dataclass(frozen=True)
class Pace:
    """Pace of a machine.

    Attributes:
        symbol_s: Seconds in which it codes a symbol.
        num_cores: Cores that the process uses.
    """

    symbol_s: float
    num_cores: int

    def closing_s(self, spec: Spec) -> float:
        """Return the seconds from the end of a fit to its written file.

        >>> spec = Spec("grid", 1000, 1000, 0, 4, 1, num_levels=2, chroma_level=1, dim_context=4)
        >>> 5 < Pace(1e-6, 2).closing_s(spec) < 12
        True
        """
        num_latents = sum(prod(spec.grid_size(level)) for _, level in spec.grids())
        packing = PACK if num_latents < MANY_LATENTS else PACK_MANY
        rendering = RENDER * spec.width * spec.height / self.num_cores
        return LEAST_S + self.symbol_s * (packing * num_latents + rendering)

    def shortened(self, schedule: Schedule, seconds: float, spec: Spec) -> Schedule:
        """Return a schedule with no more steps than a fit has time for, at least `LEAST_STEPS`.

        Its start then suits a short fit, see `Schedule.for_start`.

        Args:
            schedule: Schedule for the network.
            seconds: Time of first latents and steps.
            spec: Shape of the network.
        """
        num_pixels = spec.width * spec.height
        num_busy = min(self.num_cores, MOST_BUSY)
        start_s = self.symbol_s * START * num_pixels / num_busy
        pixels_per_step = min(schedule.pixels_per_step, num_pixels)
        step_s = self.symbol_s * STEP * pixels_per_step / num_busy
        steps = max(LEAST_STEPS, round((seconds - start_s) / step_s))
        return replace(schedule, steps=min(schedule.steps, steps))


def pace_here() -> Pace:
    """Return the pace of this process on this machine, as busy as it is now."""
    return Pace(symbol_seconds(time.perf_counter), torch.get_num_threads())


def symbol_seconds(clock: Callable[[], float]) -> float:
    """Return the seconds in which this machine codes a symbol.

    Args:
        clock: Returns the current time in seconds.
    """
    starts, frequencies = [0, 1 << 15] * (SAMPLE // 2), [1 << 15] * SAMPLE
    times = []
    for _ in range(TRIES):
        began = clock()
        encode(starts, frequencies)
        times.append(clock() - began)
    return min(times) / SAMPLE

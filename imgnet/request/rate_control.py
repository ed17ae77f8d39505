"""The lmbda of a bit during a fit that aims at a size or at a PSNR.

The parts of a picture differ: what a step sees of one says nothing about another. So the last error
and the last bits of every part are kept, and their means are what the lmbda follows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import Protocol

from imgnet.request.options import Options
from imgnet.request.secant import Secant

STARTS = 0.3  # part of the schedule; before it the rate is not yet that of the end
FORCE = 16  # power of the excess by which the lmbda would rise in a whole schedule
LMBDAS = Secant(usual=-1.5, least=-3.6, most=-0.5, reach=0.83)  # of PSNR, and of size in dB
PILOTS = replace(LMBDAS, reach=3.0)
PILOT_STEPS = 100  # at most
PILOT = 0.4  # of the time, at most, that all of them take
MOST_PILOTS = 3
FAR_DB = 1.0  # a lmbda that misses by more is no place to begin
MOST_CHANGE = 1.1  # of the lmbda in one step
LEAST_LMBDA, HIGHEST_LMBDA = 1e-8, 0.5  # at which all is spent, and nothing
AIM = 0.995  # part of a size that is aimed at
USUAL_BITS = 4.5  # of a weight
MOST_SHARE = 0.3  # of the bits that a network takes where they are few
USUAL_SHARE = 0.08  # of the bits that a network with a prior takes, but for
LEAST_BITS = 240
ROUNDING_ERROR = 1 / (12 * 255**2)  # squared, of 8-bit pixels


class Goal(Protocol):
    """What a fit aims at.

    Attributes:
        gap: What rounded latents give over what relaxed ones give, as last measured.
    """

    gap: float

    def excess(self, error: float, bits: float) -> float:
        """Return by which factor the lmbda should rise.

        Args:
            error: Mean squared error.
            bits: Of the latents, a pixel.
        """


@dataclass
class SizeGoal:
    """A number of bits a pixel.

    Attributes:
        bits: To aim at, a pixel, with those of the network.
        network_bits: What the network will take of them.
        gap: Bits of rounded latents over those of relaxed ones.
    """

    bits: float
    network_bits: float
    gap: float = 1.0

    def excess(self, error: float, bits: float) -> float:
        """Return bits over bits to aim at.

        >>> SizeGoal(bits=0.5, network_bits=0.1).excess(0.001, 0.9)
        2.0
        """
        del error
        return (bits * self.gap + self.network_bits) / self.bits


@dataclass
class QualityGoal:
    """A mean squared error.

    Attributes:
        error: To aim at.
        gap: Error of rounded latents over that of relaxed ones.
    """

    error: float
    gap: float = 1.0

    def excess(self, error: float, bits: float) -> float:
        """Return error to aim at over error.

        >>> QualityGoal(error=0.002).excess(0.002, 0.5)
        1.0
        """
        del bits
        return self.error / (error * self.gap)


@dataclass
class RateControl:
    """Adjust a lmbda.

    Attributes:
        goal: What to aim at.
        steps: Of the whole schedule.
        seen: The last error and bits of each part of the picture.
    """

    goal: Goal
    steps: int
    seen: dict[Hashable, tuple[float, float]] = field(default_factory=dict)

    def see(self, part: Hashable, error: float, bits: float) -> None:
        """Take note of what a step measured."""
        self.seen[part] = error, bits

    def compare(self, error: float, bits: float) -> None:
        """Take note of what rounded latents give in the whole picture.

        >>> rate_control = RateControl(QualityGoal(0.01), steps=16)
        >>> rate_control.see("top", 0.01, 0.5)
        >>> rate_control.compare(0.012, 0.5)
        >>> rate_control.goal.gap
        1.2
        """
        relaxed_error, relaxed_bits = self._means()
        is_size = isinstance(self.goal, SizeGoal)
        rounded, relaxed = (bits, relaxed_bits) if is_size else (error, relaxed_error)
        self.goal.gap = rounded / relaxed if relaxed else 1.0

    def _means(self) -> tuple[float, float]:
        errors, bits = zip(*self.seen.values(), strict=True)
        return fmean(errors), fmean(bits)

    def lmbda(self, before: float) -> float:
        """Return the lmbda in this step, from that of the step before.

        >>> rate_control = RateControl(SizeGoal(bits=0.5, network_bits=0.0), steps=16)
        >>> rate_control.see("top", 0.001, 0.52)
        >>> round(rate_control.lmbda(0.001), 5)
        0.00104
        """
        excess = self.goal.excess(*self._means())
        factor = min(max(excess ** (FORCE / self.steps), 1 / MOST_CHANGE), MOST_CHANGE)
        return within_limits(before * factor)


def within_limits(lmbda: float) -> float:
    """Return the nearest lmbda between those at which nothing changes any more.

    >>> within_limits(0.001), within_limits(0.0)
    (0.001, 1e-08)
    """
    return min(max(lmbda, LEAST_LMBDA), HIGHEST_LMBDA)


def rate_control_of(
    options: Options, num_pixels: int, num_weights: int, has_prior: bool, rounding_error: float
) -> RateControl | None:
    """Return what adjusts the lmbda of a bit in a fit; None where the lmbda is given.

    Args:
        options: Of the fit.
        num_pixels: Of the picture.
        num_weights: Of the network.
        has_prior: Whether its weights are coded as differences from a prior.
        rounding_error: Squared, of the pixels that are drawn.

    >>> from imgnet.request.efforts import Schedule
    >>> options = Options(Schedule(100, 4096), target_psnr_db=30.0)
    >>> rate_control = rate_control_of(options, 768 * 512, 1500, True, ROUNDING_ERROR)
    >>> round(rate_control.goal.error, 4)
    0.001
    """
    goal: Goal
    if options.budget_bytes is not None:
        bits = 8 * AIM * options.budget_bytes
        network_bits = min(USUAL_BITS * num_weights, MOST_SHARE * bits)
        if has_prior:
            network_bits = LEAST_BITS + USUAL_SHARE * bits
        goal = SizeGoal(bits / num_pixels, network_bits / num_pixels)
    elif options.target_psnr_db is not None:
        error = 10 ** (-options.target_psnr_db / 10) - rounding_error
        goal = QualityGoal(max(error, ROUNDING_ERROR / 100))
    else:
        return None
    return RateControl(goal, options.schedule.steps)


def first_lmbda(pilot: Callable[[float, Options], float], lmbda: float, options: Options) -> float:
    """Return a lmbda of a bit that leads near to what is aimed at, as short fits tell.

    Latents begin as fine as a lmbda suggests and take long to become coarser, so a fit whose
    first lmbda is far from its last is worse than one whose is not.

    Args:
        pilot: Tells by how many dB a short fit at a lmbda is too good or too large.
        lmbda: First lmbda to try.
        options: Of the fit that is to begin.
    """
    steps = min(PILOT_STEPS, options.schedule.steps)
    schedule = replace(options.schedule, steps=steps)
    short = replace(options, schedule=schedule, on_progress=None, on_snapshot=None)
    started, tried = time.monotonic(), list[tuple[float, float]]()
    while len(tried) < MOST_PILOTS and not options.is_time_up(started):
        tried.append((lmbda, pilot(lmbda, short.in_time(started, PILOT / MOST_PILOTS))))
        if abs(tried[-1][1]) <= FAR_DB:
            break
        lmbda = within_limits(PILOTS.solve(0.0, tried))
    return lmbda

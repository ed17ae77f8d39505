"""The price of a bit during a fit that aims at a size or at a PSNR.

The parts of a picture differ: what a step sees of one says nothing about another. So the last error
and the last bits of every part are kept, and their means are what the price follows.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from math import log10
from statistics import fmean
from typing import Protocol

from imgnet.fitting import Options

STARTS = 0.3  # part of the schedule; before it the rate is not yet that of the end
FORCE = 16  # power of the excess by which the price would rise in a whole schedule
USUAL_SLOPE = -5.0  # dB by which the PSNR changes when the price is ten times as high
STEEPEST, FLATTEST = -12.0, -4.0
MOST_DECADES = 0.25  # by which a correction changes the price
MOST_CHANGE = 1.1  # of the price in one step
AIM = 0.985  # part of a size that is aimed at
USUAL_BITS = 4.5  # of a weight
ROUNDING_ERROR = 1 / (12 * 255**2)  # squared, of 8-bit pixels


class Goal(Protocol):
    """What a fit aims at."""

    def excess(self, error: float, bits: float) -> float:
        """Return by which factor the price should rise.

        Args:
            error: Mean squared error.
            bits: Of the latents, a pixel.
        """


@dataclass(frozen=True)
class SizeGoal:
    """A number of bits a pixel.

    Attributes:
        bits: To aim at, a pixel, with those of the network.
        network_bits: What the network will take of them.
    """

    bits: float
    network_bits: float

    def excess(self, error: float, bits: float) -> float:
        """Return bits over bits to aim at.

        >>> SizeGoal(bits=0.5, network_bits=0.1).excess(0.001, 0.9)
        2.0
        """
        del error
        return (bits + self.network_bits) / self.bits


@dataclass
class QualityGoal:
    """A mean squared error.

    Attributes:
        error: To aim at.
        gap: Error of rounded latents over that of relaxed ones, as last measured.
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
class Steering:
    """Adjust a price.

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

    def mean_error(self) -> float:
        """Return the mean of the last errors."""
        return fmean(error for error, _ in self.seen.values())

    def factor(self) -> float:
        """Return by what to multiply the price in this step.

        >>> steering = Steering(SizeGoal(bits=0.5, network_bits=0.0), steps=16)
        >>> steering.see("top", 0.001, 0.52)
        >>> round(steering.factor(), 3)
        1.04
        """
        bits = fmean(bits for _, bits in self.seen.values())
        excess = self.goal.excess(self.mean_error(), bits)
        return float(min(max(excess ** (FORCE / self.steps), 1 / MOST_CHANGE), MOST_CHANGE))


def price_of_psnr(target_db: float, tried: Sequence[tuple[float, float]]) -> float:
    """Return the price at which a PSNR is to be expected.

    Args:
        target_db: The PSNR.
        tried: Prices and the PSNR that each has given, the last one being the best guess so far.

    >>> round(price_of_psnr(30.0, [(0.001, 30.5)]), 5)
    0.00126
    >>> round(price_of_psnr(30.0, [(0.001, 34.0), (0.01, 28.8)]), 5)
    0.00588
    """
    price, psnr_db = tried[-1]
    slope = USUAL_SLOPE
    if len(tried) > 1 and tried[-2][0] != price:
        before, before_db = tried[-2]
        slope = (psnr_db - before_db) / log10(price / before)
    slope = min(max(slope, STEEPEST), FLATTEST)
    decades = (target_db - psnr_db) / slope
    return float(price * 10 ** min(max(decades, -MOST_DECADES), MOST_DECADES))


def steering_of(options: Options, num_pixels: int, num_weights: int) -> Steering | None:
    """Return what adjusts the price of a bit in a fit; None where the price is given.

    >>> from imgnet.presets import Preset
    >>> options = Options(Preset(100, 4096), target_psnr_db=30.0)
    >>> steering = steering_of(options, 768 * 512, 1500)
    >>> round(steering.goal.error, 4)
    0.001
    """
    goal: Goal
    if options.budget_bytes is not None:
        bits, network_bits = 8 * AIM * options.budget_bytes, USUAL_BITS * num_weights
        goal = SizeGoal(bits / num_pixels, network_bits / num_pixels)
    elif options.target_psnr_db is not None:
        error = 10 ** (-options.target_psnr_db / 10) - ROUNDING_ERROR
        goal = QualityGoal(max(error, ROUNDING_ERROR / 100))
    else:
        return None
    return Steering(goal, options.preset.steps)

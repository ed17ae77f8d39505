"""Rate control: adaptation of lmbda during a fit to a target size or a target PSNR.

The parts of an image differ: a step on one says nothing about another. So the last error and the
last bits of every part are kept, and lmbda follows their means.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from statistics import fmean

from imgnet.request.options import Options
from imgnet.request.secant import Secant
from imgnet.request.target import USED_PART, SizeTarget

STARTS = 0.3  # part of the schedule before which the rate says little about that of the end
FORCE = 16  # power of the excess by which lmbda would rise in a whole schedule
LMBDAS = Secant(usual=-1.5, least=-3.6, most=-0.5, reach=0.83)  # of PSNR, and of size in dB
PILOTS = replace(LMBDAS, reach=3.0)
PILOT_STEPS = 100  # of one pilot, at most
PILOT = 0.4  # part of the time limit for all pilots together, at most
MOST_PILOTS = 3
FAR_DB = 1.0  # excess at most, of a pilot whose lmbda a fit may begin at
MOST_CHANGE = 1.1  # factor on lmbda in one step, at most
LEAST_LMBDA, HIGHEST_LMBDA = 1e-8, 0.5  # beyond which nothing changes any more
USUAL_BITS = 4.5  # of a weight of a network without a prior
MOST_SHARE = 0.3  # part of the target for such a network, at most
LEAST_BITS = 240  # of a network with a prior, plus
USUAL_SHARE = 0.08  # this part of the target
ROUNDING_ERROR = 1 / (12 * 255**2)  # mean squared error of the rounding to 8-bit pixels


@dataclass
class RateControl(ABC):
    """Rate control of one fit.

    Attributes:
        steps: Optimiser steps of the whole schedule.
        gap: Ratio of the controlled quantity with rounded latents to that with relaxed ones, as
            last measured.
        parts: The last error and bits of each part of the image.
    """

    steps: int
    gap: float = field(default=1.0, kw_only=True)
    parts: dict[Hashable, tuple[float, float]] = field(default_factory=dict, kw_only=True)

    @abstractmethod
    def controlled(self, error: float, bits: float) -> float:
        """Return the controlled quantity, one of the arguments.

        Args:
            error: Mean squared error.
            bits: Bits a pixel of the latents.
        """

    @abstractmethod
    def excess(self, error: float, bits: float) -> float:
        """Return the factor by which lmbda should rise.

        Args:
            error: Mean squared error.
            bits: Bits a pixel of the latents.
        """

    def observe(self, part: Hashable, error: float, bits: float) -> None:
        """Record mean squared error and bits a pixel of a part of the image in a step."""
        self.parts[part] = error, bits

    def compare(self, error: float, bits: float) -> None:
        """Record mean squared error and bits a pixel of the whole image with rounded latents.

        >>> control = PsnrControl(16, error=0.01)
        >>> control.observe("top", 0.01, 0.5)
        >>> control.compare(0.012, 0.5)
        >>> control.gap
        1.2
        """
        relaxed = self.controlled(*self._means())
        self.gap = self.controlled(error, bits) / relaxed if relaxed else 1.0

    def _means(self) -> tuple[float, float]:
        errors, bits = zip(*self.parts.values(), strict=True)
        return fmean(errors), fmean(bits)

    def lmbda(self, before: float) -> float:
        """Return the lmbda of this step, from that of the step before.

        >>> control = SizeControl(16, bits=0.5, network_bits=0.0)
        >>> control.observe("top", 0.001, 0.52)
        >>> round(control.lmbda(0.001), 5)
        0.00104
        """
        excess = self.excess(*self._means())
        factor = min(max(excess ** (FORCE / self.steps), 1 / MOST_CHANGE), MOST_CHANGE)
        return within_limits(before * factor)


@dataclass
class SizeControl(RateControl):
    """Rate control towards a number of bits.

    Attributes:
        bits: Bits a pixel to reach, those of the network included.
        network_bits: Expected bits a pixel of the network.
    """

    bits: float
    network_bits: float

    def controlled(self, error: float, bits: float) -> float:
        """Return the bits."""
        del error
        return bits

    def excess(self, error: float, bits: float) -> float:
        """Return the bits over the bits to reach.

        >>> SizeControl(16, bits=0.5, network_bits=0.1).excess(0.001, 0.9)
        2.0
        """
        del error
        return (bits * self.gap + self.network_bits) / self.bits


@dataclass
class PsnrControl(RateControl):
    """Rate control towards a mean squared error.

    Attributes:
        error: Mean squared error to reach.
    """

    error: float

    def controlled(self, error: float, bits: float) -> float:
        """Return the error."""
        del bits
        return error

    def excess(self, error: float, bits: float) -> float:
        """Return the error to reach over the error.

        >>> PsnrControl(16, error=0.002).excess(0.002, 0.5)
        1.0
        """
        del bits
        return self.error / (error * self.gap)


def within_limits(lmbda: float) -> float:
    """Return the nearest lmbda in `LEAST_LMBDA`..`HIGHEST_LMBDA`.

    >>> within_limits(0.001), within_limits(0.0)
    (0.001, 1e-08)
    """
    return min(max(lmbda, LEAST_LMBDA), HIGHEST_LMBDA)


def rate_control_of(
    options: Options, num_pixels: int, num_weights: int, has_prior: bool, rounding_error: float
) -> RateControl | None:
    """Return the rate control of a fit; None without a target, where lmbda stays the same.

    Args:
        options: Options of the fit.
        num_pixels: Pixels of the image.
        num_weights: Weights of the network.
        has_prior: Whether its weights are coded as differences from a prior.
        rounding_error: Mean squared error of the rounding of decoded pixels.

    >>> from imgnet.request.efforts import Schedule
    >>> from imgnet.request.target import PsnrTarget
    >>> options = Options(Schedule(100, 4096), target=PsnrTarget(30.0))
    >>> round(rate_control_of(options, 768 * 512, 1500, True, ROUNDING_ERROR).error, 4)
    0.001
    """
    target, steps = options.target, options.schedule.steps
    if target is None:
        return None
    if isinstance(target, SizeTarget):
        bits = 8 * USED_PART * target.num_bytes
        network_bits = min(USUAL_BITS * num_weights, MOST_SHARE * bits)
        if has_prior:
            network_bits = LEAST_BITS + USUAL_SHARE * bits
        return SizeControl(steps, bits / num_pixels, network_bits / num_pixels)
    error = 10 ** (-target.psnr_db / 10) - rounding_error
    return PsnrControl(steps, max(error, ROUNDING_ERROR / 100))


def first_lmbda(pilot: Callable[[float, Options], float], lmbda: float, options: Options) -> float:
    """Return a lmbda near to that of the target, found by pilots: short fits.

    The first latents are as fine as the first lmbda suggests, and take long to become coarser. So a
    fit ends worse where its first lmbda is far from its last.

    Args:
        pilot: Returns the excess in dB over the target of a short fit at a lmbda.
        lmbda: First lmbda to try.
        options: Options of the fit that follows; they have a target.
    """
    steps = min(PILOT_STEPS, options.schedule.steps)
    schedule = replace(options.schedule, steps=steps)
    short = replace(options, schedule=schedule, on_progress=None, on_snapshot=None)
    started, tried = options.clock(), list[tuple[float, float]]()
    while len(tried) < MOST_PILOTS and not options.is_time_up(started):
        tried.append((lmbda, pilot(lmbda, short.in_time(started, PILOT / MOST_PILOTS))))
        if abs(tried[-1][1]) <= FAR_DB:
            break
        lmbda = within_limits(PILOTS.solve(0.0, tried))
    return lmbda

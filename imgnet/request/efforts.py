"""Effort 1..9: how long a fit runs and how many pixels each of its steps sees."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import sqrt

from imgnet.errors import UsageError

LARGE = 40_000  # parameters of a network from which on a preset's steps are taken as they are
MOST = 1.5  # times as many steps for small ones
USUAL_PIXELS = 768 * 512  # of a picture up to which the steps of `grid` are taken as they are
COARSE_STEPS = 4 / 3  # times as many steps of `grid` without its finest level


FEW_EPOCHS = 20  # of each pixel, up to which a fit has little time to get over a bad start


@dataclass(frozen=True)
class Preset:
    """The schedule of one fit.

    Attributes:
        steps: Optimiser steps in all, for a large network.
        pixels_per_step: Pixels that one step sees.
        quantized: Last part of the steps, 0..1, that is taken on rounded weights; in `grid`, on
            rounded latents.
        decisions: How often the latents of `grid` are decided on: at the end, from 2 on half-way
            through that part, too, and from 3 on several times at the end.
        refinements: How often its weights are refined behind decisions at the end.
    """

    steps: int
    pixels_per_step: int
    quantized: float = 0.2
    decisions: int = 0
    refinements: int = 0

    def scaled(self, num_parameters: int) -> Preset:
        """Give a smaller network more steps, since each of them takes less time.

        >>> Preset(1000, 4096).scaled(LARGE // 4).steps
        1500
        """
        factor = sqrt(LARGE / min(num_parameters, LARGE))
        return replace(self, steps=round(self.steps * min(factor, MOST)))

    def covering(self, num_pixels: int) -> Preset:
        """Give a larger picture more steps, so that each of its pixels is seen as often.

        >>> Preset(1000, 4096).covering(2 * USUAL_PIXELS).steps
        2000
        """
        return replace(self, steps=round(self.steps * max(1.0, num_pixels / USUAL_PIXELS)))

    def coarse(self) -> Preset:
        """Give a network of `grid` without its finest level more steps, since each is shorter.

        >>> Preset(1500, 4096).coarse().steps
        2000
        """
        return replace(self, steps=round(self.steps * COARSE_STEPS))

    def epochs(self, num_pixels: int) -> float:
        """Return how often each pixel of a picture is seen.

        >>> Preset(1000, 4096).epochs(2 * 4096), Preset(1000, 4096).epochs(9)
        (500.0, 1000)
        """
        return self.steps * min(1, self.pixels_per_step / num_pixels)


PRESETS = {
    1: Preset(steps=600, pixels_per_step=4096),
    2: Preset(steps=1500, pixels_per_step=4096),
    3: Preset(steps=3000, pixels_per_step=6144),
    4: Preset(steps=6000, pixels_per_step=6144),
    5: Preset(steps=12000, pixels_per_step=6144),
    6: Preset(steps=20000, pixels_per_step=8192),
    7: Preset(steps=40000, pixels_per_step=8192),
    8: Preset(steps=80000, pixels_per_step=12288),
    9: Preset(steps=160000, pixels_per_step=16384),
}


# A network moves once a step, however few pixels that sees, which pays where it moves seldom.
GRID_PRESETS = {
    effort: Preset(steps, pixels, quantized=0.1, decisions=decisions, refinements=refinements)
    for effort, (steps, pixels, decisions, refinements) in {
        1: (160, 24576, 1, 0),
        2: (700, 49152, 2, 1),
        3: (2800, 49152, 2, 1),
        4: (6000, 49152, 3, 1),
        5: (13000, 49152, 3, 2),
        6: (32000, 49152, 3, 2),
        7: (80000, 49152, 3, 2),
        8: (160000, 49152, 3, 2),
        9: (320000, 49152, 3, 2),
    }.items()
}


def preset(effort: int, model: str = "gated") -> Preset:
    """Return the schedule of an effort.

    Raises:
        UsageError: The effort is not in 1..9.

    >>> preset(1).steps < preset(9).steps
    True
    """
    presets = GRID_PRESETS if model == "grid" else PRESETS
    if effort not in presets:
        raise UsageError(f"effort {effort} is not in 1..{max(presets)}")
    return presets[effort]

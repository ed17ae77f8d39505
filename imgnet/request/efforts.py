"""Schedules of fits by effort, 1..9, with all numbers and thresholds that depend on the effort.

An epoch is one optimiser step on every pixel of the image.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import sqrt
from typing import Literal

from imgnet.errors import UsageError
from imgnet.spec import Spec

EFFORTS = range(1, 10)

LARGE = 40_000  # parameters of a coordinate network that takes the steps of the table
MOST_SCALED = 1.5  # factor on the steps of smaller networks, at most
USUAL_PIXELS = 768 * 512  # of an image, up to which `grid` takes the steps of the table
# In a larger image every epoch has more steps for the network, so that fewer epochs do. Steps get
# larger as well: of each, a part is the same for all sizes, or grows with the image.
LARGE_POWER = 1 / 3  # of the factor on the pixels, by which epochs get fewer
MOST_STRIPS = 96  # steps of an epoch
COARSE_STEPS = 4 / 3  # factor on the steps of `grid` without its finest level

# A fit of fewer epochs than FEW_EPOCHS has little time to leave a bad start, and one of fewer than
# VERY_FEW_EPOCHS, of a large image or with a short time limit, hardly any. One of fewer than
# MANY_EPOCHS has little time to settle after noise and large steps have moved its latents.
VERY_FEW_EPOCHS, FEW_EPOCHS = 9, 20
MANY_EPOCHS = 100
TEMPERATURE = (0.35, 0.08)  # of the soft rounding, from the first step to the last
NOISE = (0.22, 0.15)  # standard deviation, from the first step to the last
WARM_UP = 20  # steps
# Steps over which Adam averages squared gradients of latents: at least, as a part of the epochs, at
# most. From random weights, the learning rate of latents grows with a power of them.
SHORT_MEMORY, MEMORY_PART, LONG_MEMORY = 20.0, 0.57, 1000.0
COLD_LR_POWER = 0.12
PYRAMID_LR_POWER = 0.1  # of epochs over MANY_EPOCHS, as a factor on the latents' learning rate

# Fraction of detailed samples above which an image is detailed: in a long fit, in one of few
# epochs, and in one of very few.
DETAILED, SOON_DETAILED, AT_ONCE_DETAILED = 0.02, 0.012, 0.002

# From so many epochs on, a fit of a detailed image of so many pixels saves more bits of latents by
# starting from random weights than its network then costs.
COLD_EPOCHS, COLD_PIXELS = 1000, 1 << 17

PLAIN_STEPS = 2  # factor on the steps of a short fit of an image without detail

# A fit with trials of priors has so many steps, since these cost about half as many, and epochs.
LEAST_TRIAL_STEPS, LEAST_TRIAL_EPOCHS = 300, FEW_EPOCHS
TRIAL_EPOCHS = 150
TRIAL_TIME = 0.1  # part of the time limit that each trial may take

# Origin of the first latents: pyramids along the principal directions of the image's own colours;
# pyramids along the directions of a prior; these, corrected by the analysis network of the prior.
FirstLatents = Literal["cold", "pyramids", "analysis"]


@dataclass(frozen=True)
class Schedule:
    """Schedule of one fit.

    Attributes:
        steps: Optimiser steps in all.
        pixels_per_step: Pixels in one step.
        quantized: Part 0..1 of the steps, the last ones, that are on rounded weights; in `grid`, on
            rounded latents.
        latent_rdoq_runs: Runs of RDOQ on the latents of `grid`. A single one is at the end; of
            several, the first is half-way through the quantized part and the others at the end.
        weight_rdoq_passes: Passes of RDOQ over the weights of `grid` at the end, after each run on
            the latents there.
        latent_lr_scale: Factor on the learning rate of latents.
        latent_memory: Steps of a latent over which Adam averages squared gradients.
        network_lr_scale: Factor on the learning rates of the networks of `grid`.
        temperature: Temperature of the soft rounding of `grid`, from the first step to the last.
        noise: Standard deviation of the noise on latents, from the first step to the last.
        warm_up: Steps over which learning rates of `grid` rise.
    """

    steps: int
    pixels_per_step: int
    quantized: float = 0.2
    latent_rdoq_runs: int = 0
    weight_rdoq_passes: int = 0
    latent_lr_scale: float = 1.0
    latent_memory: float = SHORT_MEMORY
    network_lr_scale: float = 1.0
    temperature: tuple[float, float] = TEMPERATURE
    noise: tuple[float, float] = NOISE
    warm_up: int = WARM_UP

    def for_network(self, spec: Spec) -> Schedule:
        """Return the schedule with the number of steps that suits a network and its image.

        A `grid` network takes more and larger steps for a large image. Where each step is shorter,
        a network takes more of them: a `grid` network without its finest level, and a small
        coordinate network.

        >>> base = Schedule(1500, 24576)
        >>> base.for_network(Spec("mlp", 64, 48, 0, 16, 3)).steps
        2250
        >>> base.for_network(Spec("grid", 768, 1024, 0, 4, 1, num_levels=2, dim_context=4)).steps
        2381
        """
        return _SCHEDULE_FOR_NETWORK[spec.family](self, spec)

    def for_detail(self, found: float) -> Schedule:
        """Return the schedule for an image of some detail.

        In an image without detail, bands of one level show. A short fit takes more steps there.

        Args:
            found: Detail 0..1 of the image at the usual quality.

        >>> Schedule(160, 4096).for_detail(0.0).steps, Schedule(160, 4096).for_detail(0.01).steps
        (320, 160)
        """
        if found > 0 or self.steps >= LEAST_TRIAL_STEPS:
            return self
        return replace(self, steps=PLAIN_STEPS * self.steps)

    def for_start(self, num_pixels: int, first: FirstLatents) -> Schedule:
        """Return the schedule with the learning rates and the relaxation for a start of `grid`.

        A short fit from a prior moves less than a long one, since it has no time to settle again.
        In a long fit Adam remembers more gradients of latents: with a short memory, many a latent
        drops to zero and stays there. Without a prior latents then also move faster.

        Args:
            num_pixels: Pixels of the image.
            first: Origin of the first latents.

        >>> Schedule(10, 4096).for_start(4096, "analysis").latent_lr_scale
        0.1
        """
        memory = min(max(SHORT_MEMORY, self.epochs(num_pixels) * MEMORY_PART), LONG_MEMORY)
        schedule = replace(self, latent_memory=memory)
        if first == "cold":
            return replace(schedule, latent_lr_scale=(memory / SHORT_MEMORY) ** COLD_LR_POWER)
        few = min(1.0, self.epochs(num_pixels) / FEW_EPOCHS)
        many = min(1.0, self.epochs(num_pixels) / MANY_EPOCHS)
        slower = replace(schedule, network_lr_scale=few)
        if first == "analysis":
            return replace(slower, latent_lr_scale=many, temperature=_nearer_end(TEMPERATURE, few))
        return replace(
            slower,
            latent_lr_scale=many**PYRAMID_LR_POWER,
            noise=_nearer_end(NOISE, many),
            warm_up=max(1, round(WARM_UP * many)),
        )

    def epochs(self, num_pixels: int) -> float:
        """Return the number of epochs on an image.

        >>> Schedule(1000, 4096).epochs(2 * 4096), Schedule(1000, 4096).epochs(9)
        (500.0, 1000)
        """
        return self.steps * min(1, self.pixels_per_step / num_pixels)

    def smooth_detail(self, num_pixels: int) -> float:
        """Return the fraction of detailed samples up to which an image is smooth.

        >>> [Schedule(steps, 4096).smooth_detail(4096) for steps in (5, 10, 100)]
        [0.002, 0.012, 0.02]
        """
        epochs = self.epochs(num_pixels)
        if epochs < VERY_FEW_EPOCHS:
            return AT_ONCE_DETAILED
        return DETAILED if epochs > FEW_EPOCHS else SOON_DETAILED

    def is_cold(self, num_pixels: int) -> bool:
        """Return whether the fit of a detailed image starts from random weights.

        >>> Schedule(13000, 49152).is_cold(768 * 512), Schedule(2800, 49152).is_cold(768 * 512)
        (True, False)
        """
        return self.epochs(num_pixels) >= COLD_EPOCHS and num_pixels >= COLD_PIXELS

    def has_trials(self, num_pixels: int) -> bool:
        """Return whether a fit is long enough to try other priors first.

        >>> Schedule(160, 24576).has_trials(768 * 512), Schedule(700, 49152).has_trials(768 * 512)
        (False, True)
        """
        return self.steps >= LEAST_TRIAL_STEPS and self.epochs(num_pixels) >= LEAST_TRIAL_EPOCHS


def _nearer_end(course: tuple[float, float], part: float) -> tuple[float, float]:
    """Move the first of two values towards the last, to a part 0..1 of their distance from it."""
    first, last = course
    return last + (first - last) * part, last


def _for_coordinates(schedule: Schedule, spec: Spec) -> Schedule:
    factor = sqrt(LARGE / min(spec.num_parameters, LARGE))
    return replace(schedule, steps=round(schedule.steps * min(factor, MOST_SCALED)))


def _for_grid(schedule: Schedule, spec: Spec) -> Schedule:
    num_pixels = spec.width * spec.height
    larger = max(1.0, num_pixels / USUAL_PIXELS)
    pixels = max(schedule.pixels_per_step, num_pixels // MOST_STRIPS)
    steps = schedule.steps * larger ** (1 - LARGE_POWER) * schedule.pixels_per_step / pixels
    more = COARSE_STEPS if spec.finest else 1.0
    return replace(schedule, steps=round(round(steps) * more), pixels_per_step=pixels)


_SCHEDULE_FOR_NETWORK = {"grid": _for_grid, "gated": _for_coordinates, "mlp": _for_coordinates}


def trial_schedule(num_pixels: int) -> Schedule:
    """Return the schedule of a trial of a prior, on a part of the image of that many pixels."""
    return Schedule(TRIAL_EPOCHS, num_pixels)


COORDINATE_PRESETS = {
    1: Schedule(steps=600, pixels_per_step=4096),
    2: Schedule(steps=1500, pixels_per_step=4096),
    3: Schedule(steps=3000, pixels_per_step=6144),
    4: Schedule(steps=6000, pixels_per_step=6144),
    5: Schedule(steps=12000, pixels_per_step=6144),
    6: Schedule(steps=20000, pixels_per_step=8192),
    7: Schedule(steps=40000, pixels_per_step=8192),
    8: Schedule(steps=80000, pixels_per_step=12288),
    9: Schedule(steps=160000, pixels_per_step=16384),
}

# A step moves the network once, whatever its number of pixels. So short fits have steps of fewer
# pixels, to move the network often enough.
GRID_PRESETS = {
    effort: Schedule(steps, pixels, quantized=0.1, latent_rdoq_runs=runs, weight_rdoq_passes=passes)
    for effort, (steps, pixels, runs, passes) in {
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

PRESETS = {"grid": GRID_PRESETS, "gated": COORDINATE_PRESETS, "mlp": COORDINATE_PRESETS}


def schedule_for(effort: int, model: str) -> Schedule:
    """Return the schedule of an effort, yet to be adapted by `for_network` and `for_start`.

    Args:
        effort: 1..9.
        model: Network family: "grid", "gated" or "mlp".

    Raises:
        UsageError: The effort is not in 1..9.

    >>> schedule_for(1, "grid").steps < schedule_for(9, "grid").steps
    True
    """
    if effort not in EFFORTS:
        raise UsageError(f"effort {effort} is not in {EFFORTS[0]}..{EFFORTS[-1]}")
    return PRESETS[model][effort]

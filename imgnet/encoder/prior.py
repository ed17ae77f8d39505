"""Choice of the prior that the fit of an image starts from.

The first choice depends on the detail of the image. A fit with some time then tries the other
choices on a part of the image, since the image may be unlike all that the priors were trained on.
For photographs, fits from a prior stay ahead of fits from random weights for several hundred
epochs. Where random weights are ahead after few epochs, as on noise or in images made of squares,
they also end better. A long fit of a detailed image starts from random weights at once. In a smooth
image their network would take more bytes than their latents save.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from imgnet.codec.format.usual_sizes import USUAL_GRID_LAYERS, usual_layers
from imgnet.codec.priors.loader import layers_of, lmbda_index_of
from imgnet.image.picture import Samples
from imgnet.request.efforts import TRIAL_TIME, Schedule, trial_schedule
from imgnet.request.options import Options
from imgnet.spec import Spec

# The prior for detail has textures in few levels; its analysis network corrects the first latents.
# The prior for smooth images has whole pyramids, which are cheaper in smooth parts, but its fits
# begin far from their end. Networks with a prior are wider than those without one, where every
# weight costs bits.
FOR_DETAIL, FOR_SMOOTH = "p8-2e3565a6", "p9-0409762d"
LEAST_LMBDA = 8e-5  # of fits from a prior; below it, fits from random weights end better

SIDE = 112  # rows and columns of the part for trials, at most
# Alternatives to a prior, and the part of its cost below which one replaces it. The part is smaller
# for the prior for smooth images, since its fits begin further away and gain more later.
OTHERS = {FOR_DETAIL: [""], FOR_SMOOTH: [FOR_DETAIL, ""]}
LESS = {FOR_DETAIL: 0.99, FOR_SMOOTH: 0.75}
MORE_BITS = 6000  # additional bits of the weights of a network without a prior, about

Trial = Callable[[Spec, Samples, Options, float], float]


def starting_from_prior(spec: Spec, found: float, lmbda: float, schedule: Schedule) -> Spec:
    """Return a network with the prior that suits an image and a lmbda, or without one.

    Args:
        spec: Shape of the network.
        found: Detail 0..1 of the image, see `levels.detail`.
        lmbda: Squared error of colours in 0..1 that one bit a pixel is worth.
        schedule: Schedule of the fit.
    """
    by_hand = any(getattr(spec, name) != size for name, size in USUAL_GRID_LAYERS.items())
    num_pixels = spec.width * spec.height
    is_smooth = found <= schedule.smooth_detail(num_pixels)
    if lmbda < LEAST_LMBDA or by_hand or (not is_smooth and schedule.is_cold(num_pixels)):
        return spec
    prior = FOR_SMOOTH if is_smooth else FOR_DETAIL
    return with_prior(spec, prior, lmbda_index_of(lmbda))


def with_prior(spec: Spec, prior: str, lmbda_index: int) -> Spec:
    """Return a network with another prior and the layer sizes of that; without one for "".

    >>> from imgnet.codec.format.usual_sizes import usual_grid_sizes
    >>> with_prior(Spec("grid", 9, 9, 0, **usual_grid_sizes(9, 9)), FOR_DETAIL, 3).lmbda_index
    3
    """
    layers: dict[str, Any] = layers_of(prior) if prior else usual_layers(spec.width, spec.height)
    return replace(spec, prior=prior, lmbda_index=lmbda_index if prior else 0, **layers)


def with_best_prior(
    chosen: Spec, pixels: Samples, options: Options, lmbda: float, trial: Trial
) -> Spec:
    """Return a network with the prior, or with none, that is cheapest on a part of the image.

    A short fit has no trials: its network stays the same.

    Args:
        chosen: Network with a prior, or without one.
        pixels: (H, W, C) colours.
        options: Options of the fit that follows.
        lmbda: Squared error of colours in 0..1 that one bit a pixel is worth.
        trial: Returns the cost of a network after a fit of a part of the image: error plus lmbda
            times bits of latents.
    """
    if not chosen.prior or not options.schedule.has_trials(chosen.width * chosen.height):
        return chosen
    part = _middle(pixels)
    height, width = part.shape[:2]
    short = _trial_options(options, height * width)
    began, costs = options.clock(), dict[Spec, float]()
    for prior in (chosen.prior, *OTHERS[chosen.prior]):
        spec = with_prior(chosen, prior, chosen.lmbda_index)
        there = replace(spec, width=width, height=height)
        costs[spec] = trial(there, part, short.in_time(began, TRIAL_TIME), lmbda)
        if not prior:
            costs[spec] += lmbda * MORE_BITS / (chosen.width * chosen.height)
    best = min(costs, key=costs.__getitem__)
    return best if costs[best] < LESS[chosen.prior] * costs[chosen] else chosen


def _trial_options(options: Options, num_pixels: int) -> Options:
    return replace(
        options,
        schedule=trial_schedule(num_pixels),
        target=None,
        on_progress=None,
        on_snapshot=None,
    )


def _middle(pixels: Samples) -> Samples:
    height, width = pixels.shape[:2]
    top, left = (max(0, (size - SIDE) // 2) for size in (height, width))
    return pixels[top : top + SIDE, left : left + SIDE]

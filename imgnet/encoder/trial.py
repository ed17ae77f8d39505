"""Which prior is of use to a picture, if any: it may be unlike all that they were trained on.

Fits of photographs that start from a prior stay ahead of others for long. Where one from random
weights is ahead after few epochs, as on noise or in pictures made of squares, it also ends better.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from imgnet.encoder.prior import FOR_DETAIL, FOR_SMOOTH, with_prior
from imgnet.image.picture import Samples
from imgnet.request.efforts import TRIAL_TIME, trial_schedule
from imgnet.request.options import Options
from imgnet.spec import Spec

SIDE = 112  # rows and columns of the part, at most
# What may take the place of a prior, and the part of the cost with that prior below which it does.
# Fits from the prior for smooth pictures begin further away and gain more later.
OTHERS = {FOR_DETAIL: [""], FOR_SMOOTH: [FOR_DETAIL, ""]}
LESS = {FOR_DETAIL: 0.99, FOR_SMOOTH: 0.75}
MORE_BITS = 6000  # that weights take without a prior, about

Trial = Callable[[Spec, Samples, Options], float]


def with_best_prior(
    chosen: Spec, pixels: Samples, options: Options, lmbda: float, trial: Trial
) -> Spec:
    """Return a network with another prior or with none if a part of the picture is cheaper so.

    For a short fit it stays as it is.

    Args:
        chosen: Network with a prior, or without one.
        pixels: (H, W, C) colours.
        options: Of the fit that is to begin.
        lmbda: Price of a bit a pixel, in squared error of colours in 0..1.
        trial: Gives error and bits at that price, of weights none, after a fit of a part of the
            picture.
    """
    if not chosen.prior or not options.schedule.has_trials:
        return chosen
    part = _middle(pixels)
    height, width = part.shape[:2]
    aimless = replace(options, budget_bytes=None, target_psnr_db=None)
    silent = replace(aimless, on_progress=None, on_snapshot=None)
    short = replace(silent, schedule=trial_schedule(width * height))
    began, costs = time.monotonic(), dict[Spec, float]()
    for prior in (chosen.prior, *OTHERS[chosen.prior]):
        spec = with_prior(chosen, prior, chosen.lmbda_index)
        there = replace(spec, width=width, height=height)
        costs[spec] = trial(there, part, short.in_time(began, TRIAL_TIME))
        if not prior:
            costs[spec] += lmbda * MORE_BITS / (chosen.width * chosen.height)
    best = min(costs, key=costs.__getitem__)
    return best if costs[best] < LESS[chosen.prior] * costs[chosen] else chosen


def _middle(pixels: Samples) -> Samples:
    height, width = pixels.shape[:2]
    top, left = (max(0, (size - SIDE) // 2) for size in (height, width))
    return pixels[top : top + SIDE, left : left + SIDE]

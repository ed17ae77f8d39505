"""Whether a prior is of use to a picture, which may be unlike all that it was trained on.

Fits of photographs that start from a prior stay ahead of others for long. Where one from random
weights is ahead after few visits, as on noise or in pictures made of squares, it also ends better.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from imgnet.fitting import Options
from imgnet.presets import Preset
from imgnet.priors.choice import FEW_VISITS, FOR_DETAIL, FOR_SMOOTH
from imgnet.profile import Samples
from imgnet.spec import Spec

SIDE = 112  # rows and columns of the part, at most
VISITS = 150  # of each of its pixels
# Part of the cost with a prior that a trial without must stay below. Fits from the one for smooth
# pictures begin further away and gain more later.
LESS = {FOR_DETAIL: 0.99, FOR_SMOOTH: 0.75}
PART = 0.1  # of the time of a fit that each of the two trials may take
MORE_BITS = 6000  # that weights take without a prior, about

Trial = Callable[[Spec, Samples, Options], float]


def without_useless_prior(
    chosen: Spec, pixels: Samples, options: Options, lmbda: float, trial: Trial
) -> Spec:
    """Return a network without its prior if a part of the picture is cheaper so, else as it is.

    A fit that is as short as the trials keeps its prior.

    Args:
        chosen: Network with a prior, or without one.
        pixels: (H, W, C) colours.
        options: Of the fit that is to begin.
        lmbda: Price of a bit a pixel, in squared error of colours in 0..1.
        trial: Gives error and bits at that price, of weights none, after a fit of a part of the
            picture.
    """
    num_pixels = chosen.width * chosen.height
    if not chosen.prior or options.preset.visits(num_pixels) <= FEW_VISITS:
        return chosen
    part = _middle(pixels)
    height, width = part.shape[:2]
    aimless = replace(options, budget_bytes=None, target_psnr_db=None)
    silent = replace(aimless, on_progress=None, on_snapshot=None)
    short = replace(silent, preset=Preset(VISITS, width * height))
    began, costs = time.monotonic(), []
    plain = replace(chosen, prior="", band=0)
    for spec in (chosen, plain):
        there = replace(spec, width=width, height=height)
        costs.append(trial(there, part, short.in_time(began, PART)))
    is_useless = costs[1] + lmbda * MORE_BITS / num_pixels < LESS[chosen.prior] * costs[0]
    return plain if is_useless else chosen


def _middle(pixels: Samples) -> Samples:
    height, width = pixels.shape[:2]
    top, left = (max(0, (size - SIDE) // 2) for size in (height, width))
    return pixels[top : top + SIDE, left : left + SIDE]

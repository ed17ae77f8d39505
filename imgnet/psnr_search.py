"""The network of `gated` or `mlp` that draws a picture of the PSNR that is asked for.

What a network of some size draws depends on the picture. So first come probes, fits of few steps,
each of a network as large as those before it suggest. Then one is fitted in full, and the steps of
its weights, which are the coarser the better the fit is, bring the PSNR to the target. A network
that turns out too small is followed by a larger one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from math import log2

import numpy as np
from numpy.typing import NDArray

from imgnet.encoding import Outcome, encode_coordinates, encode_grid
from imgnet.fitting import Options
from imgnet.metrics import psnr_db
from imgnet.profile import Profile, Samples
from imgnet.rate import Request
from imgnet.render import render
from imgnet.spec import Spec
from imgnet.targets import TOLERANCE_DB
from imgnet.trend import Trend

SIZES = Trend(usual=1.9, least=1.0, most=4.0, reach=3.0)  # of PSNR with numbers of parameters
SHORTER = 6  # times as few steps as a fit has a probe
GAIN_DB = 1.0  # of a fit over its probe
SPARE_DB = 0.25  # that a network should be better than asked for, which coarser steps cost
CLOSE = 0.3  # octaves that are not worth another probe
MOST_PROBES, MOST_FITS = 3, 3
SMALL = 5000  # parameters that a network may have of any picture; of a large one, one a pixel

Try = Callable[[Request, Spec, Options], tuple[Outcome, float]]
Encoder = Callable[[Request, Spec, Profile, Samples, NDArray[np.bool_] | None, Options], Outcome]


def encoder_of(request: Request) -> Encoder:
    """Return what encodes an image as it is asked for.

    >>> encoder_of(Request("mlp", target_psnr=30.0)).__name__
    'encode_at_psnr'
    """
    if request.model == "grid":
        return encode_grid
    return encode_coordinates if request.target_psnr is None else encode_at_psnr


def encode_at_psnr(
    request: Request,
    spec: Spec,
    profile: Profile,
    pixels: Samples,
    seen: NDArray[np.bool_] | None,
    options: Options,
) -> Outcome:
    """Fit `gated` or `mlp` to pixels (H, W, C) as well as is asked for, and no better.

    Args:
        request: What the user asks of the file, a PSNR among it.
        spec: Shape of the first network to try.
        profile: What the image is besides its pixels.
        pixels: Colours.
        seen: (H, W) or (H, W, C) True where the fit may look; None for everywhere.
        options: Of the fit.

    Returns:
        What comes nearest to the PSNR.
    """
    started = time.monotonic()

    def attempt(request: Request, spec: Spec, options: Options) -> tuple[Outcome, float]:
        outcome = encode_coordinates(request, spec, profile, pixels, seen, options)
        drawn = render(spec, outcome[1].parameters, depth=profile.depth)
        return outcome, psnr_db(pixels, drawn, seen)

    spec = _probed(attempt, request, spec, options, started)
    return _fitted(attempt, request, spec, options, started)


def _probed(attempt: Try, request: Request, spec: Spec, options: Options, started: float) -> Spec:
    """Return the network that should reach the target, by what short fits of real weights give."""
    assert request.target_psnr is not None
    plain = replace(request, target_psnr=None, weights="float32")
    preset = replace(options.preset, steps=max(1, options.preset.steps // SHORTER))
    short = replace(options, preset=preset, on_snapshot=None)
    tried: list[tuple[float, float]] = []
    for _ in range(MOST_PROBES):
        _, given_db = attempt(plain, spec, _in_time(short, started, 1 / SHORTER))
        tried.append((spec.num_parameters, given_db + GAIN_DB))
        before, spec = spec, _next(request, spec, tried)
        is_close = abs(log2(spec.num_parameters / before.num_parameters)) < CLOSE
        if is_close or options.is_time_up(started):
            break
    return spec


def _fitted(
    attempt: Try, request: Request, spec: Spec, options: Options, started: float
) -> Outcome:
    """Fit a network, and larger ones as long as they are needed; return the nearest to the goal."""
    assert request.target_psnr is not None
    tried: list[tuple[float, float]] = []
    outcomes: list[tuple[float, Outcome]] = []
    while len(tried) < MOST_FITS and (not tried or spec.num_parameters > tried[-1][0]):
        outcome, given_db = attempt(request, spec, _in_time(options, started))
        outcomes.append((abs(given_db - request.target_psnr), outcome))
        tried.append((spec.num_parameters, given_db))
        if given_db >= request.target_psnr - TOLERANCE_DB or options.is_time_up(started):
            break
        spec = _next(request, spec, tried)
    return min(outcomes, key=lambda pair: pair[0])[1]


def _next(request: Request, spec: Spec, tried: list[tuple[float, float]]) -> Spec:
    assert request.target_psnr is not None
    most = max(spec.width * spec.height, SMALL)
    wanted = SIZES.solve(request.target_psnr + SPARE_DB, tried)
    return request.resized(spec, min(wanted, most))


def _in_time(options: Options, started: float, part: float = 1.0) -> Options:
    """Give a fit a part of the time that is left."""
    if options.time_limit_s is None:
        return options
    left = options.time_limit_s - (time.monotonic() - started)
    return replace(options, time_limit_s=max(part * left, 1e-3))

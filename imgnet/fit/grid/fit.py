"""Fits of `grid` to one image: whole fits, pilots and trials."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from imgnet.arrays import BoolArray
from imgnet.fit.device import one_thread_workers, pick_device
from imgnet.fit.engine.pick import clock_without_compilation as clock_without_compilation
from imgnet.fit.grid.correction import Correction
from imgnet.fit.grid.pace import pace_here
from imgnet.fit.grid.schedule import Q_STEP_SEARCH, GridFit
from imgnet.fit.grid.start import first_latents
from imgnet.fit.grid.state import GridState
from imgnet.fit.meter import Meter
from imgnet.image.picture import Samples
from imgnet.metrics.ssim_weights import error_weights
from imgnet.request.options import Options, Result
from imgnet.request.rate_control import ROUNDING_ERROR, rate_control_of
from imgnet.spec import Spec

MEASUREMENTS = 3  # times that the file of a fit with a target is made, at least


def fit_grid(
    spec: Spec,
    pixels: Samples,
    options: Options,
    lmbda: float,
    mask: BoolArray | None = None,
) -> Result:
    """Overfit `grid` to one image.

    Args:
        spec: Shape of the network; its size is the image's.
        pixels: (H, W, C) colours of 8 or 16 bits.
        options: Schedule, target, device, seed, limits and callbacks.
        lmbda: Squared error of colours in 0..1 that one bit a pixel is worth.
        mask: (H, W) or (H, W, C), True for the samples to fit; None for all.

    Returns:
        The network as it is stored. It may miss the target: what the fit cannot correct is left to
        trimming.

    Raises:
        UsageError: The device is unknown, or the machine has no such device.
    """
    closing_s = _closing_s(spec, options) if options.time_limit_s else 0.0
    with ready(spec, pixels, options, lmbda, mask, closing_s, Q_STEP_SEARCH) as fit:
        result = fit.run()
        if options.target is None:
            return result
        return Correction(fit, options.target, pixels, mask).run()


def scheduled(spec: Spec, options: Options) -> Options:
    """Return options with the steps that suit a network and the time limit.

    Args:
        spec: Shape of the network; its size is the image's.
        options: Options of the fit; the schedule is that of the effort.

    Raises:
        UsageError: The device is unknown, or the machine has no such device.
    """
    fitting = replace(options, schedule=options.schedule.for_network(spec))
    if options.time_limit_s is None:
        return fitting
    return _shortened(spec, fitting, options.time_limit_s - _closing_s(spec, options))


def _shortened(spec: Spec, options: Options, seconds: float) -> Options:
    """Return options with no more steps than there is time for, as far as that is known."""
    if pick_device(options.device).type != "cpu":
        return options
    return replace(options, schedule=pace_here().shortened(options.schedule, seconds, spec))


def _closing_s(spec: Spec, options: Options) -> float:
    """Return the seconds to leave for what follows a fit."""
    return pace_here().closing_s(spec) * (1 if options.target is None else MEASUREMENTS)


def pilot_grid(
    spec: Spec,
    pixels: Samples,
    options: Options,
    lmbda: float,
    mask: BoolArray | None = None,
) -> float:
    """Return the excess in dB over the target of a fit that only relaxes latents.

    Args:
        spec: Shape of the network; its size is the image's.
        pixels: (H, W, C) colours of 8 or 16 bits.
        options: Options of the fit; they have a target.
        lmbda: Squared error of colours in 0..1 that one bit a pixel is worth.
        mask: (H, W) or (H, W, C), True for the samples to fit; None for all.

    Raises:
        UsageError: The device is unknown, or the machine has no such device.
    """
    if options.time_limit_s is not None:
        options = _shortened(spec, options, options.time_limit_s)
    with ready(spec, pixels, options, lmbda, mask) as fit:
        return fit.pilot()


def trial_grid(spec: Spec, pixels: Samples, options: Options, lmbda: float) -> float:
    """Return the cost of a fit that only relaxes latents: error plus lmbda times bits of latents.

    Args:
        spec: Shape of the network; its size is the image's.
        pixels: (H, W, C) colours of 8 or 16 bits.
        options: Options of the fit; they have no target.
        lmbda: Squared error of colours in 0..1 that one bit a pixel is worth.

    Raises:
        UsageError: The device is unknown, or the machine has no such device.
    """
    with ready(spec, pixels, options, lmbda, None) as fit:
        return fit.trial()


@contextmanager
def ready(
    spec: Spec,
    pixels: Samples,
    options: Options,
    lmbda: float,
    mask: BoolArray | None,
    closing_s: float = 0.0,
    closing_steps: float = 0.0,
) -> Iterator[GridFit]:
    """Yield a fit that has taken no step yet; see `fit_grid` and `Meter` for arguments."""
    meter = Meter(options, closing_s, closing_steps)
    device = pick_device(options.device)
    with one_thread_workers(device) as workers:
        weights = error_weights(pixels, mask) if options.tune == "msssim" else mask
        schedule = options.schedule.for_start(spec.width * spec.height, first_latents(spec))
        state = GridState(
            spec, pixels, schedule, lmbda, weights, workers, device, seed=options.seed
        )
        rate_control = rate_control_of(
            options,
            spec.width * spec.height,
            sum(weight.numel() for weight in state.parameters.values()),
            has_prior=bool(state.prior),
            rounding_error=ROUNDING_ERROR if pixels.dtype == np.uint8 else 0.0,
        )
        yield GridFit(state, meter, lmbda, rate_control)

"""Fits of `grid` to one image: whole fits and trials."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from imgnet.arrays import BoolArray
from imgnet.fit.device import one_thread_workers, pick_device
from imgnet.fit.engine.pick import clock_without_compilation as clock_without_compilation
from imgnet.fit.grid.correction import CorrectableFit
from imgnet.fit.grid.pace import Pace, pace_here
from imgnet.fit.grid.schedule import Q_STEP_SEARCH
from imgnet.fit.grid.start import first_latents
from imgnet.fit.grid.state import GridState
from imgnet.fit.meter import Meter
from imgnet.image.picture import Samples
from imgnet.metrics.ssim_weights import error_weights
from imgnet.request.encode_options import LEAST_TIME_S
from imgnet.request.options import Options, Result
from imgnet.spec import Spec


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
        options: Schedule, device, seed, limits and callbacks.
        lmbda: Squared error of colours in 0..1 that one bit a pixel is worth.
        mask: (H, W) or (H, W, C), True for the samples to fit; None for all.

    Returns:
        The network as it is stored.

    Raises:
        UsageError: The device is unknown, or the machine has no such device.
    """
    with closing_in_time(spec, pixels, options, lmbda, mask, pace_for(options)) as fit:
        return fit.run()


def pace_for(options: Options) -> Pace | None:
    """Return the pace of this machine, which only a time limit needs; None without one."""
    return None if options.time_limit_s is None else pace_here()


def scheduled(spec: Spec, options: Options, pace: Pace | None) -> Options:
    """Return options with the steps that suit a network and the time limit.

    Args:
        spec: Shape of the network; its size is the image's.
        options: Options of the fit; the schedule is that of the effort.
        pace: Pace of this machine; None without a time limit.

    Raises:
        UsageError: The device is unknown, or the machine has no such device.
    """
    fitting = replace(options, schedule=options.schedule.for_network(spec))
    if options.time_limit_s is None or pace is None or pick_device(options.device).type != "cpu":
        return fitting
    seconds = options.time_limit_s - pace.closing_s(spec)
    return replace(fitting, schedule=pace.shortened(fitting.schedule, seconds, spec))


def before_closing(spec: Spec, options: Options, pace: Pace | None) -> Options:
    """Return options whose time limit, if there is one, leaves time to make a file of a network."""
    if options.time_limit_s is None or pace is None:
        return options
    seconds = options.time_limit_s - pace.closing_s(spec)
    return replace(options, time_limit_s=max(seconds, LEAST_TIME_S))


@contextmanager
def closing_in_time(
    spec: Spec,
    pixels: Samples,
    options: Options,
    lmbda: float,
    mask: BoolArray | None,
    pace: Pace | None,
) -> Iterator[CorrectableFit]:
    """Yield a fit that leaves time to make a file; see `fit_grid` and `scheduled`."""
    closing_s = 0.0 if pace is None else pace.closing_s(spec)
    with ready(spec, pixels, options, lmbda, mask, closing_s, Q_STEP_SEARCH) as fit:
        yield fit


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
) -> Iterator[CorrectableFit]:
    """Yield a fit that has taken no step yet; see `fit_grid` and `Meter` for arguments."""
    meter = Meter(options, closing_s, closing_steps)
    device = pick_device(options.device)
    with one_thread_workers(device) as workers:
        weights = error_weights(pixels, mask) if options.tune == "msssim" else mask
        schedule = options.schedule.for_start(spec.width * spec.height, first_latents(spec))
        state = GridState(
            spec, pixels, schedule, lmbda, weights, workers, device, seed=options.seed
        )
        yield CorrectableFit(state, meter, lmbda)

"""Fits of `grid` to one image: whole fits, pilots and trials."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from imgnet.fit.device import one_thread_workers, pick_device
from imgnet.fit.grid.correction import Correction
from imgnet.fit.grid.schedule import GridFit
from imgnet.fit.grid.start import first_latents
from imgnet.fit.grid.state import GridState
from imgnet.image.picture import Samples
from imgnet.metrics.ssim_weights import error_weights
from imgnet.request.options import Options, Result
from imgnet.request.rate_control import ROUNDING_ERROR, rate_control_of
from imgnet.spec import Spec


def fit_grid(
    spec: Spec,
    pixels: Samples,
    options: Options,
    lmbda: float,
    seen: NDArray[np.bool_] | None = None,
) -> Result:
    """Overfit `grid` to `pixels` (H, W, C).

    Args:
        spec: Shape of the network; its size is the image's.
        pixels: Colours of 8 or 16 bits.
        options: Schedule, target, device, seed, limits and callbacks.
        lmbda: Squared error of colours in 0..1 that one bit a pixel is worth.
        seen: (H, W) or (H, W, C) True where the fit may look; None for everywhere.

    Raises:
        UsageError: The device is unknown or missing.
    """
    with ready(spec, pixels, options, lmbda, seen) as fit:
        result = fit.run()
        if options.target is None:
            return result
        return Correction(fit, options.target, pixels, seen).run()


def pilot_grid(
    spec: Spec,
    pixels: Samples,
    options: Options,
    lmbda: float,
    seen: NDArray[np.bool_] | None = None,
) -> float:
    """Return the excess in dB over a target of a fit that only relaxes latents.

    Arguments and errors are those of `fit_grid`; the options have a target.
    """
    with ready(spec, pixels, options, lmbda, seen) as fit:
        return fit.pilot()


def trial_grid(spec: Spec, pixels: Samples, options: Options, lmbda: float) -> float:
    """Return the cost, error plus lmbda times bits of latents, of a fit that only relaxes latents.

    Arguments and errors are those of `fit_grid`; the options have no target.
    """
    with ready(spec, pixels, options, lmbda, None) as fit:
        return fit.trial()


@contextmanager
def ready(
    spec: Spec,
    pixels: Samples,
    options: Options,
    lmbda: float,
    seen: NDArray[np.bool_] | None,
) -> Iterator[GridFit]:
    """Yield a fit that has taken no step yet; arguments and errors are those of `fit_grid`."""
    device = pick_device(options.device)
    with one_thread_workers(device) as (workers, _):
        counts = error_weights(pixels, seen) if options.tune == "msssim" else seen
        common = workers, device, options.seed
        schedule = options.schedule.for_start(spec.width * spec.height, first_latents(spec))
        state = GridState(spec, pixels, schedule, lmbda, counts, *common)
        rate_control = rate_control_of(
            options,
            spec.width * spec.height,
            sum(weight.numel() for weight in state.parameters.values()),
            has_prior=bool(state.prior),
            rounding_error=ROUNDING_ERROR if pixels.dtype == np.uint8 else 0.0,
        )
        yield GridFit(state, options, lmbda, rate_control)

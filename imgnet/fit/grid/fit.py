"""Overfit `grid` to one image, or only begin to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from imgnet.fit.device import one_thread_workers, pick_device
from imgnet.fit.grid.correction import Correction
from imgnet.fit.grid.schedule import GridFit
from imgnet.fit.grid.state import GridState
from imgnet.image.picture import Samples
from imgnet.metrics.ssim_weights import error_weights
from imgnet.request.aim import aim_of
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
        options: Device, seed, limits and who is told.
        lmbda: Price of a bit a pixel, in squared error of colours in 0..1.
        seen: (H, W) or (H, W, C) True where the fit may look; None for everywhere.

    Raises:
        UsageError: No such device.
    """
    with ready(spec, pixels, options, lmbda, seen) as fit:
        result = fit.run()
        aim = aim_of(options, pixels, seen)
        return Correction(fit, aim).run() if aim else result


def pilot_grid(
    spec: Spec,
    pixels: Samples,
    options: Options,
    lmbda: float,
    seen: NDArray[np.bool_] | None = None,
) -> float:
    """Return by how many dB a picture is too good or, in dB of a byte, too large at a price.

    Args and errors are those of `fit_grid`; the options aim at a PSNR or a size.
    """
    with ready(spec, pixels, options, lmbda, seen) as fit:
        return fit.pilot()


def trial_grid(spec: Spec, pixels: Samples, options: Options, lmbda: float) -> float:
    """Return error and bits, those of weights left out, after a fit without rounded weights.

    Args and errors are those of `fit_grid`; the options aim at nothing.
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
    """Give a fit that has taken no step yet; arguments and errors are those of `fit_grid`."""
    device = pick_device(options.device)
    with one_thread_workers(device) as (workers, _):
        counts = error_weights(pixels, seen) if options.tune == "msssim" else seen
        common = workers, device, options.seed
        state = GridState(spec, pixels, options.preset, lmbda, counts, *common)
        rate_control = rate_control_of(
            options,
            spec.width * spec.height,
            sum(weight.numel() for weight in state.parameters.values()),
            has_prior=bool(state.origins),
            rounding_error=ROUNDING_ERROR if pixels.dtype == np.uint8 else 0.0,
        )
        yield GridFit(state, options, lmbda, rate_control)

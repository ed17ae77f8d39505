"""Fits of `grid` to one image: whole fits and trials."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from imgnet.arrays import BoolArray
from imgnet.fit.device import one_thread_workers, pick_device
from imgnet.fit.grid.correction import CorrectableFit
from imgnet.fit.grid.start import first_latents
from imgnet.fit.grid.state import GridState
from imgnet.image.picture import Samples
from imgnet.metrics.ssim_weights import error_weights
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
    with ready(spec, pixels, options, lmbda, mask) as fit:
        return fit.run()


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
) -> Iterator[CorrectableFit]:
    """Yield a fit that has taken no step yet; see `fit_grid` for arguments and errors."""
    device = pick_device(options.device)
    with one_thread_workers(device) as workers:
        weights = error_weights(pixels, mask) if options.tune == "msssim" else mask
        schedule = options.schedule.for_start(spec.width * spec.height, first_latents(spec))
        state = GridState(
            spec, pixels, schedule, lmbda, weights, workers, device, seed=options.seed
        )
        yield CorrectableFit(state, options, lmbda)

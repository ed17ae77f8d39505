"""Which prior a picture starts from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from imgnet.priors import band_of, has_shape_of_priors, usual_step
from imgnet.profile import Samples
from imgnet.spec import Spec

# The first writes textures into few levels, and a network gives its fits their first latents; the
# second keeps whole pyramids, which smooth parts are cheaper in, but its fits begin far from them.
FOR_DETAIL, FOR_SMOOTH = "p4-8888ada4", "p2-cb609818"
DETAILED = 0.02  # part of the samples that make a picture a detailed one,
SOON_DETAILED = 0.012  # and where a fit has little time to get over such a beginning
FEW_VISITS = 20  # of each pixel, up to which that is so
LEAST_PRICE = 8e-5  # of a bit, below which fits that start from random weights end better
DEADZONE = 0.75  # steps from the mean of their neighbours, up to which samples are no detail


def starting_from_prior(spec: Spec, pixels: Samples, lmbda: float, visits: float) -> Spec:
    """Return a network with the prior for a picture and a price of a bit, if one is of use.

    Args:
        spec: Shape of the network.
        pixels: (H, W, C) colours.
        lmbda: Price of a bit a pixel, in squared error of colours in 0..1.
        visits: How often the fit sees each pixel.
    """
    if lmbda < LEAST_PRICE or not has_shape_of_priors(spec):
        return spec
    most = DETAILED if visits > FEW_VISITS else SOON_DETAILED
    prior = FOR_SMOOTH if detail(pixels, lmbda) <= most else FOR_DETAIL
    return replace(spec, prior=prior, band=band_of(lmbda))


def detail(pixels: Samples, lmbda: float) -> float:
    """Return the part of the samples that differ from their neighbours by more than bits cost.

    Args:
        pixels: (H, W, C) colours; all channels count alike.
        lmbda: Price of a bit a pixel, in squared error of colours in 0..1.

    >>> flat = np.full((4, 4, 3), 9, np.uint8)
    >>> detail(flat, 1e-3), detail(flat * (np.arange(4) % 2)[:, None].astype(np.uint8), 1e-9)
    (0.0, 1.0)
    """
    height, width = (max(1, size // 2 * 2) for size in pixels.shape[:2])
    peak = np.iinfo(pixels.dtype).max
    # In units of a colour of unit length.
    brightness = pixels[:height, :width].mean(axis=2) * (np.sqrt(pixels.shape[2]) / peak)
    beyond = np.abs(brightness - _means_of_squares(brightness)) > DEADZONE * usual_step(lmbda)
    return float(beyond.mean())


def _means_of_squares(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    """Replace every sample by the mean of its square of four."""
    rows, columns = (min(2, size) for size in plane.shape)
    squares = plane.reshape(plane.shape[0] // rows, rows, plane.shape[1] // columns, columns)
    means = squares.mean(axis=(1, 3))
    repeated: NDArray[np.float64] = means.repeat(rows, axis=0).repeat(columns, axis=1)
    return repeated

"""Detail of an image, and the levels that `grid` needs for it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from imgnet.arrays import Float64Array
from imgnet.codec.priors.loader import usual_latent_q_step
from imgnet.image.picture import Samples
from imgnet.spec import Spec

DEADZONE = 0.75  # difference of a sample from its neighbours, in q_steps, above which it is detail
LITTLE = 0.5  # detail over lmbda up to which the finest level is not worth its bits


def detail(pixels: Samples, lmbda: float) -> float:
    """Return the fraction 0..1 of samples that differ much from their neighbours, at some lmbda.

    Args:
        pixels: (H, W, C) colours of 8 or 16 bits; their mean over the channels is measured.
        lmbda: Squared error of colours in 0..1 that one bit a pixel is worth.

    >>> flat = np.full((4, 4, 3), 9, np.uint8)
    >>> detail(flat, 1e-3), detail(flat * (np.arange(4) % 2)[:, None].astype(np.uint8), 1e-9)
    (0.0, 1.0)
    """
    height, width = (max(1, size // 2 * 2) for size in pixels.shape[:2])
    peak = np.iinfo(pixels.dtype).max
    # In units of colours in 0..1 along a direction of unit length.
    brightness = pixels[:height, :width].mean(axis=2) * (np.sqrt(pixels.shape[2]) / peak)
    differences = np.abs(brightness - _means_of_squares(brightness))
    return float((differences > DEADZONE * usual_latent_q_step(lmbda)).mean())


def with_needed_levels(spec: Spec, found: float, lmbda: float) -> Spec:
    """Return a network, without its finest level if an image has little detail for a lmbda.

    Args:
        spec: Shape of the network of `grid`, with all levels.
        found: Detail of the image, 0..1.
        lmbda: Squared error of colours in 0..1 that one bit a pixel is worth.
    """
    return without_finest(spec) if found <= LITTLE * lmbda else spec


def without_finest(spec: Spec) -> Spec:
    """Return a network without the finest level, which must not be the only or a chroma one.

    >>> sizes = {"num_levels": 2, "chroma_level": 1, "dim_context": 4}
    >>> without_finest(Spec("grid", 9, 8, 0, 4, 1, **sizes)).finest
    1
    """
    return replace(spec, finest=min(1, spec.num_levels - 1, spec.chroma_level))


def _means_of_squares(plane: Float64Array) -> Float64Array:
    """Replace every sample by the mean of its 2x2 square."""
    rows, columns = (min(2, size) for size in plane.shape)
    squares = plane.reshape(plane.shape[0] // rows, rows, plane.shape[1] // columns, columns)
    means = squares.mean(axis=(1, 3))
    repeated: Float64Array = means.repeat(rows, axis=0).repeat(columns, axis=1)
    return repeated

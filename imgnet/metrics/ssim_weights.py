"""Weights of squared errors that approximate MS-SSIM.

MS-SSIM is a product over scales. For small errors that are uncorrelated with the image, its
logarithm decreases at each scale by the mean over all windows of

    e / (2 v + C2),

where e is the variance of the error and v that of the image in a window. So the weight of a squared
error is large in smooth regions. At scale s the error is assumed to keep 2**-s of its variance;
white noise would keep 4**-s, but coding errors are less white. The weight is the 0.7th power of
the sum over scales, because the first order overestimates the large errors that a fit makes where
they are cheap. Fits of three photographs at three qualities gained as much MS-SSIM as with the
first power, and lost less PSNR.

Source: Wang, Simoncelli and Bovik, 2003, see `ms_ssim`; expanded to the first order in e.
"""

from __future__ import annotations

import numpy as np

from imgnet.arrays import BoolArray, Float32Array, Float64Array
from imgnet.image.picture import Samples, peak_of
from imgnet.metrics.ssim import K2, SCALES, WINDOW, blurred, halved

POWER = 0.7


def error_weights(pixels: Samples, mask: BoolArray | None = None) -> Float32Array:
    """Return the weight of each squared error, with a geometric mean of 1 before masking.

    Thanks to that mean, the same lmbda gives about as many bits as without weights.

    Args:
        pixels: (H, W, C) unsigned; the largest value of their type is full brightness.
        mask: (H, W) or (H, W, C), false where errors have weight 0; None for no mask.

    Returns:
        (H, W), or (H, W, C) if the mask has channels.

    >>> edge = np.zeros((32, 32, 1), np.uint8)
    >>> edge[:, 16:] = 255
    >>> weights = error_weights(edge)
    >>> bool(weights[0, 0] > 1 > weights[0, 16])
    True
    """
    planes = np.moveaxis(pixels / np.float64(peak_of(pixels.dtype)), 2, 0)
    height, width = planes.shape[1:]
    total = np.zeros((height, width))
    for scale, exponent in enumerate(SCALES):
        if scale:
            planes = np.stack([halved(plane) for plane in planes])
        coarse = np.mean([_weights_of_scale(plane) for plane in planes], axis=0)
        repeated = coarse.repeat(1 << scale, axis=0).repeat(1 << scale, axis=1)
        total += exponent * 2.0**-scale * repeated[:height, :width]
    total **= POWER
    weights: Float32Array = (total / np.exp(np.log(total).mean())).astype(np.float32)
    if mask is None:
        return weights
    return np.asarray(weights * mask if mask.ndim == 2 else weights[..., None] * mask)


def _weights_of_scale(plane: Float64Array) -> Float64Array:
    """Return the weight (H, W) of an error at each sample, over all windows that contain it."""
    mean = _around(plane)
    variance = np.maximum(_around(plane * plane) - mean * mean, 0.0)
    return _around(1 / (2 * variance + K2**2))


def _around(plane: Float64Array) -> Float64Array:
    """Return the Gaussian mean around each sample, (H, W); edges are repeated."""
    return blurred(np.pad(plane, WINDOW // 2, mode="edge"))

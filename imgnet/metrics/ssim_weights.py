"""How much the error of each pixel counts where a file is fitted to MS-SSIM.

MS-SSIM is a product over scales. Where errors are small and do not resemble the picture, its
logarithm falls at each scale by the mean over all windows of

    e / (2 v + C2),

with the variances e of the error and v of the picture in a window. So a squared error counts the
more the less happens around it. Of an error, 2**-s is taken to be left at scale s; of white noise
it would be 4**-s, but what coders lose is less white. The power of 0.7 of all that is what counts:
errors get so large where they cost little that they are no longer small. Fits of three photographs
at three qualities gained as much by it as by the power of 1, and lost less PSNR.

Source: Wang, Simoncelli and Bovik, 2003, see `similarity.py`, of which this is the expansion to
the first order in e.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imgnet.image.picture import Samples
from imgnet.metrics.ssim import K2, SCALES, WINDOW, Floats, blurred, halved

POWER = 0.7


def importance(pixels: Samples, seen: NDArray[np.bool_] | None = None) -> NDArray[np.float32]:
    """Return what each squared error counts, with a geometric mean of 1 over the whole picture.

    With that mean, a price of a bit leads to about as many bits as where all errors count alike.

    Args:
        pixels: (H, W, C) unsigned; the largest value of their type is full brightness.
        seen: (H, W) or (H, W, C) True where errors count at all; None for everywhere.

    Returns:
        (H, W), or (H, W, C) if `seen` is.

    >>> edge = np.zeros((32, 32, 1), np.uint8)
    >>> edge[:, 16:] = 255
    >>> counts = importance(edge)
    >>> bool(counts[0, 0] > 1 > counts[0, 16])
    True
    """
    planes = np.moveaxis(pixels / np.float64(np.iinfo(pixels.dtype).max), 2, 0)
    height, width = planes.shape[1:]
    total = np.zeros((height, width))
    for scale, exponent in enumerate(SCALES):
        if scale:
            planes = np.stack([halved(plane) for plane in planes])
        here = np.mean([_of_scale(plane) for plane in planes], axis=0)
        spread = here.repeat(1 << scale, axis=0).repeat(1 << scale, axis=1)
        total += exponent * 2.0**-scale * spread[:height, :width]
    total **= POWER
    counts: NDArray[np.float32] = (total / np.exp(np.log(total).mean())).astype(np.float32)
    if seen is None:
        return counts
    part: NDArray[np.float32] = counts * seen if seen.ndim == 2 else counts[..., None] * seen
    return part


def _of_scale(plane: Floats) -> Floats:
    """Return what an error counts in all the windows that it is in, (H, W)."""
    mean = _around(plane)
    variance = np.maximum(_around(plane * plane) - mean * mean, 0.0)
    return _around(1 / (2 * variance + K2**2))


def _around(plane: Floats) -> Floats:
    """Weigh the samples around each by the window of SSIM; edges are repeated: (H, W)."""
    return blurred(np.pad(plane, WINDOW // 2, mode="edge"))

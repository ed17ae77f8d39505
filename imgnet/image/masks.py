"""Which pixels of an image a fit may look at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imgnet.errors import UsageError
from imgnet.image.files import Source, read_mask
from imgnet.image.picture import Samples

Mask = Source | NDArray[np.bool_]


def seen_pixels(
    pixels: Samples, mask: Mask | None, keep: float | None, seed: int
) -> NDArray[np.bool_] | None:
    """Return the (H, W) pixels that the fit may look at, or None for all.

    Args:
        pixels: (H, W, C) image.
        mask: Image or (H, W) bool array, white where the fit may look; or None.
        keep: Fraction of the pixels to choose at random; or None.
        seed: Of that choice.

    Raises:
        UsageError: Both are given, or one makes no sense for this image.
        InputError: The mask cannot be read.

    >>> seen_pixels(np.zeros((4, 4, 3), np.uint8), None, 0.25, 0).sum()
    np.int64(4)
    """
    height, width, _ = pixels.shape
    if mask is not None and keep is not None:
        raise UsageError("--mask and --keep both choose the pixels to fit; give one of them")
    if isinstance(mask, np.ndarray):
        if mask.shape != (height, width) or mask.dtype != bool or not mask.any():
            raise UsageError(f"a mask is a bool array of shape {(height, width)} that is not empty")
        return np.array(mask, order="C")
    if mask is not None:
        return read_mask(mask, (width, height))
    if keep is None:
        return None
    if not 0 < keep <= 1:
        raise UsageError(f"keep {keep:g} is not a fraction above 0 and at most 1")
    chosen = np.random.default_rng(seed).permutation(height * width)
    seen: NDArray[np.bool_] = chosen < max(1, round(keep * height * width))
    return seen.reshape(height, width)


def counted_samples(pixels: Samples, seen: NDArray[np.bool_] | None) -> NDArray[np.bool_] | None:
    """Return which samples a fit has to reproduce: not the colours of what is fully transparent.

    Args:
        pixels: (H, W, C) image.
        seen: (H, W) True where the fit may look; None for everywhere.

    Returns:
        (H, W, C) where some colours are free, else `seen`.

    >>> counted_samples(np.array([[[7, 0], [7, 1]]], np.uint8), None).tolist()
    [[[False, True], [True, True]]]
    """
    has_alpha = pixels.shape[2] in (2, 4)
    if not has_alpha or pixels[..., -1].all():
        return seen
    counted = np.repeat(pixels[..., -1:] > 0, pixels.shape[2], axis=2)
    counted[..., -1] = True
    return counted if seen is None else counted & seen[..., None]

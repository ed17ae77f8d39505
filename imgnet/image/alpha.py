"""Alpha channels: whether there is one, compositing, and colours for transparent pixels."""

from __future__ import annotations

import numpy as np

from imgnet.arrays import Float32Array
from imgnet.image.blocks import block_sums
from imgnet.image.picture import Samples, peak_of

_LEAST_WEIGHT = np.float32(1e-30)


def has_alpha(channels: int) -> bool:
    """Tell whether the last of so many channels is alpha: of grey with alpha and of RGBA.

    >>> has_alpha(3), has_alpha(4)
    (False, True)
    """
    return channels in (2, 4)


def over_white(pixels: Samples) -> Samples:
    """Composite an image with alpha over white.

    Args:
        pixels: (H, W, C + 1) samples, the last channel alpha.

    Returns:
        (H, W, C) samples.

    >>> over_white(np.array([[[100, 0], [100, 255]]], np.uint8)).ravel().tolist()
    [255, 100]
    """
    peak = peak_of(pixels.dtype)
    colours, alpha = pixels[..., :-1].astype(np.uint32), pixels[..., -1:].astype(np.uint32)
    mixed = (colours * alpha + peak * (peak - alpha) + peak // 2) // peak
    return np.asarray(mixed, pixels.dtype)


def premultiplied(pixels: Samples) -> Samples:
    """Multiply colours by alpha; an image without alpha stays as it is.

    Args:
        pixels: (H, W, C) samples with 1..4 channels.

    Returns:
        (H, W, C) samples; alpha is unchanged.

    >>> premultiplied(np.array([[[100, 51]]], np.uint8)).ravel().tolist()
    [20, 51]
    """
    if not has_alpha(pixels.shape[2]):
        return pixels
    peak = peak_of(pixels.dtype)
    alpha = pixels[..., -1:].astype(np.uint64)
    colours = (pixels[..., :-1] * alpha + peak // 2) // peak
    return np.concatenate([colours.astype(pixels.dtype), pixels[..., -1:]], axis=2)


def unmultiplied(pixels: Samples) -> Samples:
    """Divide colours by alpha, up to full brightness.

    Args:
        pixels: (H, W, C + 1) samples, the last channel alpha.

    Returns:
        (H, W, C + 1) samples; alpha is unchanged.

    >>> unmultiplied(np.array([[[20, 51]]], np.uint8)).ravel().tolist()
    [100, 51]
    """
    peak = peak_of(pixels.dtype)
    alpha = np.maximum(pixels[..., -1:], 1).astype(np.float64)
    colours = np.rint(pixels[..., :-1] * (peak / alpha)).clip(0, peak).astype(pixels.dtype)
    return np.concatenate([colours, pixels[..., -1:]], axis=2)


def filled(colours: Float32Array, alpha: Float32Array) -> Float32Array:
    """Give transparent pixels the mean colour of the visible pixels around them.

    The mean is taken over the smallest block of 2x2, 4x4, 8x8, ... pixels that holds a visible one.

    Args:
        colours: (H, W, C).
        alpha: (H, W, 1) weights, at least 0; a pixel of weight 0 is transparent.

    Returns:
        (H, W, C) colours; those of visible pixels are unchanged.

    >>> colours, alpha = np.zeros((1, 3, 1), np.float32), np.zeros((1, 3, 1), np.float32)
    >>> colours[0, 0], alpha[0, 0] = 7, 1
    >>> filled(colours, alpha).ravel().tolist()
    [7.0, 7.0, 7.0]
    """
    height, width, _ = colours.shape
    if alpha.all() or height * width == 1:
        return colours
    weights = block_sums(alpha, "constant")
    means = block_sums(colours * alpha, "constant")
    means /= np.maximum(weights, _LEAST_WEIGHT)
    coarse = filled(means, weights)
    doubled = coarse.repeat(2, axis=0).repeat(2, axis=1)[:height, :width]
    return np.where(alpha > 0, colours, doubled)

"""Colours for pixels that are transparent, which have none."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

_LEAST_WEIGHT = np.float32(1e-30)


def filled(colours: Array, alpha: Array) -> Array:
    """Give transparent pixels the mean colour of visible ones beside them.

    Pixels with none beside them get that of visible ones in squares of 2, 4, 8, ... pixels.

    Args:
        colours: (height, width, channels).
        alpha: (height, width, 1) weights of them, from 0 on.

    Returns:
        (height, width, channels) colours, those of visible pixels as they were.

    >>> colours, alpha = np.zeros((1, 3, 1), np.float32), np.zeros((1, 3, 1), np.float32)
    >>> colours[0, 0], alpha[0, 0] = 7, 1
    >>> filled(colours, alpha).ravel().tolist()
    [7.0, 7.0, 7.0]
    """
    height, width, _ = colours.shape
    if alpha.all() or height * width == 1:
        return colours
    weights = _sums_of_squares(alpha)
    means = _sums_of_squares(colours * alpha)
    means /= np.maximum(weights, _LEAST_WEIGHT)
    coarse = filled(means, weights)
    doubled = coarse.repeat(2, axis=0).repeat(2, axis=1)[:height, :width]
    return np.where(alpha > 0, colours, doubled)


def _sums_of_squares(planes: Array) -> Array:
    """Add up (H, W, C) over squares of 2x2 pixels; beyond the edge there are zeros."""
    height, width, channels = planes.shape
    even = np.pad(planes, ((0, height % 2), (0, width % 2), (0, 0)))
    squares = even.reshape(-(-height // 2), 2, -(-width // 2), 2, channels)
    sums: Array = squares.sum(axis=(1, 3))
    return sums

"""Colour ramps that are perceptually uniform and safe for colour-blind people.

Each ramp is a straight line, or two, in Oklab (Ottosson, "A perceptual color space for image
processing", 2020), where equal distances look about equal. The ramp of one sign goes from dark blue
to pale yellow, the one of two signs from blue over near white to orange: nobody needs to tell red
from green.
"""

from __future__ import annotations

import numpy as np

from imgnet.arrays import ByteArray, Float64Array

_CONES_OF_OKLAB = np.linalg.inv(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
_RGB_OF_CONES = np.linalg.inv(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
# In Oklab: lightness, green to red, blue to yellow.
_DARK, _BRIGHT = (0.20, 0.0, -0.09), (0.96, -0.035, 0.11)
_BELOW, _ZERO, _ABOVE = (0.45, -0.02, -0.15), (0.97, 0.0, 0.0), (0.45, 0.09, 0.09)


def sequential(values: Float64Array, most: float) -> ByteArray:
    """Colour values 0..most, dark for 0 and bright from `most` on.

    Args:
        values: (H, W), at least 0.
        most: Value of the brightest colour; 0 if all values are 0.

    Returns:
        (H, W, 3) colours in sRGB.

    >>> sequential(np.array([[0.0, 5.0, 9.0]]), 5.0).tolist()
    [[[8, 14, 62], [249, 248, 155], [249, 248, 155]]]
    """
    return _on_line(_part(values, most), _DARK, _BRIGHT)


def diverging(values: Float64Array, most: float) -> ByteArray:
    """Colour values -most..most, near white for 0 and equally dark for both ends.

    Args:
        values: (H, W).
        most: Absolute value of the darkest colours; 0 if all values are 0.

    Returns:
        (H, W, 3) colours in sRGB.

    >>> diverging(np.array([[-5.0, 0.0, 5.0]]), 5.0).tolist()
    [[[35, 79, 168], [245, 245, 245], [140, 56, 2]]]
    """
    part = _part(np.abs(values), most)
    arms = [_on_line(part, _ZERO, end) for end in (_BELOW, _ABOVE)]
    return np.where((values < 0)[..., None], *arms)


def _part(values: Float64Array, most: float) -> Float64Array:
    part: Float64Array = np.minimum(values / (most or 1.0), 1.0)
    return part


def _on_line(
    part: Float64Array, start: tuple[float, ...], end: tuple[float, ...], steps: int = 256
) -> ByteArray:
    """Return the colours at parts 0..1 of a line in Oklab, rounded to some steps."""
    at = np.linspace(0, 1, steps)[:, None]
    line = _srgb(np.array(start) * (1 - at) + np.array(end) * at)
    return line[np.rint(part * (steps - 1)).astype(np.intp)]


def _srgb(oklab: Float64Array) -> ByteArray:
    """Convert colours (N, 3) of Oklab to sRGB."""
    light: Float64Array = (oklab @ _CONES_OF_OKLAB.T) ** 3 @ _RGB_OF_CONES.T
    light = light.clip(0, 1)
    curved = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    colours: ByteArray = np.rint(255 * curved).astype(np.uint8)
    return colours

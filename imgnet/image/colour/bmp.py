"""Colours of a BMP: the profile, or the endpoints and gammas, of its header."""

from __future__ import annotations

import struct

import numpy as np
from PIL import Image

from imgnet.arrays import Float64Array
from imgnet.image.colour.display import D65, SRGB_COLOURS, SRGB_CURVE, Description, describe
from imgnet.image.colour.icc import Curve

_HEADER = 14  # offset of the second header, whose version tells its size
_SIZE_OF_4, _SIZE_OF_5 = 108, 124
_COLOURS_AT, _PROFILE_AT = _HEADER + 56, _HEADER + 112
_CALIBRATED, _LINKED, _EMBEDDED = 0, 0x4C494E4B, 0x4D424544
_SUM_TOLERANCE = 0.02


def describe_bmp(data: bytes, image: Image.Image) -> Description | None:
    """Describe the colours of a BMP; None if it says nothing on them."""
    (size,) = struct.unpack_from("<I", data, _HEADER)
    if size < _SIZE_OF_4:
        return None
    (kind,) = struct.unpack_from("<I", data, _COLOURS_AT)
    if kind == _LINKED:
        return Description(note="names a colour profile in another file; read as sRGB")
    if kind == _EMBEDDED and size >= _SIZE_OF_5:
        offset, length = struct.unpack_from("<II", data, _PROFILE_AT)
        return Description(data[_HEADER + offset :][:length])
    return _calibrated(data, image) if kind == _CALIBRATED else None


def _calibrated(data: bytes, image: Image.Image) -> Description | None:
    numbers = struct.unpack_from("<9i3I", data, _COLOURS_AT + 4)
    if not any(numbers):  # most files
        return None
    endpoints = np.reshape(numbers[:9], (3, 3)) / (1 << 30)
    curves = [_curve(gamma / 65536) for gamma in numbers[9:]]
    return describe(image, _chromaticities(endpoints), *curves)


def _chromaticities(endpoints: Float64Array) -> list[float]:
    """Return x and y of white, red, green and blue.

    Most programs write x, y and z, as if white were unknown; the others X, Y and Z, whose sum is
    white.
    """
    if not endpoints.any():
        return list(SRGB_COLOURS)
    sums = endpoints.sum(axis=1, keepdims=True)
    white = endpoints.sum(axis=0)
    are_coordinates = np.abs(sums - 1).max() < _SUM_TOLERANCE
    first = D65 if are_coordinates else tuple(white[:2] / white.sum())
    return [*first, *(endpoints / sums)[:, :2].ravel()]


def _curve(gamma: float) -> Curve:
    """Return the tone curve of a gamma; some programs write its inverse, as PNG has it."""
    if not gamma:
        return SRGB_CURVE
    return (max(gamma, 1 / gamma),)

"""Colours of a display by white, primaries and tone curves, and their ICC profile unless sRGB."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from imgnet.image.colour.icc import Curve, icc_profile
from imgnet.image.sixteen_bit import raw_mode

D65 = (0.3127, 0.329)
SRGB_COLOURS = (*D65, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)

_GREY_MODES = {"1", "L", "LA", "I", "F"}
_GREY_ALPHA = "LA;16B"  # which Pillow opens as RGBA
_GAMMA, _GAMMA_TOLERANCE = 1 / 2.2, 0.006  # the tolerance is a level of 255
_COLOUR_TOLERANCE = 0.002


@dataclass(frozen=True)
class Description:
    """The colours of a file, as far as they are not plain sRGB.

    Attributes:
        icc: ICC profile of the colours, b"" for sRGB.
        note: Sentence on a meaning that the profile cannot keep, or "".
    """

    icc: bytes = b""
    note: str = ""


SRGB = Description()
IMPOSSIBLE = Description(note="describes its colours by impossible numbers; read as sRGB")


def is_grey(image: Image.Image) -> bool:
    """Tell whether the pixels of an image are read as grey.

    >>> is_grey(Image.new("LA", (1, 1))), is_grey(Image.new("P", (1, 1)))
    (True, False)
    """
    is_grey_mode = image.mode in _GREY_MODES or image.mode.startswith("I;16")
    return is_grey_mode or raw_mode(image) == _GREY_ALPHA


def is_usual_gamma(exponent: float) -> bool:
    """Tell whether a power is so close to sRGB that it stands for it in most files.

    >>> is_usual_gamma(2.2), is_usual_gamma(1.8)
    (True, False)
    """
    return exponent > 0 and abs(1 / exponent - _GAMMA) < _GAMMA_TOLERANCE


def describe(image: Image.Image, colours: Sequence[float], *curves: Curve) -> Description:
    """Describe the colours of an image.

    Args:
        image: Image as Pillow opened it.
        colours: x and y of white, red, green and blue.
        curves: Tone curve of all channels, or of each.

    >>> describe(Image.new("RGB", (1, 1)), SRGB_COLOURS, (2.2,)) == SRGB
    True
    """
    as_grey = is_grey(image) and len(set(curves)) == 1
    try:
        is_srgb = as_grey or np.abs(np.subtract(colours, SRGB_COLOURS)).max() < _COLOUR_TOLERANCE
        if is_srgb and all(map(_is_usual, curves)):
            return SRGB
        if any(len(curve) == 1 and curve[0] <= 0 for curve in curves):
            return IMPOSSIBLE
        return Description(icc_profile(colours, curves, is_grey=as_grey))
    except (ArithmeticError, ValueError, struct.error, np.linalg.LinAlgError):
        return IMPOSSIBLE


def _is_usual(curve: Curve) -> bool:
    return curve == SRGB_CURVE or (len(curve) == 1 and is_usual_gamma(curve[0]))

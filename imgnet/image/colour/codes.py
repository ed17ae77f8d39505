"""Colours by the codes of ITU-T H.273, which cICP, nclx and JPEG 2000 store."""

from __future__ import annotations

from PIL import Image

from imgnet.image.colour.display import (
    D65,
    SRGB_COLOURS,
    SRGB_CURVE,
    Description,
    describe,
    is_grey,
)
from imgnet.image.colour.icc import Curve, icc_profile

FULL_RGB = (0, 1)  # codes of matrix and range

_C = (0.31, 0.316)
# x and y of white, red, green and blue.
_COLOURS = {
    1: SRGB_COLOURS,
    2: SRGB_COLOURS,  # unspecified
    4: (*_C, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08),
    5: (*D65, 0.64, 0.33, 0.29, 0.6, 0.15, 0.06),
    6: (*D65, 0.63, 0.34, 0.31, 0.595, 0.155, 0.07),
    7: (*D65, 0.63, 0.34, 0.31, 0.595, 0.155, 0.07),
    9: (*D65, 0.708, 0.292, 0.17, 0.797, 0.131, 0.046),
    11: (0.314, 0.351, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06),
    12: (*D65, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06),
}
_VIDEO_CURVE = (1 / 0.45, 1 / 1.099, 0.099 / 1.099, 1 / 4.5, 0.081)
_HDR = {16: "PQ", 18: "HLG"}
_CURVES: dict[int, Curve] = {
    **dict.fromkeys((1, 6, 14, 15), _VIDEO_CURVE),
    **dict.fromkeys((2, 13, *_HDR), SRGB_CURVE),  # ICC has no curve of HDR; cicp tells it
    4: (2.2,),
    5: (2.8,),
    8: (1.0,),
    17: (2.6,),
}


def describe_codes(image: Image.Image, codes: tuple[int, ...]) -> Description:
    """Describe the colours of an image by the codes of primaries, transfer, matrix and range.

    >>> describe_codes(Image.new("RGB", (1, 1)), (1, 13, 0, 1))
    Description(icc=b'', note='')
    """
    colours, curve = _COLOURS.get(codes[0]), _CURVES.get(codes[1])
    if colours is None or curve is None or codes[2:] != FULL_RGB:
        listed = "/".join(map(str, codes))
        return Description(note=f"describes its colours as CICP {listed}; read as sRGB")
    if codes[1] in _HDR:
        note = f"holds HDR colours ({_HDR[codes[1]]}), kept for programs that read cicp profiles"
        icc = icc_profile(colours, [curve], is_grey=is_grey(image), cicp=bytes(codes))
        return Description(icc, note)
    return describe(image, colours, curve)

"""Colours of a JPEG 2000 file: its colr box."""

from __future__ import annotations

import struct

from PIL import Image

from imgnet.image.colour.boxes import find_boxes
from imgnet.image.colour.codes import describe_codes
from imgnet.image.colour.display import SRGB, Description, describe

_ENUMERATED, _RESTRICTED_ICC, _ANY_ICC, _CODES = 1, 2, 3, 5
_READ = {12, 15, 16, 17, 18}  # CMYK, two levels, sRGB, grey and sYCC, which Pillow converts
_ROMM = 21
_ROMM_COLOURS = (0.3457, 0.3585, 0.7347, 0.2653, 0.1596, 0.8404, 0.0366, 0.0001)
_ROMM_CURVE = (1.8, 1.0, 0.0, 1 / 16, 1 / 32)


def describe_jpeg2000(data: bytes, image: Image.Image) -> Description | None:
    """Describe the colours of a JPEG 2000 file; None if it says nothing on them."""
    for start, end in find_boxes(data, ("jp2h", "colr")):
        method, content = data[start], start + 3
        if method == _ENUMERATED:
            return _describe_number(struct.unpack_from(">I", data, content)[0], image)
        if method in (_RESTRICTED_ICC, _ANY_ICC):
            return Description(data[content:end])
        if method == _CODES:
            *codes, video_range = struct.unpack_from(">HHHB", data, content)
            return describe_codes(image, (*codes, video_range >> 7))
    return None


def _describe_number(number: int, image: Image.Image) -> Description:
    if number in _READ:
        return SRGB
    if number == _ROMM:
        return describe(image, _ROMM_COLOURS, _ROMM_CURVE)
    return Description(note=f"describes its colours as JPEG 2000 number {number}; read as sRGB")

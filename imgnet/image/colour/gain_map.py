"""Gain maps: second pictures of a file that brighten the first on an HDR screen."""

from __future__ import annotations

import re

from PIL import Image

_MARKS = re.compile(
    rb"hdrgm:Version|urn:iso:std:iso:ts:21496:-1|urn:com:apple:photo:2020:aux:hdrgainmap"
)
_ITEM = re.compile(rb"infe[\2\3].{7,9}tmap|" + _MARKS.pattern, re.DOTALL)  # item of an AVIF
_JPEG_START, _JPEG_SCAN = b"\xff\xd8\xff", b"\xff\xda"


def has_gain_map(data: bytes, image: Image.Image) -> bool:
    """Tell whether a JPEG or an AVIF holds a gain map.

    Args:
        data: Content of the file.
        image: The same image as Pillow opened it.

    >>> has_gain_map(b"", Image.new("RGB", (1, 1)))
    False
    """
    if image.format in ("JPEG", "MPO"):
        second = data.find(_JPEG_START, data.find(_JPEG_SCAN))
        return second > 0 and _MARKS.search(data, second) is not None
    return image.format in ("AVIF", "HEIF") and _ITEM.search(data) is not None

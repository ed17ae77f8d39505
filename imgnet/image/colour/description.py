"""Colours that a file describes without an ICC profile."""

from __future__ import annotations

from collections.abc import Callable

from PIL import Image

from imgnet.image.colour.avif import describe_avif
from imgnet.image.colour.bmp import describe_bmp
from imgnet.image.colour.display import SRGB, Description
from imgnet.image.colour.exif import describe_exif
from imgnet.image.colour.jpeg2000 import describe_jpeg2000
from imgnet.image.colour.png import describe_png
from imgnet.image.metadata import CONVERTED

_READERS: dict[str | None, Callable[[bytes, Image.Image], Description | None]] = {
    "AVIF": describe_avif,
    "BMP": describe_bmp,
    "JPEG2000": describe_jpeg2000,
    "PNG": describe_png,
}


def describe_colours(data: bytes, image: Image.Image) -> Description:
    """Describe the colours of an image file by its format or, failing that, by its EXIF.

    Args:
        data: Content of the file.
        image: The same image as Pillow opened it.

    Returns:
        A profile, unless the colours are sRGB or have a profile, and a note on what it cannot keep.
    """
    if "icc_profile" in image.info and image.format != "PNG":  # cICP wins over a profile
        return SRGB
    read = _READERS.get(image.format)
    try:
        description = read and read(data, image)
        if description is None and image.mode not in CONVERTED:
            description = describe_exif(image)
    except Exception:  # damaged metadata raises almost anything, and says nothing on colours
        return SRGB
    return description or SRGB

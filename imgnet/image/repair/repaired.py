"""Repair of a file of any format."""

from __future__ import annotations

from imgnet.image.repair.bmp import BMP_MARK, repaired_bmp
from imgnet.image.repair.content import Repaired
from imgnet.image.repair.jpeg import JPEG_MARK, repaired_jpeg
from imgnet.image.repair.png import repaired_png
from imgnet.image.repair.tiff import TIFF_MARKS, repaired_tiff
from imgnet.image.sixteen_bit import PNG_SIGNATURE


def repaired(data: bytes) -> Repaired:
    """Repair a PNG, JPEG, BMP or TIFF; any other file stays as it is.

    Args:
        data: Content of the file.

    Raises:
        InputError: A critical chunk of a PNG has a wrong checksum, or it is a raw photo.
        OSError: The data of a PNG or BMP end early.
        UsageError: The user's limit on pixels is not a whole number.

    >>> repaired(b"GIF89a").data
    b'GIF89a'
    """
    if data.startswith(PNG_SIGNATURE):
        return repaired_png(data)
    if data.startswith(JPEG_MARK):
        return repaired_jpeg(data)
    if data.startswith(BMP_MARK):
        return repaired_bmp(data)
    if data[:4] in TIFF_MARKS:
        return repaired_tiff(data)
    return Repaired(data)

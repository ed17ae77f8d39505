"""BMPs with bit fields of any place and width, of which Pillow reads some, or too many colours."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgnet.arrays import ByteArray
from imgnet.image.geometry import max_pixels
from imgnet.image.repair.content import Repaired

BMP_MARK = b"BM"

_BITFIELDS, _ALPHA_BITFIELDS = 3, 6  # compressions
_BYTES = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)  # masks of red, green, blue and alpha
_WITHOUT_ALPHA, _WITH_ALPHA = 52, 56  # sizes of a header that ends with its masks
_SIZES = (40, _WITHOUT_ALPHA, _WITH_ALPHA, 108, 124)
_PADDING = 3  # most bytes at the end of a row
_MOST_COLOURS = 1 << 16  # of a palette; more are no number but damage
_OFFSET_AT, _HEADER_AT, _BITS_AT, _COLOURS_AT, _MASKS_AT = 10, 14, 28, 46, 54


def repaired_bmp(data: bytes) -> Repaired:
    """Replace bit fields of 16 or 32 bits a pixel by bytes, in pixels after the end of the file.

    An alpha channel that is zero everywhere is dropped, as by browsers, and a palette is cut to as
    many colours as there are indices.

    Args:
        data: Content of a BMP; one without bit fields stays as it is.

    Raises:
        OSError: Rows are missing.
        UsageError: The user's limit on pixels is not a whole number.

    >>> repaired_bmp(b"BM").data
    b'BM'
    """
    fields = _fields(data)
    if fields is None:
        return Repaired(_with_fitting_palette(data))
    pixels, masks = fields
    if not (pixels & pixels.dtype.type(masks[3])).any():
        masks = (*masks[:3], 0)
    channels = np.stack([_channel(pixels, masks[i]) for i in (2, 1, 0, 3)], axis=2)
    return Repaired(_header_of_bytes(data, has_alpha=masks[3] != 0) + channels.tobytes())


def _with_fitting_palette(data: bytes) -> bytes:
    """Cut the number of colours to what the bits of a pixel can name."""
    if len(data) < _MASKS_AT:
        return data
    (size, bits) = struct.unpack_from("<I10xH", data, _HEADER_AT)
    (colours,) = struct.unpack_from("<I", data, _COLOURS_AT)
    if size not in _SIZES or bits > 8 or not 1 << bits < colours <= _MOST_COLOURS:
        return data
    return data[:_COLOURS_AT] + struct.pack("<I", 1 << bits) + data[_COLOURS_AT + 4 :]


def _header_of_bytes(data: bytes, *, has_alpha: bool) -> bytes:
    """Return a file whose header describes bytes of blue, green, red and alpha, after its end."""
    file = bytearray(data)
    struct.pack_into("<I", file, _OFFSET_AT, len(data))
    (size,) = struct.unpack_from("<I", data, _HEADER_AT)
    if size < _WITH_ALPHA:
        struct.pack_into("<I", file, _HEADER_AT, _WITH_ALPHA if has_alpha else _WITHOUT_ALPHA)
    struct.pack_into("<HI", file, _BITS_AT, 32, _BITFIELDS)
    struct.pack_into("<3I", file, _MASKS_AT, *_BYTES[:3])
    if has_alpha or size >= _WITH_ALPHA:
        struct.pack_into("<I", file, _MASKS_AT + 12, _BYTES[3] * has_alpha)
    return bytes(file)


def _fields(data: bytes) -> tuple[NDArray[Any], tuple[int, ...]] | None:
    """Return the (H, W) pixels in the order of the file, and their four masks."""
    try:
        (offset, size, width, height, bits, compression) = struct.unpack_from("<IIii2xHI", data, 10)
        masks = struct.unpack_from("<4I", data, _MASKS_AT)
    except struct.error:
        return None
    if size not in _SIZES or bits not in (16, 32) or not any(masks[:3]):
        return None
    if compression not in (_BITFIELDS, _ALPHA_BITFIELDS):
        return None
    if size == _WITHOUT_ALPHA or (size == _SIZES[0] and compression == _BITFIELDS):
        masks = (*masks[:3], 0)
    height, row_bytes = abs(height), (width * bits + 31) // 32 * 4
    if not 0 < width * height <= max_pixels():
        return None
    if len(data) + _PADDING < offset + height * row_bytes:
        raise OSError("rows are missing")
    content = data + bytes(_PADDING)  # some writers leave out that of the last row
    rows = np.frombuffer(content, np.uint8, height * row_bytes, offset).reshape(height, row_bytes)
    return rows.view(f"<u{bits // 8}")[:, :width], masks


def _channel(pixels: NDArray[Any], mask: int) -> ByteArray:
    """Scale the samples under a mask to 0..255; a mask of 0 gives zeros."""
    if mask == 0:
        return np.zeros(pixels.shape, np.uint8)
    shift = (mask & -mask).bit_length() - 1
    samples = (pixels & pixels.dtype.type(mask)) >> pixels.dtype.type(shift)
    scaled: ByteArray = np.rint(samples * np.float32(255 / (mask >> shift))).astype(np.uint8)
    return scaled

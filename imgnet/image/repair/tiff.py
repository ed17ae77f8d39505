"""TIFFs of more than 8 bits whose zero is white, and raw photos."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from PIL import TiffImagePlugin

from imgnet.errors import InputError
from imgnet.image.repair.content import Repaired
from imgnet.image.repair.refusal import RAW

TIFF_MARKS = {b"II*\0": "<", b"MM\0*": ">", b"II+\0": "<", b"MM\0+": ">"}  # with byte orders

_CANON_MARK = b"CR"  # behind the offset of the first directory
_KIND, _PREVIEW = 254, 1  # tag, and the bit of a picture at lower resolution
_WHITE_IS_ZERO, _BLACK_IS_ZERO = 0, 1


def repaired_tiff(data: bytes) -> Repaired:
    """Mark zero as black in a TIFF of more than 8 bits where it is white.

    Pillow ignores that mark, or refuses it.

    Args:
        data: Content of a TIFF.

    Raises:
        InputError: It is a raw photo, of which Pillow would read the preview.
    """
    try:
        entries = dict(tiff_entries(data))
        if _is_raw(data, entries):
            raise InputError(RAW)
        return _with_black_zero(data, entries)
    except (KeyError, struct.error):
        return Repaired(data)


def _is_raw(data: bytes, entries: dict[int, int]) -> bool:
    """Tell whether a small preview comes first, and the picture in a directory of its own."""
    if data[8:10] == _CANON_MARK:
        return True
    if _KIND not in entries or TiffImagePlugin.SUBIFD not in entries:
        return False
    (kind,) = struct.unpack_from(TIFF_MARKS[data[:4]] + "I", data, entries[_KIND])
    return bool(kind & _PREVIEW)


def _with_black_zero(data: bytes, entries: dict[int, int]) -> Repaired:
    order = TIFF_MARKS[data[:4]]
    tone_at = entries[TiffImagePlugin.PHOTOMETRIC_INTERPRETATION]
    bits_at = entries[TiffImagePlugin.BITSPERSAMPLE]
    (tone,), (bits,) = (struct.unpack_from(order + "H", data, at) for at in (tone_at, bits_at))
    if tone != _WHITE_IS_ZERO or bits <= 8:
        return Repaired(data)
    marked = bytearray(data)
    struct.pack_into(order + "H", marked, tone_at, _BLACK_IS_ZERO)
    return Repaired(bytes(marked), is_inverted=True)


def tiff_entries(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield the tags of the first directory of a TIFF, with the offsets of their values."""
    order, is_big = TIFF_MARKS[data[:4]], b"+" in data[:4]
    start_at, start_type, count_type, size = (8, "Q", "Q", 20) if is_big else (4, "I", "H", 12)
    (start,) = struct.unpack_from(order + start_type, data, start_at)
    (count,) = struct.unpack_from(order + count_type, data, start)
    first = start + struct.calcsize(count_type)
    for at in range(first, min(first + count * size, len(data)), size):
        yield struct.unpack_from(order + "H", data, at)[0], at + (12 if is_big else 8)

"""Repair of sound files that Pillow refuses or misreads."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from PIL import TiffImagePlugin

_TIFF_MARKS = {b"II*\0": "<", b"MM\0*": ">", b"II+\0": "<", b"MM\0+": ">"}
_WHITE_IS_ZERO, _BLACK_IS_ZERO = 0, 1


def with_zero_black(data: bytes) -> bytes | None:
    """Mark zero as black in a TIFF of more than 8 bits where it is white.

    Pillow ignores that mark, or refuses it.

    Returns:
        The content of a file whose tones are to be inverted; None for any other file.
    """
    try:
        order, entries = _TIFF_MARKS[data[:4]], dict(_tiff_entries(data))
        photometric, bits = (
            entries[tag]
            for tag in (TiffImagePlugin.PHOTOMETRIC_INTERPRETATION, TiffImagePlugin.BITSPERSAMPLE)
        )
        values = [struct.unpack_from(order + "H", data, at)[0] for at in (photometric, bits)]
    except (KeyError, struct.error):
        return None
    if values[0] != _WHITE_IS_ZERO or values[1] <= 8:
        return None
    marked = bytearray(data)
    struct.pack_into(order + "H", marked, photometric, _BLACK_IS_ZERO)
    return bytes(marked)


def _tiff_entries(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield the tags of the first directory of a TIFF, with the offsets of their values."""
    order, is_big = _TIFF_MARKS[data[:4]], b"+" in data[:4]
    start_at, start_type, count_type, size = (8, "Q", "Q", 20) if is_big else (4, "I", "H", 12)
    (start,) = struct.unpack_from(order + start_type, data, start_at)
    (count,) = struct.unpack_from(order + count_type, data, start)
    first = start + struct.calcsize(count_type)
    for at in range(first, min(first + count * size, len(data)), size):
        yield struct.unpack_from(order + "H", data, at)[0], at + (12 if is_big else 8)

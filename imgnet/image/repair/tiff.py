"""TIFFs of more than 8 bits whose zero is white."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from PIL import TiffImagePlugin

from imgnet.image.repair.content import Repaired

TIFF_MARKS = {b"II*\0": "<", b"MM\0*": ">", b"II+\0": "<", b"MM\0+": ">"}  # with byte orders

_WHITE_IS_ZERO, _BLACK_IS_ZERO = 0, 1


def repaired_tiff(data: bytes) -> Repaired:
    """Mark zero as black in a TIFF of more than 8 bits where it is white.

    Pillow ignores that mark, or refuses it.
    """
    order = TIFF_MARKS[data[:4]]
    try:
        entries = dict(tiff_entries(data))
        tone_at = entries[TiffImagePlugin.PHOTOMETRIC_INTERPRETATION]
        bits_at = entries[TiffImagePlugin.BITSPERSAMPLE]
        (tone,), (bits,) = (struct.unpack_from(order + "H", data, at) for at in (tone_at, bits_at))
    except (KeyError, struct.error):
        return Repaired(data)
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

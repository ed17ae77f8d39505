"""Boxes put into an AVIF of one picture."""

from __future__ import annotations

import struct


def with_box(data: bytes, box: bytes, parents: tuple[bytes, ...], at: int) -> bytes:
    """Put a box somewhere in an AVIF, whose pixels move on.

    Args:
        data: Content of the file.
        box: Bytes to put in.
        parents: Names of the boxes around it.
        at: Offset from the name of the innermost one.
    """
    at += data.index(parents[-1])
    grown = bytearray(data[:at] + box + data[at:])
    extent = grown.index(b"iloc") + 18
    for place in (*(grown.index(name) - 4 for name in parents), extent):
        struct.pack_into(">I", grown, place, len(box) + struct.unpack_from(">I", grown, place)[0])
    return bytes(grown)

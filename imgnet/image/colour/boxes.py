"""Boxes of AVIF and JPEG 2000 files."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from itertools import chain

FULL_HEADER = 4  # version and flags of some boxes


def boxes_in(data: bytes, start: int = 0, end: int | None = None) -> Iterator[tuple[str, int, int]]:
    """Yield the names of boxes, with the offsets of their contents and ends.

    >>> list(boxes_in(struct.pack(">I4sH", 10, b"free", 7)))
    [('free', 8, 10)]
    """
    end = len(data) if end is None else end
    while start + 8 <= end:
        size, name = struct.unpack_from(">I4s", data, start)
        content = start + 8
        if size == 1 and content + 8 <= end:
            (size,), content = struct.unpack_from(">Q", data, content), content + 8
        stop = start + size if size else end
        if not content <= stop <= end:
            return
        yield name.decode("latin-1"), content, stop
        start = stop


def find_boxes(
    data: bytes, path: tuple[str, ...], start: int = 0, end: int | None = None
) -> list[tuple[int, int]]:
    """Return the offsets of the contents and ends of the boxes at a path of names.

    >>> find_boxes(struct.pack(">I4sI4s", 16, b"jp2h", 8, b"colr"), ("jp2h", "colr"))
    [(16, 16)]
    """
    found = [(a, b) for name, a, b in boxes_in(data, start, end) if name == path[0]]
    if len(path) == 1:
        return found
    header = FULL_HEADER if path[0] == "meta" else 0
    inner = (find_boxes(data, path[1:], first + header, stop) for first, stop in found)
    return list(chain.from_iterable(inner))

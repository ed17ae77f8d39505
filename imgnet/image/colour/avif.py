"""Colours of an AVIF: the codes of its first picture (nclx)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from PIL import Image

from imgnet.image.colour.boxes import FULL_HEADER, boxes_in, find_boxes
from imgnet.image.colour.codes import FULL_RGB, describe_codes
from imgnet.image.colour.display import Description


def describe_avif(data: bytes, image: Image.Image) -> Description | None:
    """Describe the colours of an AVIF; None if it says nothing on them."""
    for start in _colour_boxes(data):
        if data[start : start + 4] == b"nclx":
            codes = struct.unpack_from(">HH", data, start + 4)
            return describe_codes(image, (*codes, *FULL_RGB))  # the decoder makes them so
    return None


def _colour_boxes(data: bytes) -> Iterator[int]:
    """Yield the offsets of the colours of the primary item, beside which others may have theirs."""
    ((primary, _),) = find_boxes(data, ("meta", "pitm"))
    item = _number(data, primary, is_long=data[primary] > 0)
    ((start, end),) = find_boxes(data, ("meta", "iprp", "ipco"))
    properties = list(boxes_in(data, start, end))
    for index in _associations(data, item):
        name, content, _ = properties[index - 1]
        if name == "colr":
            yield content


def _associations(data: bytes, item: int) -> Iterator[int]:
    """Yield the numbers of the properties of an item, from 1 on."""
    for at, _ in find_boxes(data, ("meta", "iprp", "ipma")):
        has_long_items, has_long_indices = data[at] > 0, data[at + 3] & 1
        (num_items,) = struct.unpack_from(">I", data, at + FULL_HEADER)
        at += FULL_HEADER + 4
        size, letter, mask = (2, "H", 0x7FFF) if has_long_indices else (1, "B", 0x7F)
        for _ in range(num_items):
            number = _number(data, at - FULL_HEADER, is_long=has_long_items)
            at += 5 if has_long_items else 3
            indices = struct.unpack_from(f">{data[at - 1]}{letter}", data, at)
            at += size * len(indices)
            if number == item:
                yield from (index & mask for index in indices if index & mask)


def _number(data: bytes, box: int, *, is_long: bool) -> int:
    """Return the number of an item, behind the header of a box."""
    number: int
    (number,) = struct.unpack_from(">I" if is_long else ">H", data, box + FULL_HEADER)
    return number

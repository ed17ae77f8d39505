from __future__ import annotations

import struct
from io import BytesIO

import pytest

from imgnet.errors import InputError
from imgnet.image.files import read_photo
from support.picture_files import tiff
from support.pictures import ramp


def with_preview(kind: int, tag: int, order: str) -> bytes:
    """Write a TIFF whose first tag is the kind of picture; `tag` replaces its last one."""
    data = bytearray(tiff(ramp(3), order))
    (count,) = struct.unpack_from(order + "H", data, 8)
    struct.pack_into(order + "HHII", data, 10 + 12 * (count - 1), tag, 4, 1, 8)
    old = data[10 : 10 + 12 * count]
    first = struct.pack(order + "HHII", 254, 4, 1, kind)
    end = len(data)
    struct.pack_into(order + "I", data, 4, end)
    return bytes(data) + struct.pack(order + "H", count + 1) + first + old + bytes(4)


@pytest.mark.parametrize("order", "<>")
def test_the_preview_of_a_raw_photo_is_not_taken_for_it(order: str) -> None:
    with pytest.raises(InputError, match="<image>: a raw photo is not read; develop it"):
        read_photo(BytesIO(with_preview(kind=1, tag=330, order=order)))
    for kind, tag in ((0, 330), (1, 700), (1, 34675)):  # XMP and a profile that are numbers
        assert read_photo(BytesIO(with_preview(kind, tag, order)))[0].shape == (13, 20, 3)


def test_raw_photos_of_other_makers_are_named() -> None:
    canon = bytearray(tiff(ramp(3)))
    canon[8:10] = b"CR"
    for data in (
        bytes(canon),
        b"IIRO\x08\0\0\0",
        b"FUJIFILMCCD-RAW",
        b"\0\0\0\x18ftypcrx \0\0\0\1",
    ):
        with pytest.raises(InputError, match="a raw photo is not read"):
            read_photo(BytesIO(data))

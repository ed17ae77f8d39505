from __future__ import annotations

import struct
from io import BytesIO

import numpy as np
import pytest

from imgnet.image.files import read_photo
from support.boxes import with_box
from support.picture_files import as_image, stored
from support.pictures import ramp

LEFT_OUT = "holds a gain map for HDR screens; it is left out"
HDRGM, APPLE, ISO, PLAIN = (
    f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a {attribute}/></x:xmpmeta>'.ljust(110).encode()
    for attribute in (
        'hdrgm:Version="1.0"',
        'type="urn:com:apple:photo:2020:aux:hdrgainmap"',
        'type="urn:iso:std:iso:ts:21496:-1"',
        'version="1.0"',
    )
)


def notes_of(data: bytes) -> tuple[str, ...]:
    pixels, profile = read_photo(BytesIO(data))
    assert pixels.shape == ramp(3).shape
    assert np.abs(pixels.astype(int) - ramp(3)).max() < 20  # of the first picture
    return profile.notes


def jpeg(*packets: bytes) -> bytes:
    """Write a JPEG of several pictures, each with a packet of XMP."""
    others = [as_image(ramp(1))] * (len(packets) - 1)
    data = stored(
        as_image(ramp(3)), "MPO", save_all=True, append_images=others, xmp=PLAIN, quality=95
    )
    parts = data.split(PLAIN)
    assert len(parts) == len(packets) + 1
    return b"".join(part + packet for part, packet in zip(parts, (*packets, b""), strict=True))


@pytest.mark.parametrize("first", [HDRGM, PLAIN])
@pytest.mark.parametrize("second", [HDRGM, APPLE, ISO])
def test_a_gain_map_of_a_jpeg_is_noted(first: bytes, second: bytes) -> None:
    assert notes_of(jpeg(first, second)) == (LEFT_OUT,)


def test_other_pictures_are_noted_as_well() -> None:
    assert notes_of(jpeg(PLAIN, PLAIN)) == ("holds 2 pictures; only the first is read",)
    both = (LEFT_OUT, "holds 2 pictures; only the first is read")
    assert notes_of(jpeg(PLAIN, PLAIN, APPLE)) == both


def test_a_gain_map_that_is_gone_is_not_noted() -> None:
    data = jpeg(HDRGM, HDRGM)
    assert notes_of(data[: data.index(b"\xff\xd8", 2)]) == ()


def test_a_gain_map_of_an_avif_is_noted() -> None:
    data = stored(as_image(ramp(3)), "AVIF", quality=95)
    item = struct.pack(">I4sBxxxHH4s5s", 25, b"infe", 2, 2, 0, b"tmap", b"Tone\0")
    assert notes_of(data) == ()
    assert notes_of(with_box(data, item, (b"meta", b"iinf"), at=36)) == (LEFT_OUT,)

from __future__ import annotations

import struct
from io import BytesIO

import pytest
from PIL import Image

from imgnet.image.colour.avif import describe_avif
from imgnet.image.colour.display import Description
from imgnet.image.files import read_photo
from support.boxes import with_box
from support.colours import P3_COLOURS, SAMPLES, as_srgb, differ, srgb_by_formula, srgb_light
from support.picture_files import SRGB, stored
from support.pictures import ramp

PQ_BOX = struct.pack(">I8sHHHB", 19, b"colrnclx", 9, 16, 0, 128)


def avif(primaries: int = 1, transfer: int = 13, **options: bytes) -> bytes:
    data = bytearray(stored(Image.fromarray(ramp(3)), "AVIF", **options))
    struct.pack_into(">HH", data, data.index(b"colrnclx") + 8, primaries, transfer)
    return bytes(data)


def with_other_colours(data: bytes) -> bytes:
    """Put the colours of some other picture, such as a gain map, before the properties of this."""
    grown = bytearray(with_box(data, PQ_BOX, (b"meta", b"iprp", b"ipco"), at=4))
    count = grown.index(b"ipma") + 14
    for at in range(count + 1, count + 1 + grown[count]):
        grown[at] += 1
    return bytes(grown)


@pytest.mark.parametrize("change", [bytes, with_other_colours])
def test_the_codes_of_the_picture_are_kept(change: type[bytes]) -> None:
    assert read_photo(BytesIO(change(avif())))[1].metadata.icc == b""
    _, profile = read_photo(BytesIO(change(avif(12, 13))))
    assert profile.notes == ()
    for pixel in SAMPLES:
        expected = srgb_by_formula(srgb_light(pixel), P3_COLOURS)
        assert differ(as_srgb(profile.metadata.icc, pixel), expected) <= 1


def test_colours_of_another_picture_are_not_taken() -> None:
    _, profile = read_photo(BytesIO(with_other_colours(avif())))
    assert profile.notes == ()


def test_items_before_the_picture_are_passed_over() -> None:
    data = with_other_colours(avif())
    entry = struct.pack(">HBB", 2, 1, 1)  # an item with the first property
    data = with_box(data, entry, (b"meta", b"iprp", b"ipma"), at=12)
    counted = bytearray(data)
    counted[data.index(b"ipma") + 11] = 2
    assert describe_avif(bytes(counted), Image.new("RGB", (20, 13))) == Description()


def test_a_profile_wins_over_codes() -> None:
    data = stored(Image.fromarray(ramp(3)), "AVIF", icc_profile=SRGB)
    assert read_photo(BytesIO(data))[1].metadata.icc == SRGB

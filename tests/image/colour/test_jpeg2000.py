from __future__ import annotations

import struct
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from imgnet.image.files import read_photo
from support.colours import (
    P3_COLOURS,
    ROMM_COLOURS,
    SAMPLES,
    as_srgb,
    differ,
    power_light,
    srgb_by_formula,
    srgb_light,
)
from support.picture_files import SRGB, as_image, stored
from support.pictures import ramp


def jp2(colours: bytes, channels: int = 3) -> bytes:
    """Write a JPEG 2000 file with another colr box."""
    data = stored(as_image(ramp(channels)), "JPEG2000")
    at, header = data.index(b"colr") - 4, data.index(b"jp2h") - 4
    box = struct.pack(">I4s", 8 + len(colours), b"colr") + colours
    grown = bytearray(data[:at] + box + data[at + 15 :])
    (size,) = struct.unpack_from(">I", data, header)
    struct.pack_into(">I", grown, header, size + len(box) - 15)
    return bytes(grown)


def numbered(number: int, channels: int = 3) -> bytes:
    return jp2(struct.pack(">BBBI", 1, 0, 0, number), channels)


def icc_of(data: bytes) -> bytes:
    _, profile = read_photo(BytesIO(data))
    assert profile.notes == ()
    return profile.metadata.icc


@pytest.mark.parametrize(("number", "channels"), [(16, 3), (17, 1), (18, 3)])
def test_usual_colours_need_no_profile(number: int, channels: int) -> None:
    assert icc_of(numbered(number, channels)) == b""


def test_a_profile_is_taken() -> None:
    for method in (2, 3):
        data = jp2(bytes([method, 0, 0]) + SRGB)
        assert icc_of(data) == SRGB
        assert np.array_equal(read_photo(BytesIO(data))[0], ramp(3))


def test_romm_rgb_and_codes_are_kept() -> None:
    romm, p3 = icc_of(numbered(21)), icc_of(jp2(struct.pack(">BBBHHHB", 5, 0, 0, 12, 13, 0, 128)))
    for pixel in SAMPLES:
        expected = srgb_by_formula(power_light(pixel, 1.8), ROMM_COLOURS)
        assert differ(as_srgb(romm, pixel), expected) <= 1
        assert differ(as_srgb(p3, pixel), srgb_by_formula(srgb_light(pixel), P3_COLOURS)) <= 1


def test_other_colours_are_said() -> None:
    _, profile = read_photo(BytesIO(numbered(14)))
    assert profile.notes == ("describes its colours as JPEG 2000 number 14; read as sRGB",)


def test_a_bare_codestream_says_nothing() -> None:
    data = stored(Image.fromarray(ramp(3)), "JPEG2000", no_jp2=True)
    assert icc_of(data) == b""

from __future__ import annotations

import struct
from collections.abc import Sequence
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from imgnet.image.files import read_photo
from support.colours import (
    P3_COLOURS,
    ROMM_COLOURS,
    SAMPLES,
    SRGB_COLOURS,
    as_srgb,
    differ,
    power_light,
    srgb_by_formula,
    srgb_light,
    to_xyz,
)
from support.picture_files import GREY_ICC, SRGB, stored
from support.pictures import ramp

CALIBRATED, WINDOWS, LINKED, EMBEDDED = 0, 0x57696E20, 0x4C494E4B, 0x4D424544


def bmp(
    kind: int = CALIBRATED,
    endpoints: Sequence[float] = (0,) * 9,
    gammas: Sequence[float] = (0, 0, 0),
    icc: bytes = b"",
    channels: int = 3,
) -> bytes:
    """Write a BMP with a header of version 5, and its profile, if any, at the end."""
    pixels = ramp(channels)
    data = stored(Image.fromarray(pixels[..., 0] if channels == 1 else pixels), "BMP")
    after = data[54:]  # palette and pixels
    (first,) = struct.unpack_from("<I", data, 10)
    header = struct.pack("<I", 124) + data[18:54]
    header += struct.pack("<4II", 0xFF0000, 0xFF00, 0xFF, 0, kind)
    header += struct.pack("<9i", *(round(number * 2**30) for number in endpoints))
    header += struct.pack("<3I", *(round(number * 65536) for number in gammas))
    header += struct.pack("<4I", 4, 124 + len(after), len(icc), 0)
    size = 14 + len(header) + len(after) + len(icc)
    return b"BM" + struct.pack("<III", size, 0, first + 84) + header + after + icc


def chromaticities(colours: Sequence[float]) -> list[float]:
    """Return x, y and z of the primaries, as most programs write them."""
    return [n for x, y in np.reshape(colours[2:], (3, 2)) for n in (x, y, 1 - x - y)]


def check(data: bytes, colours: Sequence[float], *gammas: float) -> None:
    pixels, profile = read_photo(BytesIO(data))
    assert profile.notes == ()
    assert np.array_equal(pixels, ramp(3))
    for pixel in SAMPLES:
        light = power_light(pixel, *gammas) if gammas else srgb_light(pixel)
        expected = srgb_by_formula(light, colours)
        assert differ(as_srgb(profile.metadata.icc, pixel), expected) <= 1


def test_x_y_and_z_are_kept() -> None:
    check(bmp(endpoints=chromaticities(P3_COLOURS)), P3_COLOURS)


@pytest.mark.parametrize("colours", [P3_COLOURS, ROMM_COLOURS])
def test_the_sum_of_x_y_and_z_is_white(colours: Sequence[float]) -> None:
    check(bmp(endpoints=to_xyz(colours).T.ravel(), gammas=(1.8,) * 3), colours, 1.8)


def test_each_channel_has_its_gamma() -> None:
    check(bmp(gammas=(1.8, 2.2, 2.6)), SRGB_COLOURS, 1.8, 2.2, 2.6)
    check(bmp(gammas=(1 / 1.8, 1 / 2.2, 1 / 2.6)), SRGB_COLOURS, 1.8, 2.2, 2.6)  # as PNG has it


def test_grey_has_a_profile_of_grey() -> None:
    _, profile = read_photo(BytesIO(bmp(gammas=(1, 1, 1), channels=1)))
    assert profile.mode == "L"
    assert differ(as_srgb(profile.metadata.icc, (55,)), (128,) * 3) <= 1


@pytest.mark.parametrize(
    "data",
    [
        bmp(),
        bmp(endpoints=chromaticities(SRGB_COLOURS), gammas=(2.2, 2.2, 2.2)),
        bmp(WINDOWS, endpoints=chromaticities(P3_COLOURS)),
    ],
)
def test_usual_colours_need_no_profile(data: bytes) -> None:
    check_nothing(data, ())


def test_a_profile_in_the_file_is_taken() -> None:
    assert read_photo(BytesIO(bmp(EMBEDDED, icc=SRGB)))[1].metadata.icc == SRGB


@pytest.mark.parametrize(
    ("data", "note"),
    [
        (bmp(LINKED, icc=b"c:\\a.icc"), "names a colour profile in another file; read as sRGB"),
        (
            bmp(endpoints=[0, 1, 0] + [1] * 6),
            "describes its colours by impossible numbers; read as sRGB",
        ),
        (
            bmp(EMBEDDED, icc=GREY_ICC),
            "holds a colour profile that does not fit its pixels; it is left out",
        ),
    ],
)
def test_colours_that_cannot_be_kept_are_said(data: bytes, note: str) -> None:
    check_nothing(data, (note,))


def check_nothing(data: bytes, notes: tuple[str, ...]) -> None:
    _, profile = read_photo(BytesIO(data))
    assert (profile.metadata.icc, profile.notes) == (b"", notes)

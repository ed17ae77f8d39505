from __future__ import annotations

import struct
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from imgnet.image.files import read_photo
from imgnet.image.formats import write_image
from imgnet.image.metadata import cicp_of
from support.colours import P3_COLOURS, SRGB_COLOURS, as_srgb, differ
from support.picture_files import SRGB, chunk, png, stored
from support.pictures import deep_noise, ramp

GREEN, P3_GREEN = (70, 127, 79), (46, 129, 74)  # in Display P3, and the same in sRGB


def gamma(value: float) -> bytes:
    return chunk(b"gAMA", struct.pack(">I", round(100_000 * value)))


def colours(values: tuple[float, ...]) -> bytes:
    return chunk(b"cHRM", struct.pack(">8I", *(round(100_000 * value) for value in values)))


def cicp(*codes: int) -> bytes:
    return chunk(b"cICP", bytes(codes))


def icc_of(extra: bytes, channels: int = 3, bits: int = 8) -> bytes:
    samples = ramp(channels) if bits == 8 else deep_noise(channels)
    pixels, profile = read_photo(BytesIO(png(samples, bits, extra)))
    assert np.array_equal(pixels, samples)
    assert profile.notes == ()
    return profile.metadata.icc


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("bits", [8, 16])
def test_linear_light_is_kept(channels: int, bits: int) -> None:
    icc = icc_of(gamma(1), channels, bits)
    assert icc[16:20] == (b"GRAY" if channels < 3 else b"RGB ")
    assert differ(as_srgb(icc, (55,) * (3 if channels > 2 else 1)), (128,) * 3) <= 1


def test_wide_colours_are_kept() -> None:
    for extra in (colours(P3_COLOURS), cicp(12, 13, 0, 1)):
        icc = icc_of(extra)
        assert differ(as_srgb(icc, (128, 128, 128)), (128,) * 3) <= 1
        assert differ(as_srgb(icc, GREEN), P3_GREEN) <= 1


def test_a_gamma_and_its_colours_make_one_profile() -> None:
    icc = icc_of(gamma(1 / 1.8) + colours(P3_COLOURS))
    assert differ(as_srgb(icc, (128, 128, 128)), (145,) * 3) <= 1


@pytest.mark.parametrize(
    "extra",
    [
        gamma(0.45455),
        gamma(0.45455) + colours(SRGB_COLOURS),
        gamma(1) + chunk(b"sRGB", b"\0"),
        cicp(1, 13, 0, 1),
        cicp(2, 2, 0, 1),
    ],
)
def test_usual_colours_need_no_profile(extra: bytes) -> None:
    assert icc_of(extra) == b""


def test_a_profile_in_the_file_wins_over_gamma() -> None:
    data = stored(Image.fromarray(ramp(3)), icc_profile=SRGB)
    after = data.index(b"IDAT") - 4
    _, profile = read_photo(BytesIO(data[:after] + gamma(1) + data[after:]))
    assert profile.metadata.icc == SRGB


@pytest.mark.parametrize(("transfer", "name"), [(16, "PQ"), (18, "HLG")])
@pytest.mark.parametrize("bits", [8, 16])
def test_hdr_goes_through_a_png(transfer: int, name: str, bits: int) -> None:
    samples = ramp(3) if bits == 8 else deep_noise(3)
    pixels, profile = read_photo(BytesIO(png(samples, bits, cicp(9, transfer, 0, 1))))
    assert profile.notes == (
        f"holds HDR colours ({name}), kept for programs that read cicp profiles",
    )
    assert cicp_of(profile.metadata.icc) == bytes([9, transfer, 0, 1])
    write_image(pixels, file := BytesIO(), "png", profile.metadata)
    assert cicp(9, transfer, 0, 1) in file.getvalue()
    _, again = read_photo(BytesIO(file.getvalue()))
    assert again.metadata.icc == profile.metadata.icc


@pytest.mark.parametrize("codes", [(9, 200, 0, 1), (200, 13, 0, 1), (1, 13, 0, 0), (1, 13, 9, 1)])
def test_unknown_codes_are_said(codes: tuple[int, ...]) -> None:
    _, profile = read_photo(BytesIO(png(ramp(3), 8, cicp(*codes))))
    assert profile.metadata.icc == b""
    listed = "/".join(map(str, codes))
    assert profile.notes == (f"describes its colours as CICP {listed}; read as sRGB",)


@pytest.mark.parametrize(
    "extra", [gamma(0), gamma(0.00001), colours((0.3,) * 8), colours((0.0,) * 8)]
)
def test_impossible_colours_are_said(extra: bytes) -> None:
    _, profile = read_photo(BytesIO(png(ramp(3), 8, extra)))
    assert profile.metadata.icc == b""
    assert profile.notes == ("describes its colours by impossible numbers; read as sRGB",)

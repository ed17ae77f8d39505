from __future__ import annotations

from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from imgnet.errors import OutputError, UsageError
from imgnet.image.alpha import over_white
from imgnet.image.files import read_photo
from imgnet.image.formats import encode_image, find_format
from imgnet.image.metadata import metadata_of, upright_exif
from imgnet.image.picture import Metadata
from support.picture_files import GREY_ICC, SRGB, XMP
from support.pictures import deep_noise, ramp

EXIF = Image.Exif()
EXIF[0x010F] = "Camera 1"
METADATA = Metadata(SRGB, upright_exif(EXIF.tobytes()), XMP.replace(b"6", b"1"))


def written(pixels: np.ndarray, extension: str, metadata: Metadata = METADATA) -> bytes:
    return encode_image(pixels, find_format(f"a.{extension}"), metadata, f"a.{extension}")


def read_metadata(data: bytes) -> Metadata:
    with Image.open(BytesIO(data)) as image:
        image.load()
        return metadata_of(image, image.mode)


@pytest.mark.parametrize("extension", ["png", "jpg", "webp", "avif", "tiff"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_metadata_comes_back(extension: str, channels: int) -> None:
    read = read_metadata(written(ramp(channels), extension))
    assert read.icc == SRGB
    assert read.xmp == METADATA.xmp
    exif = Image.Exif()
    exif.load(read.exif)
    assert exif[0x010F] == "Camera 1"


@pytest.mark.parametrize("extension", ["ppm", "bmp"])
def test_formats_without_metadata_leave_it_out(extension: str) -> None:
    assert read_metadata(written(ramp(3), extension)) == Metadata()


@pytest.mark.parametrize("extension", ["png", "webp", "avif", "jpg"])
def test_a_profile_of_grey_stays_with_grey(extension: str) -> None:
    grey = replace(METADATA, icc=GREY_ICC)
    kept = read_metadata(written(ramp(1), extension, grey)).icc
    assert kept == (GREY_ICC if extension in ("png", "jpg") else b"")
    assert read_metadata(written(ramp(3), extension, grey)).icc == b""


def test_jpeg_leaves_out_what_its_segments_cannot_hold() -> None:
    large = replace(METADATA, xmp=bytes(70_000), icc=SRGB + bytes(150_000))
    read = read_metadata(written(ramp(3), "jpg", large))
    assert read.xmp == b""
    assert read.icc == large.icc
    assert read.exif


@pytest.mark.parametrize(
    ("extension", "depth"), [("png", 16), ("tif", 16), ("ppm", 16), ("jpg", 8)]
)
def test_depths(extension: str, depth: int) -> None:
    assert find_format(f"a.{extension}").depth == depth


@pytest.mark.parametrize("extension", ["jpg", "webp", "avif", "bmp"])
def test_16_bits_need_a_format_that_has_them(extension: str) -> None:
    with pytest.raises(UsageError, match=rf"a\.{extension}: .* 8 bits .*png, tif, tiff, ppm"):
        written(deep_noise(3), extension)


@pytest.mark.parametrize("extension", ["png", "tiff", "ppm"])
@pytest.mark.parametrize("channels", [1, 3])
def test_16_bits_come_back(extension: str, channels: int) -> None:
    noise = deep_noise(channels)
    pixels, profile = read_photo(BytesIO(written(noise, extension)))
    assert profile.depth == 16
    assert np.array_equal(pixels, noise)


def test_a_format_that_cannot_hold_the_picture_says_so() -> None:
    with pytest.raises(OutputError, match=r"^a\.webp: cannot be written as WEBP"):
        written(np.zeros((1, 20_000, 3), np.uint8), "webp")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_over_white(dtype: type) -> None:
    peak = np.iinfo(dtype).max
    pixels = np.array([[[7, 0], [7, peak], [0, peak // 2], [peak, peak]]], dtype)
    assert over_white(pixels)[0, :, 0].tolist() == [peak, 7, peak - peak // 2, peak]

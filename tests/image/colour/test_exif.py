from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from imgnet.image.files import read_photo
from support.colours import (
    ADOBE_COLOURS,
    P3_COLOURS,
    SAMPLES,
    SRGB_COLOURS,
    as_srgb,
    differ,
    power_light,
    srgb_by_formula,
    srgb_light,
)
from support.picture_files import SRGB, as_image, stored
from support.pictures import ramp

WHITE, TRANSFER, PRIMARIES, PROFILE = 318, 301, 319, 34675
EXIF, SPACE, GAMMA, INTEROP = 0x8769, 0xA001, 0xA500, 0xA005
UNCALIBRATED = "says that its colours are not sRGB, but not which; read as sRGB"
IMPOSSIBLE = "describes its colours by impossible numbers; read as sRGB"
X = np.linspace(0, 1, 256)
LOGARITHM = np.log2(1 + 15 * X) / 4  # no power and not sRGB


def tiff(tags: dict[int, Any], image: Image.Image | None = None) -> bytes:
    directory = TiffImagePlugin.ImageFileDirectory_v2()
    for tag, value in tags.items():
        directory[tag] = value
    return stored(image or as_image(ramp(3)), "TIFF", tiffinfo=directory)


def chromaticities(colours: Sequence[float]) -> dict[int, Any]:
    return {WHITE: tuple(colours[:2]), PRIMARIES: tuple(colours[2:])}


def table(*curves: Any) -> dict[int, Any]:
    return {TRANSFER: tuple(round(65535 * float(light)) for curve in curves for light in curve)}


def exif(inner: dict[int, Any], format: str = "JPEG", **options: Any) -> bytes:
    tags = Image.Exif()
    tags[EXIF] = inner
    return stored(as_image(ramp(3)), format, exif=tags, **options)


def icc_of(data: bytes) -> bytes:
    _, profile = read_photo(BytesIO(data))
    assert profile.notes == ()
    return profile.metadata.icc


def notes_of(data: bytes) -> tuple[str, ...]:
    _, profile = read_photo(BytesIO(data))
    assert profile.metadata.icc == b""
    return profile.notes


def test_primaries_of_a_tiff_are_kept() -> None:
    icc = icc_of(tiff(chromaticities(P3_COLOURS)))
    for pixel in SAMPLES:
        assert differ(as_srgb(icc, pixel), srgb_by_formula(srgb_light(pixel), P3_COLOURS)) <= 1


@pytest.mark.parametrize(
    ("curves", "size"),
    [((X**1.8,), 500), ((X**1.8, X**2.2, X**2.6), 600), ((LOGARITHM,), 1100)],
)
def test_the_transfer_function_of_a_tiff_is_kept(curves: tuple[Any, ...], size: int) -> None:
    icc = icc_of(tiff(chromaticities(ADOBE_COLOURS) | table(*curves)))
    assert len(icc) <= size
    for pixel in SAMPLES:
        light = [curves[i % len(curves)][level] for i, level in enumerate(pixel)]
        assert differ(as_srgb(icc, pixel), srgb_by_formula(light, ADOBE_COLOURS)) <= 1


@pytest.mark.parametrize("curve", [LOGARITHM, 1 - X])  # 1 - X where zero is white
def test_the_transfer_function_of_grey_is_kept(curve: Any) -> None:
    icc = icc_of(tiff(table(curve), as_image(ramp(1))))
    assert icc[16:20] == b"GRAY"
    light = curve[200 if curve[0] else 55]
    assert differ(as_srgb(icc, (55,)), srgb_by_formula([light] * 3, SRGB_COLOURS)) <= 1


def test_a_transfer_function_of_16_bits_is_kept_in_short() -> None:
    x = np.linspace(0, 1, 65536)
    image = Image.fromarray(np.arange(260, dtype=np.uint16).reshape(13, 20) * 200)
    icc = icc_of(tiff(table(np.log2(1 + 15 * x) / 4), image))
    assert len(icc) < 2500
    expected = srgb_by_formula([LOGARITHM[55]] * 3, SRGB_COLOURS)
    assert differ(as_srgb(icc, (55,)), expected) <= 1


@pytest.mark.parametrize(
    "data",
    [
        tiff(chromaticities(SRGB_COLOURS)),
        tiff(chromaticities((0.313, 0.329, *SRGB_COLOURS[2:])) | table(X**2.2)),
        tiff(table(srgb_light(range(256)))),
        exif({SPACE: 1}),
        exif({SPACE: 1, INTEROP: {1: "R98"}}),
    ],
)
def test_usual_colours_need_no_profile(data: bytes) -> None:
    assert icc_of(data) == b""


@pytest.mark.parametrize(
    "tags",
    [
        chromaticities((0.3,) * 8),
        table([0.5] * 256),
        table(abs(X - 0.4)),
        table(X[:100]),
        {PRIMARIES: (0.64, 0.33)},
        {WHITE: 0.3},
    ],
)
def test_impossible_colours_are_said(tags: dict[int, Any]) -> None:
    assert notes_of(tiff(tags)) == (IMPOSSIBLE,)


def test_a_profile_in_the_file_wins() -> None:
    assert icc_of(tiff(chromaticities(P3_COLOURS) | {PROFILE: SRGB})) == SRGB
    assert icc_of(exif({SPACE: 65535}, icc_profile=SRGB)) == SRGB


@pytest.mark.parametrize("format", ["JPEG", "WEBP", "PNG"])
@pytest.mark.parametrize("inner", [{SPACE: 65535, INTEROP: {1: "R03"}}, {SPACE: 2}])
def test_adobe_rgb_of_a_camera_is_kept(format: str, inner: dict[int, Any]) -> None:
    icc = icc_of(exif(inner, format))
    for pixel in SAMPLES:
        expected = srgb_by_formula(power_light(pixel, 563 / 256), ADOBE_COLOURS)
        assert differ(as_srgb(icc, pixel), expected) <= 1


def test_primaries_and_gamma_of_exif_are_kept() -> None:
    tags = Image.Exif()
    for tag, value in chromaticities(P3_COLOURS).items():
        tags[tag] = value
    tags[EXIF] = {SPACE: 65535, GAMMA: 1.8}
    icc = icc_of(stored(as_image(ramp(3)), "JPEG", exif=tags))
    for pixel in SAMPLES:
        expected = srgb_by_formula(power_light(pixel, 1.8), P3_COLOURS)
        assert differ(as_srgb(icc, pixel), expected) <= 1


def test_colours_that_are_not_named_are_said() -> None:
    assert notes_of(exif({SPACE: 65535})) == (UNCALIBRATED,)
    assert notes_of(exif({SPACE: 65535}, "AVIF")) == ()  # which has codes of its own
    grey = stored(Image.new("CMYK", (3, 2)), "JPEG", exif=exif_of(65535))
    assert notes_of(grey) == ()  # converted to sRGB


def exif_of(space: int) -> Image.Exif:
    tags = Image.Exif()
    tags[EXIF] = {SPACE: space}
    return tags

"""Advice on smaller files of a picture."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imgnet.batch.advice import advise, png_may_have, smallest_png
from imgnet.image.picture import NO_METADATA, Metadata
from support.picture_files import SRGB, as_image, png, stored
from support.pictures import deep_noise, ramp

EMPTY = BytesIO()


def png_size(pixels: np.ndarray, metadata: Metadata) -> int:
    return len(smallest_png(pixels, metadata))


def letters(channels: int, height: int = 96) -> np.ndarray:
    """Return dark marks in two colours on a light ground."""
    marks = np.random.default_rng(1).random((height // 8, 12)).repeat(8, 0).repeat(8, 1)
    levels = np.where(marks > 0.8, 30, np.where(marks > 0.7, 90, 250))[..., None]
    return np.concatenate([levels, 255 - levels, levels, levels], axis=2)[..., :channels].astype(
        np.uint8
    )


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_an_exact_png_is_named_where_it_is_smaller(channels: int) -> None:
    pixels = letters(channels)
    size = png_size(pixels, NO_METADATA)
    assert 100 < size < len(stored(as_image(pixels), optimize=True))  # by its palette
    read = Image.open(BytesIO(smallest_png(pixels, NO_METADATA))).convert(as_image(pixels).mode)
    assert np.array_equal(np.asarray(read), np.asarray(as_image(pixels)))
    sentence = f"as PNG this picture has {size} bytes and is exact"
    assert advise(pixels, NO_METADATA, size + 1, EMPTY) == sentence
    assert advise(pixels, NO_METADATA, size, EMPTY) == ""


def test_many_colours_have_no_palette() -> None:
    pixels = ramp(3, 40, 40)
    assert png_size(pixels, NO_METADATA) == len(stored(as_image(pixels), optimize=True))


def test_sixteen_bits_stay_sixteen() -> None:
    flat = np.full((20, 30, 3), 258, np.uint16)
    assert png_size(flat, NO_METADATA) < 150
    noise = deep_noise(3)
    assert png_size(noise, NO_METADATA) >= noise.nbytes


def test_a_png_holds_the_metadata_as_well() -> None:
    pixels = letters(3)
    assert png_size(pixels, Metadata(SRGB)) > png_size(pixels, NO_METADATA) + 100


@pytest.mark.parametrize("height", [128, 130, 600, 2000])
def test_some_rows_tell_whether_a_png_is_worth_its_time(height: int) -> None:
    pixels, noise = letters(3, height), np.random.default_rng(2).integers(0, 256, (height, 96, 3))
    assert png_may_have(png_size(pixels, NO_METADATA), pixels)
    assert png_may_have(noise.size // 3, noise.astype(np.uint8)) == (height <= 128)


def test_an_image_that_is_smaller_is_named(tmp_path: Path) -> None:
    noise = np.random.default_rng(2).integers(0, 256, (16, 16, 3)).astype(np.uint8)
    data = stored(as_image(noise), "JPEG", quality=20)
    (path := tmp_path / "a.jpg").write_bytes(data)
    size = len(data)
    for image in (path, BytesIO(data)):
        sentence = f"the .inr file is not smaller than the image ({size} bytes)"
        assert advise(noise, NO_METADATA, size + 1, image) == sentence
        assert advise(noise, NO_METADATA, size, image) == sentence
        assert advise(noise, NO_METADATA, size - 1, image) == ""


def test_a_pipe_has_no_size(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for image in (tmp_path / "pipe", tmp_path / "gone"):
        assert advise(deep_noise(3), NO_METADATA, 500, image) == ""


def test_both_are_one_sentence() -> None:
    pixels = letters(1)
    image = BytesIO(png(pixels, 8))
    both = advise(pixels, NO_METADATA, 1_000, image)
    assert both == (
        f"the .inr file is not smaller than the image ({len(image.getvalue())} bytes); "
        f"as PNG this picture has {png_size(pixels, NO_METADATA)} bytes and is exact"
    )

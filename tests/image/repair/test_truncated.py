from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFile

from imgnet.errors import InputError
from imgnet.image.files import read_photo
from imgnet.image.formats import write_image

PIXELS = np.random.default_rng(0).integers(30, 220, (64, 48, 3), dtype=np.uint8)


def file_of(format: str, **options: Any) -> bytes:
    file = BytesIO()
    Image.fromarray(PIXELS).save(file, format, **options)
    return file.getvalue()


@pytest.mark.parametrize(("format", "is_upside_down"), [
    ("JPEG", False), ("PNG", False), ("TIFF", False), ("PPM", False), ("BMP", True),
])  # fmt: skip
def test_what_is_there_of_a_truncated_image_is_read_on_request(
    format: str, is_upside_down: bool
) -> None:
    data = file_of(format)
    whole, _ = read_photo(BytesIO(data))
    half = data[: len(data) // 2]
    with pytest.raises(InputError, match="get it again, or encode what is there with --force-read"):
        read_photo(BytesIO(half))
    pixels, profile = read_photo(BytesIO(half), force_read=True)
    (note,) = profile.notes
    missing = int(note.split(":")[1].split()[0])
    assert note == f"is cut short: {missing} of its 64 rows are missing"
    assert 20 < missing < 45
    there = slice(missing + 1, None) if is_upside_down else slice(0, 64 - missing - 24)
    np.testing.assert_array_equal(pixels[there], whole[there])
    assert not ImageFile.LOAD_TRUNCATED_IMAGES


def test_samples_of_16_bits_are_read_as_far_as_they_go() -> None:
    deep = PIXELS.astype(np.uint16) * 257
    file = BytesIO()
    write_image(deep, file, "png")
    data = file.getvalue()
    pixels, profile = read_photo(BytesIO(data[: len(data) // 2]), force_read=True)
    assert (profile.depth, len(profile.notes)) == (16, 1)
    np.testing.assert_array_equal(pixels[:20], deep[:20])


def test_an_image_that_lacks_detail_but_no_row_says_so() -> None:
    data = file_of("JPEG", progressive=True)
    _, profile = read_photo(BytesIO(data[: len(data) * 3 // 4]), force_read=True)
    assert profile.notes == ("is damaged or cut short; no row is missing, but detail may be",)


def test_missing_rows_are_counted_as_they_lie_in_the_file() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    data = file_of("JPEG", exif=exif)
    pixels, profile = read_photo(BytesIO(data[: len(data) // 2]), force_read=True)
    assert pixels.shape == (48, 64, 3)
    assert "of its 64 rows" in profile.notes[0]


@pytest.mark.parametrize("data", [b"no image", file_of("PNG")[:60], file_of("JPEG")[:300]])
def test_nothing_is_not_read_even_on_request(data: bytes) -> None:
    with pytest.raises(InputError) as raised:
        read_photo(BytesIO(data), force_read=True)
    assert "--force-read" not in str(raised.value)


def test_a_whole_image_is_read_as_without_the_request() -> None:
    data = file_of("PNG")
    pixels, profile = read_photo(BytesIO(data), force_read=True)
    np.testing.assert_array_equal(pixels, PIXELS)
    assert not profile.notes

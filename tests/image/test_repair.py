from __future__ import annotations

import struct
import zlib
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image

from imgnet.errors import InputError
from imgnet.image.files import read_photo
from imgnet.image.picture import MAX_METADATA_BYTES
from imgnet.image.repair import png_chunks, repaired
from support.picture_files import SRGB, as_image, chunk, png, stored, tiff
from support.pictures import deep_noise, picture, ramp

LARGE = bytes(2_000_000)
PACKED = zlib.compress(LARGE)


def with_chunk(extra: bytes) -> bytes:
    return png(ramp(3), 8, extra)


def spoilt(data: bytes, name: bytes) -> bytes:
    """Return a PNG with a wrong checksum of a chunk."""
    (end,) = (end for found, _, end in png_chunks(data) if found == name)
    wrong = bytearray(data)
    wrong[end] ^= 1
    return bytes(wrong)


@pytest.mark.parametrize(
    "extra",
    [
        chunk(b"zTXt", b"workflow\0\0" + PACKED),
        chunk(b"iTXt", b"workflow\0\1\0\0\0" + PACKED),
        chunk(b"tEXt", b"workflow\0" + LARGE),
        2 * chunk(b"zTXt", b"workflow\0\0" + PACKED),
    ],
    ids=["zTXt", "iTXt", "tEXt", "two"],
)
def test_text_too_large_is_left_out(extra: bytes) -> None:
    pixels, profile = read_photo(BytesIO(with_chunk(extra)))
    assert np.array_equal(pixels, ramp(3))
    assert profile.notes == ("holds text too large to keep; it is left out",)


def test_a_large_colour_profile_is_kept_with_a_word() -> None:
    icc = SRGB + LARGE
    data = with_chunk(chunk(b"iCCP", b"icc\0\0" + zlib.compress(icc)))
    pixels, profile = read_photo(BytesIO(data))
    assert np.array_equal(pixels, ramp(3))
    assert profile.metadata.icc == icc
    assert profile.notes == (
        f"holds a colour profile of {len(icc):,} bytes; --metadata none leaves it out",
    )


@pytest.mark.parametrize(
    ("content", "note"),
    [
        (b"icc\0\0" + zlib.compress(SRGB)[:-9], "has a damaged colour profile; it is left out"),
        (b"icc\0\1" + zlib.compress(SRGB), "has a damaged colour profile; it is left out"),
        (
            b"icc\0\0" + zlib.compress(SRGB + bytes(MAX_METADATA_BYTES)),
            "holds a colour profile too large to keep; it is left out",
        ),
    ],
    ids=["cut", "unknown", "huge"],
)
def test_a_colour_profile_that_cannot_be_kept(content: bytes, note: str) -> None:
    pixels, profile = read_photo(BytesIO(with_chunk(chunk(b"iCCP", content))))
    assert np.array_equal(pixels, ramp(3))
    assert profile.metadata.icc == b""
    assert profile.notes == (note,)


@pytest.mark.parametrize("name", [b"tEXt", b"gAMA", b"iCCP", b"abCd"])
def test_a_damaged_ancillary_chunk_is_left_out(name: bytes) -> None:
    pixels, profile = read_photo(BytesIO(spoilt(with_chunk(chunk(name, b"a\0bc")), name)))
    assert np.array_equal(pixels, ramp(3))
    assert profile.notes == (f"has a damaged {name.decode()} chunk; it is left out",)


@pytest.mark.parametrize("name", [b"IHDR", b"PLTE", b"IDAT", b"IEND"])
def test_a_damaged_critical_chunk_is_refused(name: bytes) -> None:
    data = stored(as_image(ramp(3)).quantize(16))
    with pytest.raises(
        InputError, match=f"damaged or cut short .wrong checksum of {name.decode()}"
    ):
        read_photo(BytesIO(spoilt(data, name)))


def test_a_large_profile_that_is_damaged_is_no_profile() -> None:
    data = with_chunk(chunk(b"iCCP", b"icc\0\0" + zlib.compress(SRGB + LARGE)))
    _, profile = read_photo(BytesIO(spoilt(data, b"iCCP")))
    assert profile.metadata.icc == b""


def jpeg(**options: Any) -> bytes:
    return stored(as_image(picture()), "JPEG", **options)


JPEGS: list[dict[str, Any]] = [
    {},
    {"optimize": True},
    {"restart_marker_rows": 1},
    {"progressive": True},
]


@pytest.mark.parametrize("options", JPEGS)
def test_a_jpeg_that_lacks_its_end_marker_only(options: dict[str, Any]) -> None:
    data = jpeg(**options)
    pixels, profile = read_photo(BytesIO(data[:-2]))
    assert np.array_equal(pixels, np.asarray(Image.open(BytesIO(data))))
    assert profile.notes == ("lacks its end marker; all its pixels are read",)


@pytest.mark.parametrize("options", JPEGS)
@pytest.mark.parametrize("missing", [*range(3, 24), 50, 300])
def test_a_jpeg_that_lacks_more_is_damaged(options: dict[str, Any], missing: int) -> None:
    with pytest.raises(InputError, match="damaged or cut short"):
        read_photo(BytesIO(jpeg(**options)[:-missing]))


def test_a_progressive_jpeg_that_lacks_whole_scans_is_damaged() -> None:
    data = jpeg(progressive=True)
    starts = [at for at in range(len(data)) if data[at : at + 2] == b"\xff\xda"]
    for start in starts[1:]:
        with pytest.raises(InputError, match="damaged or cut short"):
            read_photo(BytesIO(data[:start]))


def test_a_sound_file_stays_as_it_is() -> None:
    for data in (with_chunk(b""), jpeg(), tiff(deep_noise(1)), b"", b"II*\0", struct.pack("8x")):
        assert repaired(data).data is data

from __future__ import annotations

import struct
import zlib
from io import BytesIO

import numpy as np
import pytest

from imgnet.errors import InputError
from imgnet.image.files import read_photo
from imgnet.image.picture import MAX_METADATA_BYTES
from imgnet.image.repair.png import png_chunks
from support.picture_files import SRGB, as_image, chunk, png, stored
from support.pictures import ramp

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


@pytest.mark.parametrize("name", [b"sRGB", b"gAMA", b"cHRM", b"pHYs", b"acTL"])
def test_an_ancillary_chunk_that_is_too_short_is_left_out(name: bytes) -> None:
    pixels, profile = read_photo(BytesIO(with_chunk(chunk(name, b""))))
    assert np.array_equal(pixels, ramp(3))
    assert profile.notes == (f"has a damaged {name.decode()} chunk; it is left out",)


def frame(number: int) -> bytes:
    return chunk(b"fcTL", struct.pack(">5I2H2x", number, 20, 13, 0, 0, 1, 10))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"", chunk(b"fdAT", bytes(4))),  # no frame
        (frame(0), frame(2)),
        (frame(1), frame(0)),
    ],
    ids=["no frame", "gap", "order"],
)
def test_a_damaged_animation_leaves_its_still_picture(before: bytes, after: bytes) -> None:
    control = chunk(b"acTL", struct.pack(">II", 2, 0))
    still = with_chunk(control + before)
    data = still[:-12] + after + still[-12:]
    pixels, profile = read_photo(BytesIO(data))
    assert np.array_equal(pixels, ramp(3))
    assert profile.notes == ("has a damaged animation; only its still picture is read",)


def test_pixels_that_end_in_the_midst_of_their_chunk() -> None:
    data = with_chunk(b"")
    assert np.array_equal(read_photo(BytesIO(data[:-16]))[0], ramp(3))  # without its checksum
    at = data.index(b"IDAT") + 40
    for cut in (data[:-17], data[:at] + data[at + 1 :], data[: at - 36]):
        with pytest.raises(InputError, match="damaged or cut short"):
            read_photo(BytesIO(cut))

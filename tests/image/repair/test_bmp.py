from __future__ import annotations

import struct
from io import BytesIO

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from imgnet.errors import InputError
from imgnet.image.files import read_photo
from support.picture_files import stored

BYTES = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
RNG = np.random.default_rng(3)


def bmp(
    pixels: NDArray[np.unsignedinteger], masks: tuple[int, ...], size: int = 40, alpha: bool = False
) -> bytes:
    """Write a BMP of bit fields, its rows from bottom to top; `alpha` adds the mask of alpha."""
    height, width = pixels.shape
    rows = pixels[::-1].astype(pixels.dtype.newbyteorder("<")).view(np.uint8)
    rows = np.pad(rows, ((0, 0), (0, -rows.shape[1] % 4)))
    bits, compression = 8 * pixels.itemsize, 6 if alpha and size == 40 else 3
    header = struct.pack("<IiiHHI20x", size, width, height, 1, bits, compression)
    header += struct.pack(f"<{3 + alpha}I", *masks[: 3 + alpha])
    header = header.ljust(max(size, len(header)), b"\0")
    start = 14 + len(header)
    return b"BM" + struct.pack("<IHHI", start + rows.size, 0, 0, start) + header + rows.tobytes()


def packed(samples: NDArray[np.uint8], masks: tuple[int, ...], bits: int) -> NDArray[np.uint32]:
    """Put (H, W, C) samples, each as wide as its mask, under their masks."""
    shifts = [(mask & -mask).bit_length() - 1 for mask in masks]
    fields = [samples[..., i].astype(np.uint32) << shift for i, shift in enumerate(shifts)]
    whole: NDArray[np.uint32] = np.bitwise_or.reduce(fields)
    return whole.astype(f"u{bits // 8}")


@pytest.mark.parametrize("size", [40, 52, 56, 108, 124])
def test_bytes_in_any_order(size: int) -> None:
    masks = (0xFF00, 0xFF000000, 0xFF0000)
    samples = RNG.integers(0, 256, (5, 7, 3), np.uint8)
    pixels, profile = read_photo(BytesIO(bmp(packed(samples, masks, 32), masks, size)))
    assert np.array_equal(pixels, samples)
    assert profile.notes == ()


@pytest.mark.parametrize(
    ("masks", "peaks"),
    [
        ((0xF800, 0x7E0, 0x1F), (31, 63, 31)),
        ((0x3, 0x1C, 0x20), (3, 7, 1)),
        ((0xF00, 0xF0, 0xF), (15, 15, 15)),
    ],
)
def test_fields_of_other_widths_are_scaled(masks: tuple[int, ...], peaks: tuple[int, ...]) -> None:
    samples = RNG.integers(0, np.add(peaks, 1), (5, 7, 3)).astype(np.uint8)
    pixels, profile = read_photo(BytesIO(bmp(packed(samples, masks, 16), masks)))
    assert np.array_equal(pixels, np.rint(samples / peaks * 255))
    assert profile.notes == ()


@pytest.mark.parametrize("size", [40, 56, 124])
@pytest.mark.parametrize("bits", [16, 32])
def test_alpha_is_kept_unless_it_is_zero_everywhere(size: int, bits: int) -> None:
    masks = BYTES if bits == 32 else (0xF00, 0xF0, 0xF, 0xF000)
    samples = RNG.integers(0, 2, (5, 7, 4), np.uint8) * np.uint8(255 if bits == 32 else 15)
    pixels, _ = read_photo(BytesIO(bmp(packed(samples, masks, bits), masks, size, alpha=True)))
    assert np.array_equal(pixels, samples * np.uint8(1 if bits == 32 else 17))
    samples[..., 3] = 0
    pixels, _ = read_photo(BytesIO(bmp(packed(samples, masks, bits), masks, size, alpha=True)))
    assert np.array_equal(pixels, (samples * np.uint8(1 if bits == 32 else 17))[..., :3])


def test_the_padding_of_the_last_row_may_be_missing() -> None:
    masks = (0xF800, 0x7E0, 0x1F)
    data = bmp(np.zeros((5, 7), np.uint16), masks)
    assert read_photo(BytesIO(data[:-2]))[0].shape == (5, 7, 3)
    with pytest.raises(InputError, match=r"damaged or cut short .rows are missing"):
        read_photo(BytesIO(data[:-4]))


def test_masks_that_hold_no_colour_are_left_to_pillow() -> None:
    data = bmp(np.zeros((5, 7), np.uint16), (0, 0, 0))
    with pytest.raises(InputError, match=r"of a kind that is not read .Unsupported BMP bitfields"):
        read_photo(BytesIO(data))


def test_a_palette_of_too_many_colours_is_cut() -> None:
    image = Image.fromarray(np.arange(35, dtype=np.uint8).reshape(5, 7), "P")
    image.putpalette(RNG.integers(0, 256, 768, np.uint8).tobytes())
    data = bytearray(stored(image, "BMP"))
    assert struct.unpack_from("<I", data, 46) == (256,)
    struct.pack_into("<I", data, 46, 300)
    pixels, profile = read_photo(BytesIO(data))
    assert np.array_equal(pixels, np.asarray(image.convert("RGB")))
    assert profile.notes == ()

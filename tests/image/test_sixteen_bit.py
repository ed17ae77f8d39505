from __future__ import annotations

import struct
from io import BytesIO

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from imgnet.errors import InputError
from imgnet.image.files import read_photo
from imgnet.image.metadata import upright_exif, upright_xmp
from imgnet.image.picture import Metadata
from imgnet.image.sixteen_bit import encode_png, encode_ppm, encode_tiff, file_depth, read_deep
from support.picture_files import SRGB, XMP, chunk, png, stored, tiff
from support.pictures import deep_noise

ALL_CHANNELS = [1, 2, 3, 4]
NONE = Metadata()


def read(data: bytes) -> NDArray[np.uint16] | None:
    return read_deep(data, Image.open(BytesIO(data)))


def is_read_as(data: bytes, expected: NDArray[np.uint16]) -> bool:
    samples = read(data)
    assert samples is not None
    assert samples.dtype == np.uint16
    return np.array_equal(samples, expected)


@pytest.mark.parametrize("channels", ALL_CHANNELS)
@pytest.mark.parametrize("interlaced", [0, 1])
def test_png_is_read_with_all_its_bits(channels: int, interlaced: int) -> None:
    noise = deep_noise(channels)
    assert is_read_as(png(noise, interlaced=interlaced), noise)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compressed", [False, True])
def test_tiff_is_read_with_all_its_bits(channels: int, order: str, compressed: bool) -> None:
    noise = deep_noise(channels)
    extra = 2 if channels == 4 else None
    assert is_read_as(tiff(noise, order, compressed, extra), noise)


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_fourth_sample_that_means_nothing_is_left_out(order: str) -> None:
    noise = deep_noise(4)
    assert is_read_as(tiff(noise, order, extra_samples=0), noise[..., :3])


@pytest.mark.parametrize("order", ["<", ">"])
def test_colours_that_were_multiplied_by_alpha_are_divided_by_it(order: str) -> None:
    noise = deep_noise(4)
    noise[..., 3] |= 0x8000
    whole = noise.astype(np.uint64)
    multiplied = noise.copy()
    multiplied[..., :3] = (whole[..., :3] * whole[..., 3:] + 32767) // 65535
    samples = read(tiff(multiplied, order, extra_samples=1))
    assert samples is not None
    assert np.abs(samples.astype(int) - noise).max() <= 1


def test_planes_are_no_business_of_this_file() -> None:
    assert read(tiff(deep_noise(3), planes=True)) is None
    assert read(tiff(deep_noise(3), planes=True, compressed=True)) is None


@pytest.mark.parametrize("maximum", [65535, 4095])
def test_ppm_is_scaled_to_16_bits(maximum: int) -> None:
    noise = np.minimum(deep_noise(3), maximum)
    data = f"P6\n20 13\n{maximum}\n".encode() + noise.astype(">u2").tobytes()
    assert is_read_as(data, np.rint(noise * (65535 / maximum)).astype(np.uint16))


@pytest.mark.parametrize("channels", [1, 3])
def test_a_transparent_colour_becomes_alpha(channels: int) -> None:
    noise = deep_noise(channels)
    noise[5, 6] = noise[1, 2]
    noise[3, 4] = noise[1, 2] ^ 1  # the same in the upper byte
    key = struct.pack(f">{channels}H", *noise[1, 2].tolist())
    samples = read(png(noise, extra=chunk(b"tRNS", key)))
    assert samples is not None
    assert np.array_equal(samples[..., :-1], noise)
    clear = np.argwhere(samples[..., -1] == 0).tolist()
    assert clear == [[1, 2], [5, 6]]
    assert np.unique(samples[..., -1]).tolist() == [0, 65535]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_images_of_8_bits_are_none_of_16(mode: str) -> None:
    assert read(stored(Image.new(mode, (3, 2)))) is None
    assert read_deep(b"", Image.new(mode, (3, 2))) is None


@pytest.mark.parametrize("channels", ALL_CHANNELS)
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (13, 20), (150, 3)])
def test_what_is_written_is_read(channels: int, size: tuple[int, int]) -> None:
    noise = deep_noise(channels, *size)
    assert is_read_as(encode_png(noise, NONE), noise)
    as_tiff = noise[..., [0, 0, 0, 1]] if channels == 2 else noise
    assert is_read_as(encode_tiff(noise, NONE), as_tiff)
    if channels in (1, 3):
        assert is_read_as(encode_ppm(noise, NONE), noise)


def test_smooth_pictures_are_compressed() -> None:
    y, x = np.mgrid[0:60, 0:80]
    ramp = np.stack([x * 257, y * 300, x + 40 * y], axis=2).astype(np.uint16)
    assert len(encode_png(ramp, NONE)) < ramp.nbytes / 20
    assert len(encode_tiff(ramp, NONE)) < ramp.nbytes / 20


@pytest.mark.parametrize("form", [encode_png, encode_tiff])
def test_metadata_is_written_where_pillow_finds_it(form: object) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    exif[0x8769] = {0x829A: 0.5}
    exif[0x0100] = 4000  # a width that is not that of the file
    metadata = Metadata(SRGB, upright_exif(exif.tobytes()), upright_xmp(XMP))
    data = form(deep_noise(3), metadata)  # type: ignore[operator]
    with Image.open(BytesIO(data)) as image:
        image.load()
        assert image.size == (20, 13)
        assert image.info["icc_profile"] == SRGB
        assert image.info["xmp"] == metadata.xmp
        assert image.getexif()[0x010F] == "Maker"
        assert image.getexif().get_ifd(0x8769)[0x829A] == 0.5


def grey(samples: object, dtype: str) -> NDArray[np.generic]:
    """Return samples as a picture of one row."""
    return np.array(samples).astype(dtype)[None, :, None]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("photometric", [0, 1])
def test_floats_from_0_to_1_are_scaled_to_16_bits(order: str, photometric: int) -> None:
    floats = grey([0, 0.25, 0.5, 1, 1 + 1e-6], "f4")
    pixels, profile = read_photo(BytesIO(tiff(floats, order, photometric=photometric)))
    expected = np.rint(np.minimum(floats, 1) * 65535).astype(int)
    assert (profile.mode, profile.depth, profile.notes) == ("L", 16, ())
    assert np.array_equal(pixels, expected if photometric else 65535 - expected)


def test_a_float_map_is_scaled_to_16_bits() -> None:
    floats = np.linspace(0, 1, 12, dtype="<f4").reshape(4, 3)
    data = b"Pf\n3 4\n-1.0\n" + floats[::-1].tobytes()
    pixels, _ = read_photo(BytesIO(data))
    assert np.array_equal(pixels[..., 0], np.rint(floats * 65535))


@pytest.mark.parametrize(
    ("samples", "dtype", "fault"),
    [
        ([0, 255], "f4", r"from 0 to 255; scale them to 0\.\.1"),
        ([-0.5, 1], "f4", r"from -0\.5 to 1; scale"),
        ([0.5, np.nan], "f4", "no finite numbers; replace"),
        ([0.5, np.inf], "f4", "no finite numbers; replace"),
        ([0, 65536], "i4", r"from 0 to 65536; scale them to 0\.\.65535"),
        ([0, 4_000_000_000], "u4", "from 0 to 4000000000; scale"),
        ([-1, 9], "i4", "from -1 to 9; scale"),
        ([-1, 9], "i2", "from -1 to 9; scale"),
        ([-1, 9], "i1", "signed samples of 8 bits; convert"),
    ],
)
def test_samples_of_another_range_are_refused(samples: object, dtype: str, fault: str) -> None:
    with pytest.raises(InputError, match=fault):
        read_photo(BytesIO(tiff(grey(samples, dtype))))


@pytest.mark.parametrize("dtype", ["u4", "i4", "i2"])
def test_integers_without_a_white_are_read_with_a_word(dtype: str) -> None:
    samples = grey([0, 300, 32767], dtype)
    pixels, profile = read_photo(BytesIO(tiff(samples)))
    assert np.array_equal(pixels, samples)
    (note,) = profile.notes
    assert note.endswith("read as 16 bits, with white at 65535")


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compressed", [False, True])
def test_white_at_zero_is_inverted(order: str, compressed: bool) -> None:
    noise = deep_noise(1)
    pixels, _ = read_photo(BytesIO(tiff(noise, order, compressed, photometric=0)))
    assert np.array_equal(pixels, 65535 - noise)


@pytest.mark.parametrize("photometric", [0, 1])
def test_12_packed_bits_are_scaled_to_16(photometric: int) -> None:
    levels = deep_noise(1) >> 4
    pixels, profile = read_photo(BytesIO(tiff(levels, photometric=photometric, bits=12)))
    expected = np.rint(levels * (65535 / 4095)).astype(int)
    assert profile.depth == 16
    assert np.array_equal(pixels, expected if photometric else 65535 - expected)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_white_at_zero_of_few_bits(bits: int) -> None:
    peak = (1 << bits) - 1
    levels = (np.arange(13 * 20).reshape(13, 20, 1) & peak).astype(np.uint8)
    pixels, _ = read_photo(BytesIO(tiff(levels, photometric=0, bits=bits)))
    assert np.array_equal(pixels, 255 - levels * (255 // peak))


@pytest.mark.parametrize("maximum", [65535, 4095])
@pytest.mark.parametrize("channels", [1, 3])
def test_plain_and_binary_ppm_agree(channels: int, maximum: int) -> None:
    noise = np.minimum(deep_noise(channels), maximum)
    numbers = " ".join(map(str, noise.ravel().tolist()))
    head = f"20 13\n{maximum}\n"
    plain = f"P{2 if channels == 1 else 3}\n{head}# 7 8 9\n{numbers}\n".encode()
    binary = f"P{5 if channels == 1 else 6}\n{head}".encode() + noise.astype(">u2").tobytes()
    expected = np.rint(noise * (65535 / maximum))
    for data in (plain, binary):
        pixels, profile = read_photo(BytesIO(data))
        assert np.array_equal(pixels, expected)
        assert (profile.depth, profile.notes) == (16, ())


@pytest.mark.parametrize("kind", [b"P2", b"P3"])
@pytest.mark.parametrize(("numbers", "fault"), [(b"1 2 501", "above the maximum"), (b"1", "cut")])
def test_a_wrong_ppm_is_damaged(kind: bytes, numbers: bytes, fault: str) -> None:
    size = b"3 1" if kind == b"P2" else b"1 1"
    with pytest.raises(InputError, match=fault):
        read_photo(BytesIO(kind + b"\n" + size + b"\n500\n" + numbers))


def sgi(samples: NDArray[np.uint16]) -> bytes:
    """Write an SGI file of planes without compression."""
    height, width, channels = samples.shape
    head = struct.pack(">HBBHHHHII", 474, 0, 2, 3, width, height, channels, 0, 65535)
    planes = samples[::-1].transpose(2, 0, 1).astype(">u2")
    return head.ljust(512, b"\0") + planes.tobytes()


def cmyk16() -> bytes:
    return tiff(deep_noise(4), photometric=5)


@pytest.mark.parametrize(
    ("data", "bits"),
    [(cmyk16(), 16), (sgi(deep_noise(3)), 16), (sgi(deep_noise(4)), 16)],
    ids=["cmyk", "sgi", "sgi alpha"],
)
def test_bits_that_are_not_read_are_said(data: bytes, bits: int) -> None:
    _, profile = read_photo(BytesIO(data))
    assert profile.depth == 8
    assert profile.notes == (
        f"holds {bits} bits a sample, read as 8; make it a PNG of 16 to keep them",
    )


@pytest.mark.parametrize(("flags", "bits"), [(0x40, 10), (0x60, 12), (0, 8)])
def test_the_depth_of_an_avif_is_in_its_header(flags: int, bits: int) -> None:
    data = stored(Image.new("RGB", (9, 7)), "AVIF")
    image, claim = Image.open(BytesIO(data)), bytearray(data)
    at = data.find(b"av1C") + 6
    claim[at] = data[at] & ~0x60 | flags
    assert file_depth(bytes(claim), image) == bits


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_the_depth_of_a_jpeg_2000_is_in_its_header(bits: int) -> None:
    data = stored(Image.new("RGB", (9, 7)), "JPEG2000")
    image, claim = Image.open(BytesIO(data)), bytearray(data)
    claim[data.find(b"\xff\x4f\xff\x51") + 42] = bits - 1
    assert file_depth(bytes(claim), image) == bits


def test_jpeg_2000_of_16_grey_bits_is_read_in_full() -> None:
    noise = deep_noise(1)
    data = stored(Image.fromarray(noise[..., 0]), "JPEG2000")
    for source in (BytesIO(data), Image.open(BytesIO(data))):
        pixels, profile = read_photo(source)
        assert np.array_equal(pixels, noise)
        assert profile.notes == ()


@pytest.mark.parametrize(
    "data",
    [
        tiff(deep_noise(3).astype("f4")),
        tiff(deep_noise(3) >> 4, bits=12),
        tiff(deep_noise(1).astype("u4"), ">"),
    ],
    ids=["float colours", "12-bit colours", "big-endian 32 bits"],
)
def test_kinds_of_tiff_that_are_not_read_say_so(data: bytes) -> None:
    with pytest.raises(InputError, match="a kind of TIFF that is not read; convert it to RGB"):
        read_photo(BytesIO(data))


@pytest.mark.parametrize("mode", ["F", "I"])
def test_an_image_in_memory_is_held_to_the_same_range(mode: str) -> None:
    peak = 1 if mode == "F" else 65535
    assert read_photo(Image.new(mode, (2, 1), peak))[0].tolist() == [[[65535], [65535]]]
    with pytest.raises(InputError, match="scale them to"):
        read_photo(Image.new(mode, (2, 1), peak + 1))


def test_fits_holds_signed_samples() -> None:
    cards = {"SIMPLE": "T", "BITPIX": "16", "NAXIS": "2", "NAXIS1": "2", "NAXIS2": "1"}
    head = "".join(f"{name:8}= {value:>20}".ljust(80) for name, value in cards.items()) + "END"
    for samples in ([7, 300], [-1, 300]):
        data = head.ljust(2880).encode() + np.array(samples, ">i2").tobytes().ljust(2880, b"\0")
        if samples[0] > 0:
            pixels, profile = read_photo(BytesIO(data))
            assert pixels.ravel().tolist() == samples
            assert len(profile.notes) == 1
        else:
            with pytest.raises(InputError, match="from -1 to 300"):
                read_photo(BytesIO(data))

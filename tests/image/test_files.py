from __future__ import annotations

import struct
import zlib
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from imgnet.errors import InputError, OutputError, UsageError
from imgnet.image.files import read_image, read_photo
from imgnet.image.formats import write_image
from support.picture_files import ORIENTATION, chunk, png, stored
from support.pictures import ramp

EXTENSIONS = ["png", "jpg", "jpeg", "webp", "avif", "tif", "tiff", "ppm", "bmp"]


def noise() -> Image.Image:
    """An image that no format compresses to nothing, so that there is something to cut off."""
    return Image.fromarray(np.random.default_rng(3).integers(0, 256, (13, 20, 3), np.uint8))


def as_file(image: Image.Image, format: str = "PNG", **options: Any) -> BytesIO:
    return BytesIO(stored(image, format, **options))


def png_of_size(width: int, height: int) -> bytes:
    """A PNG that promises a size and holds next to nothing."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    data = chunk(b"IDAT", zlib.compress(bytes(10)))
    return b"\x89PNG\r\n\x1a\n" + header + data + chunk(b"IEND", b"")


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (2, "LA"), (3, "RGB"), (4, "RGBA")])
def test_common_modes_are_read_as_they_are(channels: int, mode: str, tmp_path: Path) -> None:
    expected = ramp(channels)
    image = Image.fromarray(expected[..., 0] if channels == 1 else expected)
    path = tmp_path / "photo.png"
    image.save(path)
    for source in (path, str(path), BytesIO(path.read_bytes()), image):
        pixels, profile = read_image(source)
        assert profile.mode == mode
        assert pixels.dtype == np.uint8
        assert np.array_equal(pixels, expected)
        pixels[0, 0] = 0  # writable, and not the memory of the source
    assert np.array_equal(read_image(image)[0], expected)


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (7, 1), (5, 3)])
def test_tiny_and_odd_sizes(size: tuple[int, int]) -> None:
    assert read_image(as_file(Image.new("RGB", size)))[0].shape == (size[1], size[0], 3)


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_opaque_alpha_is_dropped(mode: str) -> None:
    image = Image.new(mode, (3, 2), (9,) * (len(mode) - 1) + (255,))
    assert read_image(image)[1].mode == mode[:-1]
    image.putpixel((1, 1), (9,) * (len(mode) - 1) + (254,))
    pixels, profile = read_image(image)
    assert profile.mode == mode
    assert pixels[..., -1].tolist() == [[255, 255, 255], [255, 254, 255]]


@pytest.mark.parametrize(
    ("orientation", "turn"),
    [
        (1, lambda a: a),
        (2, np.fliplr),
        (3, lambda a: np.rot90(a, 2)),
        (4, np.flipud),
        (5, lambda a: a.transpose(1, 0, 2)),
        (6, lambda a: np.rot90(a, -1)),
        (7, lambda a: np.rot90(a, 2).transpose(1, 0, 2)),
        (8, np.rot90),
    ],
)
def test_orientation_is_baked_in(orientation: int, turn: Any) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    file = as_file(Image.fromarray(ramp(3)), exif=exif)
    assert np.array_equal(read_image(file)[0], turn(ramp(3)))


def test_broken_exif_does_not_lose_the_image() -> None:
    file = as_file(Image.fromarray(ramp(3)), exif=b"broken")
    assert np.array_equal(read_image(file)[0], ramp(3))


def test_another_broken_field_does_not_lose_the_orientation() -> None:
    orientation = struct.pack("<HHII", ORIENTATION, 3, 1, 6)
    broken = struct.pack("<HHII", 0x0212, 2, 1, 0x64636261)  # a number, here stored as text
    exif = b"II*\0" + struct.pack("<IH", 8, 2) + orientation + broken + bytes(4)
    file = as_file(Image.fromarray(ramp(3)), exif=exif)
    assert np.array_equal(read_image(file)[0], np.rot90(ramp(3), -1))


def test_exif_behind_the_pixels_counts_too() -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 3
    data, end = stored(noise()), chunk(b"IEND", b"")
    late = data.removesuffix(end) + chunk(b"eXIf", exif.tobytes()[6:]) + end
    assert np.array_equal(read_image(BytesIO(late))[0], np.rot90(np.array(noise()), 2))


def test_palette_becomes_rgb_and_with_transparency_rgba() -> None:
    image = Image.fromarray(ramp(3)).quantize(16)
    pixels, profile = read_image(as_file(image))
    assert profile.mode == "RGB"
    assert np.array_equal(pixels, np.array(image.convert("RGB")))
    pixels, profile = read_image(as_file(image, transparency=0))
    assert profile.mode == "RGBA"
    assert np.array_equal(pixels[..., 3] == 0, np.array(image) == 0)


def test_a_transparent_colour_becomes_alpha() -> None:
    grey = Image.fromarray(ramp(1)[..., 0])
    pixels, profile = read_image(as_file(grey, transparency=8))
    assert profile.mode == "LA"
    assert np.array_equal(pixels[..., 1] == 0, ramp(1)[..., 0] == 8)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_a_transparent_grey_of_few_bits_becomes_alpha(bits: int) -> None:
    peak = (1 << bits) - 1
    levels = (np.arange(13 * 20).reshape(13, 20, 1) & peak).astype(np.uint8)
    data = png(levels, bits, chunk(b"tRNS", struct.pack(">H", peak - 1)))
    for source in (BytesIO(data), Image.open(BytesIO(data))):
        pixels, profile = read_photo(source)
        assert profile.mode == "LA"
        assert np.array_equal(pixels[..., :1], levels * (255 // peak))
        assert np.array_equal(pixels[..., 1:], np.where(levels == peak - 1, 0, 255))


def test_one_bit_becomes_black_and_white() -> None:
    bits = np.arange(12).reshape(3, 4) % 3 == 0
    pixels, profile = read_image(as_file(Image.fromarray(bits)))
    assert profile.mode == "L"
    assert pixels[..., 0].tolist() == np.where(bits, 255, 0).tolist()


def test_sixteen_bits_are_scaled_and_rounded() -> None:
    levels = np.array([[0, 128, 129, 257, 32768, 65406, 65407, 65535]], np.uint16)
    expected = np.rint(levels / 257).astype(int).tolist()
    wide = Image.fromarray(levels.astype(np.int32))
    for source in (as_file(Image.fromarray(levels)), wide, as_file(wide, "TIFF")):
        pixels, profile = read_image(source)
        assert profile.mode == "L"
        assert pixels[..., 0].tolist() == expected


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "HSV", "LAB"])
def test_other_colour_spaces_become_rgb(mode: str) -> None:
    image = Image.fromarray(ramp(3))
    image = image.convert(mode) if mode != "LAB" else Image.new("LAB", (20, 13))
    pixels, profile = read_image(image)
    assert profile.mode == "RGB"
    assert np.array_equal(pixels, np.array(image.convert("RGB")))


def test_first_frame_of_an_animation() -> None:
    frames = [Image.new("RGB", (3, 2), colour) for colour in ("red", "blue")]
    for format in ("PNG", "GIF", "WEBP"):
        options = {"lossless": True} if format == "WEBP" else {}
        file = as_file(frames[0], format, save_all=True, append_images=frames[1:], **options)
        assert read_image(file)[0].tolist() == [[[255, 0, 0]] * 3] * 2


@pytest.mark.parametrize(("kind", "count"), [(0, 1), (0x020002, 1), (0x010001, 0)])
def test_a_second_picture_of_a_camera_is_noted_and_a_thumbnail_is_not(
    kind: int, count: int
) -> None:
    file = as_file(noise(), "MPO", save_all=True, append_images=[noise()])
    data = bytearray(file.getvalue())
    header = data.index(b"MPF\0") + 4
    entries = data.index(struct.pack("<I", 0x030000), header + 20)  # the kind of the first
    data[entries + 16 : entries + 20] = struct.pack("<I", kind)
    notes = read_image(BytesIO(data))[1].notes
    assert notes == ("holds 2 pictures; only the first is read",) * count


def test_files_that_cannot_be_opened(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.png", tmp_path, tmp_path / "missing" / "c.png"):
        with pytest.raises(InputError, match="cannot be read") as caught:
            read_image(path)
        assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "empty"),
        (b"just some text", "not an image"),
        (stored(noise())[:-60], "damaged or cut short"),
        (stored(noise(), "JPEG")[:-60], "damaged or cut short"),
        (stored(noise(), "TIFF")[:200], "damaged|not an image"),
        (png_of_size(30_000, 30_000), "too large"),
        (png_of_size(70_000, 1), "sides go from 1 to 65536"),
        (png_of_size(0, 5), "sides go|damaged|not an image"),
        (png_of_size(100, 100), "damaged or cut short"),
    ],
)
def test_bad_content_is_one_line_that_names_the_file(
    content: bytes, fault: str, tmp_path: Path
) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(content)
    with pytest.raises(InputError, match=fault) as caught:
        read_image(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP", "PPM", "AVIF"])
def test_damage_never_shows_as_another_error(format: str) -> None:
    data = stored(noise(), format)
    rng = np.random.default_rng(5)
    for _ in range(60):
        wrong = bytearray(data[: rng.integers(1, len(data) + 1)])
        wrong[rng.integers(len(wrong))] ^= 1 << rng.integers(8)
        with suppress(InputError):  # some damage hits what nobody reads
            read_image(BytesIO(wrong))


def test_a_limit_that_is_no_number_is_no_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMGNET_MAX_PIXELS", "abc")
    with pytest.raises(UsageError, match="IMGNET_MAX_PIXELS"):
        read_image(noise())


def test_large_photos_raise_no_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 200)
    assert read_image(as_file(Image.fromarray(ramp(3))))[0].shape == (13, 20, 3)


def test_ctrl_c_is_not_an_unreadable_image(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    image = Image.new("RGB", (2, 2))
    monkeypatch.setattr(image, "load", interrupt)
    with pytest.raises(KeyboardInterrupt):
        read_image(image)


@pytest.mark.parametrize("extension", EXTENSIONS)
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_formats_keep_the_pixels(extension: str, channels: int, tmp_path: Path) -> None:
    path = tmp_path / f"photo.{extension.upper()}"
    pixels = ramp(channels)
    write_image(pixels, path)
    read, profile = read_image(path)
    expected = pixels
    if channels in (2, 4) and "A" not in profile.mode:
        assert extension in ("jpg", "jpeg", "ppm", "bmp")
        expected = np.rint(pixels[..., :-1] * (100 / 255) + 155).astype(np.uint8)
    if expected.shape[2] < 3 <= read.shape[2]:  # the format knows no grey
        expected = np.concatenate([*[expected[..., :1]] * 3, expected[..., 1:]], axis=2)
    assert read.shape == expected.shape
    assert np.abs(read.astype(int) - expected).max() <= (
        0 if extension in ("png", "tif", "tiff", "ppm", "bmp") else 16
    )


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_formats_take_a_single_pixel(extension: str, tmp_path: Path) -> None:
    write_image(np.full((1, 1, 3), 7, np.uint8), tmp_path / f"a.{extension}")
    assert read_image(tmp_path / f"a.{extension}")[0].shape == (1, 1, 3)


def test_what_is_transparent_turns_white(tmp_path: Path) -> None:
    pixels = np.array([[[10, 20, 30, 0], [10, 20, 30, 255], [0, 0, 0, 128]]], np.uint8)
    write_image(pixels, tmp_path / "a.bmp")
    expected = [[[255, 255, 255], [10, 20, 30], [127, 127, 127]]]
    assert read_image(tmp_path / "a.bmp")[0].tolist() == expected


def test_format_overrides_the_extension(tmp_path: Path) -> None:
    write_image(ramp(3), tmp_path / "photo.out", "PNG")
    assert (tmp_path / "photo.out").read_bytes()[1:4] == b"PNG"
    file = BytesIO()
    write_image(ramp(3), file, ".jpg")
    assert file.getvalue()[:2] == b"\xff\xd8"


@pytest.mark.parametrize(("name", "format"), [("a.xyz", None), ("a", None), ("a.png", "heic")])
def test_unknown_formats_list_the_known(name: str, format: str | None, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"known are png, jpg, .*avif") as caught:
        write_image(ramp(3), tmp_path / name, format)
    assert str(caught.value).startswith(str(tmp_path / name))
    assert not list(tmp_path.iterdir())


def test_a_format_that_cannot_hold_the_image_says_so(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"a\.webp: cannot be written as WEBP"):
        write_image(np.zeros((1, 20_000, 3), np.uint8), tmp_path / "a.webp")
    assert not list(tmp_path.iterdir())

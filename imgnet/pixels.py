"""Image files and (height, width, channel) arrays of 8-bit pixels."""

from __future__ import annotations

import os
import secrets
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from PIL.ExifTags import Base
from PIL.Image import Transpose

from imgnet.container import looks_encoded
from imgnet.errors import InputError, OutputError, UsageError
from imgnet.geometry import MAX_PIXELS, MAX_SIDE, resolve_size

Pixels = NDArray[np.uint8]
Source = str | Path | BinaryIO | Image.Image

WHITE = 128  # pixels of a mask from here on are white

# By the EXIF orientation. `ImageOps.exif_transpose` would fail on oddities in other fields as well.
_TURNS = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}
_GREY_MODES = {"1", "F", "L", "LA", "La"}


@dataclass(frozen=True)
class Profile:
    """What an image is besides its pixels.

    Attributes:
        mode: "L", "LA", "RGB" or "RGBA".
    """

    mode: str


def profile_of(pixels: Pixels) -> Profile:
    """Return the profile of an array that did not come from a file.

    Raises:
        UsageError: It is not of the form of an image, or too large for one.

    >>> profile_of(np.zeros((5, 7, 3), np.uint8)).mode
    'RGB'
    """
    if pixels.ndim != 3 or not 1 <= pixels.shape[2] <= 4 or pixels.dtype != np.uint8:
        raise UsageError(
            f"an array of shape {pixels.shape} and type {pixels.dtype} is no image; "
            "expected (height, width, 1..4) of uint8"
        )
    resolve_size((pixels.shape[1], pixels.shape[0]), None)
    return Profile(("L", "LA", "RGB", "RGBA")[pixels.shape[2] - 1])


@dataclass(frozen=True)
class _Format:
    name: str  # as Pillow calls it
    has_alpha: bool
    options: dict[str, Any] = field(default_factory=dict)


# Qualities near the top: a decoded picture should show what its network lost, and no more.
_JPEG = _Format("JPEG", False, {"quality": 95, "subsampling": 0})
_TIFF = _Format("TIFF", True)
_FORMATS = {
    "png": _Format("PNG", True),
    "jpg": _JPEG,
    "jpeg": _JPEG,
    "webp": _Format("WEBP", True, {"quality": 95}),
    "avif": _Format("AVIF", True, {"quality": 90}),
    "tif": _TIFF,
    "tiff": _TIFF,
    "ppm": _Format("PPM", False),
    "bmp": _Format("BMP", False),
}


def read_image(source: Source) -> tuple[Pixels, Profile]:
    """Read an image as 8-bit pixels, upright and without an alpha channel that is opaque.

    Palettes and colour spaces other than grey become RGB, 16-bit grey is scaled to 8 bits, and of
    an animation the first frame is read.

    Args:
        source: Path, binary file or Pillow image.

    Returns:
        (H, W, C) pixels, and what the image is besides.

    Raises:
        InputError: The source is missing, no image, damaged or too large.

    >>> pixels, profile = read_image(Image.new("P", (4, 3)))
    >>> pixels.shape, profile.mode
    ((3, 4, 3), 'RGB')
    """
    with _reading(_name_of(source)):
        image = source if isinstance(source, Image.Image) else _open(source)
        _check_size(image)
        image.load()  # here, or a cut file might pass for one with unreadable EXIF
        image = _to_8_bits(_upright(image))
    pixels = np.array(image).reshape(image.height, image.width, -1)
    if image.mode.endswith("A") and pixels[..., -1].min() == 255:
        return pixels[..., :-1].copy(), Profile(image.mode[:-1])
    return pixels, Profile(image.mode)


def read_mask(source: Source, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Read a mask for an image of `size` (width, height).

    Returns:
        (H, W); true where the mask is white, that is at least half bright and half opaque.

    Raises:
        InputError: It cannot be read, is of another size, or has no white pixel.

    >>> read_mask(Image.new("L", (2, 1), 255), (2, 1))
    array([[ True,  True]])
    """
    pixels, profile = read_image(source)
    height, width, _ = pixels.shape
    if (width, height) != size:
        wanted = f"{size[0]}x{size[1]}"
        raise InputError(
            f"{_name_of(source)}: this mask is {width}x{height}, its image {wanted}; "
            "give a mask of the size of the image"
        )
    white = np.asarray(_to_image(pixels).convert("L")) >= WHITE
    if profile.mode.endswith("A"):
        white &= pixels[..., -1] >= WHITE
    if not white.any():
        raise InputError(
            f"{_name_of(source)}: this mask has no white pixel; white marks what to fit"
        )
    return white


def write_image(pixels: Pixels, path: str | Path | BinaryIO, format: str | None = None) -> None:
    """Write pixels as an image; an existing file is replaced in one piece.

    Formats without alpha get the image over white.

    Args:
        pixels: (H, W, C) with 1..4 channels.
        path: File name, or a binary file to write into.
        format: "png", "jpg", "webp", "avif", "tiff", "ppm" or "bmp"; by default, the extension.

    Raises:
        UsageError: The format is unknown.
        OutputError: The file cannot be written.

    >>> file = BytesIO()
    >>> write_image(np.zeros((3, 4, 3), np.uint8), file, "ppm")
    >>> file.getvalue().split()[:3]
    [b'P6', b'4', b'3']
    """
    name = _name_of(path)
    data = _encode(pixels, _find_format(name, format), name)
    if isinstance(path, str | Path):
        write_atomically(Path(path), data)
    else:
        path.write(data)


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file such that others see the old content or the whole new one, never a part.

    Raises:
        OutputError: The file cannot be written; nothing is left behind.
    """
    try:
        target = Path(os.path.realpath(path))  # a link stays a link
        if target.exists() and not target.is_file():
            target.write_bytes(data)  # a pipe or a device cannot be replaced
        else:
            _replace(target, data)
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be written ({error.strerror}); name another place"
        ) from error


def _replace(target: Path, data: bytes) -> None:
    partial = target.with_name(f".imgnet-{secrets.token_hex(8)}.tmp")
    try:
        with partial.open("xb") as file:
            file.write(data)
        os.replace(partial, target)
    except BaseException:  # Ctrl-C too leaves nothing behind
        partial.unlink(missing_ok=True)
        raise


def _name_of(source: object) -> str:
    if isinstance(source, str | Path):
        return str(source)
    return str(getattr(source, "filename", "") or getattr(source, "name", "") or "<image>")


@contextmanager
def _reading(name: str) -> Iterator[None]:
    """Turn whatever goes wrong with an image into one line about it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on oddities that do not keep it from being read
            yield
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
    except UnidentifiedImageError as error:
        raise InputError(f"{name}: not an image of a known format") from error
    except Image.DecompressionBombError as error:
        raise InputError(f"{name}: too large to be read; make it smaller first") from error
    except Exception as error:  # Pillow's readers raise almost anything on damaged files
        raise InputError(f"{name}: damaged or cut short ({error}); get it again") from error


def _open(source: str | Path | BinaryIO) -> Image.Image:
    try:
        data = Path(source).read_bytes() if isinstance(source, str | Path) else source.read()
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})") from error
    if not data:
        raise InputError("empty; expected an image")
    if looks_encoded(data):  # with our plug-in Pillow would draw an .inr file
        raise UnidentifiedImageError
    return Image.open(BytesIO(data))


def _check_size(image: Image.Image) -> None:
    width, height = image.size
    if not 1 <= min(width, height) <= max(width, height) <= MAX_SIDE:
        raise InputError(f"{width}x{height} pixels; sides go from 1 to {MAX_SIDE}")
    if width * height > MAX_PIXELS:
        raise InputError(f"{width}x{height} pixels; the limit is {MAX_PIXELS} in all")


def _upright(image: Image.Image) -> Image.Image:
    try:
        turn = _TURNS.get(image.getexif().get(Base.Orientation, 1))
    except Exception:  # EXIF that cannot be read tells no orientation
        return image
    return image if turn is None else image.transpose(turn)


def _to_8_bits(image: Image.Image) -> Image.Image:
    """Convert to one of the modes L, LA, RGB and RGBA."""
    if image.mode.startswith("I"):
        levels = np.clip(np.asarray(image), 0, 65535).astype(np.uint32)
        image = Image.fromarray(((levels + 128) // 257).astype(np.uint8))  # 65535 = 257 * 255
    mode = "L" if image.mode in _GREY_MODES else "RGB"
    return image.convert(mode + "A" * image.has_transparency_data)


def _find_format(name: str, format: str | None) -> _Format:
    wanted = (format or Path(name).suffix).lower().lstrip(".")
    if wanted not in _FORMATS:
        known = ", ".join(_FORMATS)
        raise UsageError(f"{name}: unknown image format {wanted!r}; known are {known}")
    return _FORMATS[wanted]


def _encode(pixels: Pixels, form: _Format, name: str) -> bytes:
    if not form.has_alpha and pixels.shape[2] in (2, 4):
        pixels = _over_white(pixels)
    file = BytesIO()
    try:
        _to_image(pixels).save(file, form.name, **form.options)
    except Exception as error:  # too large for the format, or Pillow was built without it
        raise OutputError(f"{name}: cannot be written as {form.name} ({error})") from error
    return file.getvalue()


def _over_white(pixels: Pixels) -> Pixels:
    colour, alpha = pixels[..., :-1].astype(np.uint32), pixels[..., -1:].astype(np.uint32)
    return ((colour * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)


def _to_image(pixels: Pixels) -> Image.Image:
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)

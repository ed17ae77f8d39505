"""Reading of image files as (H, W, C) arrays of 8 or 16 bits."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageCms, TiffImagePlugin, UnidentifiedImageError

from imgnet.arrays import ByteArray
from imgnet.errors import ImgnetError, InputError, UsageError
from imgnet.image.alpha import has_alpha
from imgnet.image.colour.description import describe_colours
from imgnet.image.colour.display import Description
from imgnet.image.colour.gain_map import has_gain_map
from imgnet.image.geometry import MAX_SIDE, max_pixels
from imgnet.image.metadata import CONVERTED, drop_odd_metadata, metadata_of, upright
from imgnet.image.picture import Profile, Samples, name_of, peak_of, profile_of
from imgnet.image.repair.content import Repaired
from imgnet.image.repair.jpeg2000 import unwrapped
from imgnet.image.repair.libtiff import quiet_libtiff
from imgnet.image.repair.planes import read_planes
from imgnet.image.repair.refusal import unidentified, unreadable
from imgnet.image.repair.repaired import repaired
from imgnet.image.repair.truncated import missing_rows, reading_truncated, truncation_note
from imgnet.image.sixteen_bit import (
    file_depth,
    has_open_range,
    raw_mode,
    read_deep,
)
from imgnet.signature import looks_encoded

Pixels = ByteArray  # (H, W, C) samples of 8 bits
Source = str | Path | BinaryIO | Image.Image

_GREY_MODES = {"1", "L", "LA", "La"}
_SIGNED = 2  # sample format of TIFF
_KEY_SCALES = {"L;2": 85, "L;4": 17}  # of transparent greys, which Pillow does not scale to 8 bits
_MP_ENTRIES = 0xB002  # in the index of an MPO


def read_image(source: Source) -> tuple[Pixels, Profile]:
    """Read an image as 8-bit pixels, upright and without an opaque alpha channel.

    Palettes and colour spaces other than grey become RGB, samples of 16 bits are scaled to 8, and
    only the first frame of an animation is read.

    Args:
        source: Path, binary file or Pillow image.

    Returns:
        (H, W, C) pixels and the profile of the image.

    Raises:
        InputError: The source is missing, not an image, damaged or too large, or its samples are
            of a range or kind that is not read.

    >>> pixels, profile = read_image(Image.new("P", (4, 3)))
    >>> pixels.shape, profile.mode
    ((3, 4, 3), 'RGB')
    """
    pixels, profile = read_photo(source)
    return to_8_bits(pixels), profile


def read_photo(source: Source, *, force_read: bool = False) -> tuple[Samples, Profile]:
    """Read an image like `read_image`, but keep samples of 16 bits.

    Args:
        source: Path, binary file or Pillow image.
        force_read: Read what is there of a truncated file; the notes tell how much is missing.

    >>> pixels, profile = read_photo(Image.new("I;16", (4, 3), 258))
    >>> pixels[0, 0], profile.depth
    (array([258], dtype=uint16), 16)
    """
    with _reading(name_of(source)):
        if isinstance(source, Image.Image):
            return _read(source, Repaired(b""))
        data = _content(source)
        try:
            return _read(*_opened(repaired(data)))
        except (ImgnetError, UnidentifiedImageError, Image.DecompressionBombError):
            raise
        except Exception as error:
            photo = _read_truncated(data)
            if photo is None:
                raise
            if force_read:
                return photo
            raise InputError(
                f"{unreadable(error)}, or encode what is there with --force-read"
            ) from error


def _read_truncated(data: bytes) -> tuple[Samples, Profile] | None:
    """Read what is there of a truncated file; None if that is nothing."""
    with suppress(Exception), reading_truncated():
        image, file = _opened(_repaired_if_whole(data))
        photo = _read(image, file)
        deep = read_deep(file.data, Image.open(BytesIO(file.data)))
        num_missing = missing_rows(np.asarray(image) if deep is None else deep)
        if num_missing < image.height:
            note = truncation_note(num_missing, image.height)
            return photo[0], replace(photo[1], notes=(note, *photo[1].notes))
    return None


def _repaired_if_whole(data: bytes) -> Repaired:
    with suppress(OSError):
        return repaired(data)
    return Repaired(data)


def _read(image: Image.Image, file: Repaired) -> tuple[Samples, Profile]:
    """Read an image that is open; see `read_photo`."""
    _check_size(image)
    depth = file_depth(file.data, image)
    with quiet_libtiff(image):
        samples = _samples(file.data, image, depth)
    if file.is_inverted:
        samples = peak_of(samples.dtype) - samples
    samples = _without_opaque_alpha(upright(samples, image))
    profile = profile_of(samples)
    profile = replace(profile, metadata=metadata_of(image, profile.mode))
    notes = file.notes + _notes(file.data, image, depth, profile)
    return np.array(samples, order="C"), replace(profile, notes=notes)


def _samples(data: bytes, image: Image.Image, depth: int) -> Samples:
    """Return the samples of an image as they lie in its file, which has so many bits a sample."""
    raw, planes = raw_mode(image), read_planes(data, image)
    if planes is not None:
        return planes
    deep = read_deep(data, image)
    image.load()  # now: with a truncated file, reading EXIF would fail first
    if deep is not None:
        return deep
    _check_signs(image)
    samples = _as_samples(_to_8_bits(image, _KEY_SCALES.get(raw, 1)))
    is_wrapped = image.format == "JPEG2000" and depth > 8
    return unwrapped(samples, data) if is_wrapped else samples


def to_8_bits(pixels: Samples) -> Pixels:
    """Round samples of 16 bits to 8; samples of 8 bits stay as they are.

    >>> to_8_bits(np.array([0, 128, 129, 65535], np.uint16))
    array([  0,   0,   1, 255], dtype=uint8)
    """
    if pixels.dtype == np.uint8:
        return pixels.astype(np.uint8, copy=False)
    return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)  # 65535 = 257 * 255


@contextmanager
def _reading(name: str) -> Iterator[None]:
    """Turn every failure to read an image into an `InputError` of one line."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of oddities in files that can be read
            yield
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
    except UsageError:  # of the environment, not of the image
        raise
    except Image.DecompressionBombError as error:
        raise InputError(f"{name}: too large to be read; make it smaller first") from error
    except Exception as error:  # Pillow's readers raise almost anything on damaged files
        raise InputError(f"{name}: {unreadable(error)}") from error


def _opened(file: Repaired) -> tuple[Image.Image, Repaired]:
    try:
        image = Image.open(BytesIO(file.data))
    except UnidentifiedImageError:
        raise InputError(unidentified(file.data)) from None
    drop_odd_metadata(image)
    colours = Description(file.icc) if file.icc else describe_colours(file.data, image)
    if colours.icc:
        image.info["icc_profile"] = colours.icc
    return image, replace(file, notes=file.notes + (colours.note,) * bool(colours.note))


def _content(source: str | Path | BinaryIO) -> bytes:
    try:
        data = Path(source).read_bytes() if isinstance(source, str | Path) else source.read()
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})") from error
    if not data:
        raise InputError("empty; expected an image")
    if looks_encoded(data):  # with our plug-in, Pillow would render an .inr file
        raise InputError(unidentified(b""))
    return data


def _check_size(image: Image.Image) -> None:
    width, height = image.size
    if not 1 <= min(width, height) <= max(width, height) <= MAX_SIDE:
        raise InputError(f"{width}x{height} pixels; sides go from 1 to {MAX_SIDE}")
    if width * height > max_pixels():
        raise InputError(f"{width}x{height} pixels; the limit is {max_pixels()} in all")


def _without_opaque_alpha(samples: Samples) -> Samples:
    is_opaque = has_alpha(samples.shape[2]) and samples[..., -1].min() == peak_of(samples.dtype)
    return samples[..., :-1] if is_opaque else samples


def _check_signs(image: Image.Image) -> None:
    if getattr(image, "tag_v2", {}).get(TiffImagePlugin.SAMPLEFORMAT) == (_SIGNED,):
        raise InputError("holds signed samples of 8 bits; convert them to unsigned first")


def _as_samples(image: Image.Image) -> Samples:
    return np.asarray(image).reshape(image.height, image.width, -1)


def _to_8_bits(image: Image.Image, key_scale: int) -> Image.Image:
    """Convert to one of the modes L, LA, RGB and RGBA."""
    if key_scale != 1 and "transparency" in image.info:
        image = image.copy()
        image.info["transparency"] *= key_scale
    mode = "L" if image.mode in _GREY_MODES else "RGB"
    icc = image.info.get("icc_profile")
    if image.mode == "CMYK" and icc:
        with suppress(ImageCms.PyCMSError, OSError):  # else convert without the profile
            inks, screen = ImageCms.ImageCmsProfile(BytesIO(icc)), ImageCms.createProfile("sRGB")
            image = ImageCms.profileToProfile(image, inks, screen, outputMode="RGB") or image
    return image.convert(mode + "A" * image.has_transparency_data)


def _notes(data: bytes, image: Image.Image, depth: int, profile: Profile) -> tuple[str, ...]:
    """Return a sentence on each part of a file that is not read.

    Args:
        data: Content of the file.
        image: Image as Pillow loaded it.
        depth: Bits of a sample in the file.
        profile: Profile of the samples as they were read.
    """
    notes = []
    count = _num_pictures(image)
    if has_gain_map(data, image):
        notes.append("holds a gain map for HDR screens; it is left out")
        count -= image.format == "MPO"
    if count > 1:
        notes.append(f"holds {count} pictures; only the first is read")
    if depth > profile.depth:
        notes.append(f"holds {depth} bits a sample, read as 8; make it a PNG of 16 to keep them")
    lacks_profile = not profile.metadata.icc and image.mode not in CONVERTED
    if image.info.get("icc_profile") and lacks_profile:
        notes.append("holds a colour profile that does not fit its pixels; it is left out")
    if has_open_range(image):
        notes.append("holds signed or 32-bit samples; read as 16 bits, with white at 65535")
    return tuple(notes)


def _num_pictures(image: Image.Image) -> int:
    """Return the number of pictures of a file; the thumbnails of an MPO are none."""
    entries = (getattr(image, "mpinfo", None) or {}).get(_MP_ENTRIES, ())
    num_thumbnails = sum("Thumbnail" in entry["Attribute"]["MPType"] for entry in entries)
    return int(getattr(image, "n_frames", 1)) - num_thumbnails

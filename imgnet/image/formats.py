"""The image formats that pictures are written in, and what each of them can hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, TiffImagePlugin
from PIL.PngImagePlugin import PngInfo

from imgnet.errors import OutputError, UsageError
from imgnet.image.metadata import EXIF_PREFIX, tiff_tags
from imgnet.image.picture import Metadata, Samples, describes
from imgnet.image.sixteen_bit import encode_png, encode_ppm, encode_tiff

Options = dict[str, Any]


def _usual_options(metadata: Metadata) -> Options:
    """Return what Pillow's `save` takes in most formats."""
    options: Options = {"icc_profile": metadata.icc, "xmp": metadata.xmp}
    options["exif"] = EXIF_PREFIX + metadata.exif if metadata.exif else b""
    return {name: part for name, part in options.items() if part}


def _png_options(metadata: Metadata) -> Options:
    info = PngInfo()
    if metadata.xmp:
        info.add_itxt("XML:com.adobe.xmp", metadata.xmp.decode(errors="replace"))
    return _usual_options(metadata) | {"pnginfo": info}


def _jpeg_options(metadata: Metadata) -> Options:
    """Leave out what no segment can hold; only a colour profile may go over several."""
    options = _usual_options(metadata)
    return {k: v for k, v in options.items() if k == "icc_profile" or len(v) <= _JPEG_SEGMENT}


def _tiff_options(metadata: Metadata) -> Options:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    for tag, value in tiff_tags(metadata).items():
        tags[tag] = value
    return {"tiffinfo": tags}


def _no_options(_metadata: Metadata) -> Options:
    return {}


@dataclass(frozen=True)
class Format:
    """An image format.

    Attributes:
        name: As Pillow calls it.
        has_alpha: Whether it holds transparency; else a picture is put over white.
        has_grey: Whether it holds a single channel; else Pillow makes three of it.
        options: What Pillow's `save` takes besides metadata.
        for_metadata: What it takes for metadata.
        encode_deep: Writes samples of 16 bits; None where the format has 8 only.
    """

    name: str
    has_alpha: bool = True
    has_grey: bool = True
    options: Options = field(default_factory=dict)
    for_metadata: Callable[[Metadata], Options] = _usual_options
    encode_deep: Callable[[Samples, Metadata], bytes] | None = None

    @property
    def depth(self) -> int:
        """The most bits that a sample can have."""
        return 8 if self.encode_deep is None else 16


_JPEG_SEGMENT = 65_000
# Qualities near the top: a decoded picture should show what its network lost, and no more.
_JPEG = Format(
    "JPEG",
    has_alpha=False,
    options={"quality": 95, "subsampling": 0},
    for_metadata=_jpeg_options,
)
_TIFF = Format("TIFF", for_metadata=_tiff_options, encode_deep=encode_tiff)
_FORMATS = {
    "png": Format("PNG", for_metadata=_png_options, encode_deep=encode_png),
    "jpg": _JPEG,
    "jpeg": _JPEG,
    "webp": Format("WEBP", has_grey=False, options={"quality": 95}),
    "avif": Format("AVIF", has_grey=False, options={"quality": 90}),
    "tif": _TIFF,
    "tiff": _TIFF,
    "ppm": Format("PPM", False, for_metadata=_no_options, encode_deep=encode_ppm),
    "bmp": Format("BMP", False, for_metadata=_no_options),
}


def find_format(name: str, wanted: str | None = None) -> Format:
    """Return the format of a file.

    Args:
        name: Of the file.
        wanted: Such as "png"; by default, the extension.

    Raises:
        UsageError: The format is unknown.

    >>> find_format("photo.JPG").name, find_format("photo.out", "png").depth
    ('JPEG', 16)
    """
    key = (wanted or Path(name).suffix).lower().lstrip(".")
    if key not in _FORMATS:
        known = ", ".join(_FORMATS)
        raise UsageError(f"{name}: unknown image format {key!r}; known are {known}")
    return _FORMATS[key]


def encode_image(pixels: Samples, form: Format, metadata: Metadata, name: str) -> bytes:
    """Return the content of an image file.

    Args:
        pixels: (H, W, C) samples of 8 or 16 bits.
        form: Format.
        metadata: Kept as far as the format holds it.
        name: What messages call the file.

    Raises:
        UsageError: The samples have 16 bits and the format holds 8.
        OutputError: The format cannot hold the picture, or Pillow was built without it.
    """
    if pixels.dtype == np.uint16 and form.encode_deep is None:
        deep = ", ".join(key for key, known in _FORMATS.items() if known.depth == 16)
        raise UsageError(f"{name}: {form.name} holds 8 bits a sample; those of 16 are {deep}")
    if not form.has_alpha and pixels.shape[2] in (2, 4):
        pixels = over_white(pixels)
    if not describes(metadata.icc, "L" if pixels.shape[2] < 3 and form.has_grey else "RGB"):
        metadata = replace(metadata, icc=b"")
    try:
        if form.encode_deep is not None and pixels.dtype == np.uint16:
            return form.encode_deep(pixels, metadata)
        file = BytesIO()
        options = {**form.options, **form.for_metadata(metadata)}
        to_image(pixels).save(file, form.name, **options)
        return file.getvalue()
    except Exception as error:  # too large for the format, or Pillow was built without it
        raise OutputError(f"{name}: cannot be written as {form.name} ({error})") from error


def over_white(pixels: Samples) -> Samples:
    """Put a picture with alpha over white, (H, W, C + 1) to (H, W, C)."""
    peak = int(np.iinfo(pixels.dtype).max)
    colour, alpha = pixels[..., :-1].astype(np.uint32), pixels[..., -1:].astype(np.uint32)
    mixed = (colour * alpha + peak * (peak - alpha) + peak // 2) // peak
    return np.asarray(mixed, pixels.dtype)


def to_image(pixels: Samples) -> Image.Image:
    """Return 8-bit pixels as an image of Pillow."""
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)

"""Output formats of images: writing, and the channels, depths and metadata that each can hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, TiffImagePlugin
from PIL.PngImagePlugin import PngInfo

from imgnet.errors import OutputError, UsageError
from imgnet.image.alpha import has_alpha, over_white
from imgnet.image.atomic import write_atomically
from imgnet.image.metadata import EXIF_PREFIX, cicp_of, tiff_tags
from imgnet.image.picture import NO_METADATA, Metadata, Samples, describes, name_of
from imgnet.image.sixteen_bit import encode_png, encode_ppm, encode_tiff

Options = dict[str, Any]


def _usual_options(metadata: Metadata) -> Options:
    """Return the metadata as arguments of Pillow's `save`, which most formats share."""
    options: Options = {"icc_profile": metadata.icc, "xmp": metadata.xmp}
    options["exif"] = EXIF_PREFIX + metadata.exif if metadata.exif else b""
    return {name: part for name, part in options.items() if part}


def _png_options(metadata: Metadata) -> Options:
    info = PngInfo()
    if cicp := cicp_of(metadata.icc):
        info.add(b"cICP", cicp)
    if metadata.xmp:
        info.add_itxt("XML:com.adobe.xmp", metadata.xmp.decode(errors="replace"))
    return _usual_options(metadata) | {"pnginfo": info}


def _jpeg_options(metadata: Metadata) -> Options:
    """Leave out parts too large for a segment; only a colour profile may span several."""
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
        name: Pillow's name of the format.
        has_alpha: Whether it can hold alpha; otherwise images are composited over white.
        has_grey: Whether it can hold a single channel; otherwise Pillow writes three equal ones.
        options: Arguments of Pillow's `save` besides metadata.
        for_metadata: Converts metadata to arguments of Pillow's `save`.
        encode_deep: Encodes samples of 16 bits; None if the format holds 8 bits only.
    """

    name: str
    has_alpha: bool = True
    has_grey: bool = True
    options: Options = field(default_factory=dict)
    for_metadata: Callable[[Metadata], Options] = _usual_options
    encode_deep: Callable[[Samples, Metadata], bytes] | None = None

    @property
    def depth(self) -> int:
        """Largest number of bits of a sample."""
        return 8 if self.encode_deep is None else 16


_JPEG_SEGMENT = 65_000
# High qualities: a decoded picture should show the losses of its network and no others.
_JPEG = Format(
    "JPEG",
    has_alpha=False,
    options={"quality": 95, "subsampling": 0},
    for_metadata=_jpeg_options,
)
_TIFF = Format("TIFF", for_metadata=_tiff_options, encode_deep=encode_tiff)
_FORMATS = {
    # Three times as fast as Pillow's usual 6, and at most 5 % larger.
    "png": Format(
        "PNG", options={"compress_level": 3}, for_metadata=_png_options, encode_deep=encode_png
    ),
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
    """Return the format to write a file in.

    Args:
        name: Name of the file.
        wanted: Name of the format, such as "png"; by default, the extension of the file.

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
        form: Format of the file.
        metadata: Metadata to write, as far as the format can hold it.
        name: Name of the file in messages.

    Raises:
        UsageError: The samples have 16 bits and the format holds 8 only.
        OutputError: The image is too large for the format, or Pillow was built without it.
    """
    if pixels.dtype == np.uint16 and form.encode_deep is None:
        deep = ", ".join(key for key, known in _FORMATS.items() if known.depth == 16)
        raise UsageError(f"{name}: {form.name} holds 8 bits a sample; those of 16 are {deep}")
    if not form.has_alpha and has_alpha(pixels.shape[2]):
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


def to_image(pixels: Samples) -> Image.Image:
    """Convert (H, W, C) pixels of 8 bits to a Pillow image."""
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


def write_image(
    pixels: Samples,
    path: str | Path | BinaryIO,
    format: str | None = None,
    metadata: Metadata = NO_METADATA,
) -> None:
    """Write pixels as an image file; an existing file is replaced atomically.

    For formats without alpha the image is composited over white.

    Args:
        pixels: (H, W, C) with 1..4 channels of 8 or 16 bits.
        path: File name, or a binary file to write into.
        format: "png", "jpg", "webp", "avif", "tiff", "ppm" or "bmp"; by default, the extension.
        metadata: Metadata to write, as far as the format can hold it.

    Raises:
        UsageError: The format is unknown, or cannot hold samples of 16 bits.
        OutputError: The file cannot be written.

    >>> file = BytesIO()
    >>> write_image(np.zeros((3, 4, 3), np.uint8), file, "ppm")
    >>> file.getvalue().split()[:3]
    [b'P6', b'4', b'3']
    """
    name = name_of(path)
    data = encode_image(pixels, find_format(name, format), metadata, name)
    if isinstance(path, str | Path):
        write_atomically(Path(path), data)
    else:
        path.write(data)

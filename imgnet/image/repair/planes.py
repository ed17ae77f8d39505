"""TIFFs with one plane a channel, of which Pillow loses 8 of 16 bits, or the alpha of grey."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from io import BytesIO

import numpy as np
from PIL import Image, TiffImagePlugin

from imgnet.image.alpha import has_alpha, unmultiplied
from imgnet.image.picture import Samples

_SEPARATE = 2  # planar configuration
_COLOURS = {1: 1, 2: 3}  # channels by photometric interpretation: grey and RGB
_ASSOCIATED, _UNASSOCIATED = 1, 2  # kinds of alpha; colours are multiplied by the first
_JPEG = (6, 7)  # compressions with tables of their own
_BLACK_IS_ZERO, _LONG = 1, 4
_CLASSIC = {"II": b"II*\0", "MM": b"MM\0*"}
_SPLIT = (
    *(TiffImagePlugin.STRIPOFFSETS, TiffImagePlugin.STRIPBYTECOUNTS),
    *(TiffImagePlugin.TILEOFFSETS, TiffImagePlugin.TILEBYTECOUNTS),
)
_SHARED = (
    *(TiffImagePlugin.IMAGEWIDTH, TiffImagePlugin.IMAGELENGTH, TiffImagePlugin.COMPRESSION),
    *(TiffImagePlugin.FILLORDER, TiffImagePlugin.ROWSPERSTRIP, TiffImagePlugin.PREDICTOR),
    *(TiffImagePlugin.TILEWIDTH, TiffImagePlugin.TILELENGTH),
)


def read_planes(data: bytes, image: Image.Image) -> Samples | None:
    """Return the samples of a TIFF of 8 or 16 bits with one plane a channel.

    Args:
        data: Content of the file.
        image: The same image as Pillow opened it.

    Returns:
        (H, W, C) samples, grey or RGB, with alpha if there is one; None for any other image.
    """
    tags: TiffImagePlugin.ImageFileDirectory_v2 | None = getattr(image, "tag_v2", None)
    if not data or tags is None or tags.get(TiffImagePlugin.PLANAR_CONFIGURATION) != _SEPARATE:
        return None
    bits = set(tags.get(TiffImagePlugin.BITSPERSAMPLE, ()))
    kinds = set(tags.get(TiffImagePlugin.SAMPLEFORMAT, (1,)))
    colours = _COLOURS.get(tags.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION, 0))
    is_jpeg = tags.get(TiffImagePlugin.COMPRESSION) in _JPEG
    if colours is None or bits not in ({8}, {16}) or kinds != {1} or is_jpeg:
        return None
    extra = tags.get(TiffImagePlugin.EXTRASAMPLES, (0,))[0]
    count = colours + (extra in (_ASSOCIATED, _UNASSOCIATED))
    planes = [np.asarray(Image.open(BytesIO(_plane(data, tags, i)))) for i in range(count)]
    samples = np.stack(planes, axis=2)
    samples = samples.astype(samples.dtype.newbyteorder("="), copy=False)
    is_multiplied = has_alpha(count) and extra == _ASSOCIATED
    return unmultiplied(samples) if is_multiplied else samples


def _plane(data: bytes, tags: TiffImagePlugin.ImageFileDirectory_v2, channel: int) -> bytes:
    """Return a grey TIFF of one plane: the file with another directory after its end."""
    count = tags[TiffImagePlugin.SAMPLESPERPIXEL]
    values: dict[int, Sequence[int]] = {tag: (tags[tag],) for tag in _SHARED if tag in tags}
    for tag in _SPLIT:
        if tag in tags:
            size = len(tags[tag]) // count
            values[tag] = tags[tag][channel * size : (channel + 1) * size]
    values[TiffImagePlugin.BITSPERSAMPLE] = tags[TiffImagePlugin.BITSPERSAMPLE][:1]
    values[TiffImagePlugin.SAMPLESPERPIXEL] = (1,)
    values[TiffImagePlugin.PHOTOMETRIC_INTERPRETATION] = (_BLACK_IS_ZERO,)
    order = "<" if tags.prefix == b"II" else ">"
    head = _CLASSIC[tags.prefix.decode()] + struct.pack(order + "I", len(data))
    return head + data[len(head) :] + _directory(values, order, len(data))


def _directory(values: dict[int, Sequence[int]], order: str, start: int) -> bytes:
    """Return a directory of numbers of 32 bits, with the values that do not fit into it behind."""
    entries, behind = struct.pack(order + "H", len(values)), b""
    end = start + len(entries) + 12 * len(values) + 4
    for tag, numbers in sorted(values.items()):
        content = struct.pack(f"{order}{len(numbers)}I", *numbers)
        if len(numbers) > 1:
            behind += content
            content = struct.pack(order + "I", end + len(behind) - len(content))
        entries += struct.pack(order + "HHI", tag, _LONG, len(numbers)) + content
    return entries + bytes(4) + behind

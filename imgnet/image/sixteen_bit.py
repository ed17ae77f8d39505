"""Images of 16 bits a sample, for which Pillow has no mode unless they are grey.

Pillow's decoders keep one byte of each sample, the first or the second by the raw mode, so that
decoding twice gives both bytes. Greys of 12 bits, of 32 bits and of floats become 16 bits, or are
refused if they lie beyond the range from black to white. This module also writes PNG, TIFF and PPM
of 16 bits.
"""

from __future__ import annotations

import re
import struct
import sys
import zlib
from io import BytesIO
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from imgnet.arrays import ByteArray
from imgnet.errors import InputError
from imgnet.image.alpha import has_alpha, unmultiplied
from imgnet.image.metadata import cicp_of, tiff_tags
from imgnet.image.picture import Metadata, Samples

Uint16Array = NDArray[np.uint16]

PEAK = 65535
JPEG_2000_START = b"\xff\x4f\xff\x51"  # of a codestream
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"

_BYTES = {";16B": "big", ";16L": "little", ";16N": sys.byteorder}
_PNG_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # by number of channels
_DEFLATE, _HORIZONTAL = 8, 2  # compression and predictor of TIFF
_UNASSOCIATED_ALPHA = 2
_STRIP_ROWS = 64  # filtered at a time
_GREYS = {"F", "I", "I;16", "I;16B", "I;16L", "I;16N"}
_PACKED = ("BGR;16", "RGB;16")  # all channels in 16 bits
_HALF_STEP = 0.5 / PEAK  # of floats, which rounding hides


def read_deep(data: bytes, image: Image.Image) -> Uint16Array | None:
    """Return the samples of an image of 16 bits a sample.

    Args:
        data: Content of the file; b"" for a Pillow image without a file, which can be read only
            if it is grey.
        image: The same image as Pillow opened it, not loaded yet.

    Returns:
        (H, W, C) samples, 0..65535, with alpha if the file declares a transparent colour; None for
        an image of another depth, for CMYK, and for a TIFF with one plane a channel.

    Raises:
        InputError: Grey samples are outside 0..65535, or as floats outside 0..1 or not finite.
    """
    if image.format == "PPM" and image.mode in ("I", "RGB") and data:
        samples = _read_ppm(data, image)
    elif image.mode in _GREYS:
        samples = _read_grey(image, _grey_maximum(data, image))[..., None]
    else:
        samples = _multichannel(data, image) if data else None
    key = image.info.get("transparency")
    if samples is None or key is None or has_alpha(samples.shape[2]):
        return samples
    alpha = np.where((samples == key).all(axis=2, keepdims=True), 0, PEAK).astype(np.uint16)
    return np.concatenate([samples, alpha], axis=2)


def _multichannel(data: bytes, image: Image.Image) -> Uint16Array | None:
    raw = raw_mode(image)
    if raw == "LA;16B":  # read the four bytes of a pixel as RGBA
        return np.ascontiguousarray(_decoded(data, "RGBA", "")).view(">u2").astype(np.uint16)
    order = _BYTES.get(raw[-4:])
    has_planes = getattr(image, "tag_v2", {}).get(TiffImagePlugin.PLANAR_CONFIGURATION) == 2
    if order is None or image.mode not in ("RGB", "RGBA") or has_planes:
        return None
    pair = [_decoded(data, raw[:-4], half) for half in (";16B", ";16L")]
    high, low = pair if order == "big" else reversed(pair)
    samples = high.astype(np.uint16) << np.uint16(8) | low
    return unmultiplied(samples) if raw.startswith("RGBa") else samples


def raw_mode(image: Image.Image) -> str:
    """Return Pillow's name of the samples in a file, or "" once they are loaded."""
    tiles = getattr(image, "tile", None)
    args = tiles[0].args if tiles else ""
    return str(args[0] if isinstance(args, tuple) else args)


def _decoded(data: bytes, channels: str, half: str) -> ByteArray:
    """Decode a file under another raw mode, with premultiplied colours left as they are."""
    image = Image.open(BytesIO(data))
    raw = channels.replace("a", "A") + half
    image.tile = [
        tile._replace(args=(raw, *tile.args[1:]) if isinstance(tile.args, tuple) else raw)
        for tile in image.tile
    ]
    return np.asarray(image)


def file_depth(data: bytes, image: Image.Image) -> int:
    """Return the bits of a sample in a file, or 8 where Pillow reads what there is.

    Args:
        data: Content of the file.
        image: The same image as Pillow opened it, not loaded yet.
    """
    if image.format == "AVIF" and (at := data.find(b"av1C")) >= 0:
        return {0x40: 10, 0x60: 12}.get(data[at + 6] & 0x60, 8)
    if image.format == "JPEG2000" and (at := data.find(JPEG_2000_START)) >= 0:
        return (data[at + 42] & 0x7F) + 1
    if image.format == "SGI" and data:
        return 8 * data[3]
    raw = raw_mode(image)
    return 16 if ";16" in raw and raw not in _PACKED else 8


def _grey_maximum(data: bytes, image: Image.Image) -> int:
    """Return the sample that is white."""
    if image.format == "JPEG2000" and data:
        return PEAK & -1 << max(0, 16 - file_depth(data, image))  # Pillow shifts them
    return 4095 if raw_mode(image) == "I;12" else PEAK


def _read_grey(image: Image.Image, maximum: int) -> Uint16Array:
    """Return the grey samples of a mode that Pillow clips or wraps on conversion."""
    raw = raw_mode(image)  # before the samples are loaded
    samples = np.asarray(image)
    if image.format == "FITS" and raw == image.mode:  # by Pillow 12, which swaps no bytes
        samples = samples.byteswap()
    if image.mode == "F":
        return _from_floats(samples)
    if raw.startswith("I;32N"):
        samples = samples.view(np.uint32)
    if image.format == "FITS" and samples.itemsize == 2:
        samples = samples.view(samples.dtype.str.replace("u", "i"))
    low, high = int(samples.min()), int(samples.max())
    if low < 0 or high > PEAK:
        raise InputError(f"holds samples from {low} to {high}; scale them to 0..{PEAK} first")
    return _scaled(samples, maximum) if maximum < PEAK else samples.astype(np.uint16)


def _from_floats(samples: NDArray[np.floating[Any]]) -> Uint16Array:
    if not np.isfinite(samples).all():
        raise InputError("holds samples that are no finite numbers; replace them first")
    low, high = float(samples.min()), float(samples.max())
    if low < -_HALF_STEP or high > 1 + _HALF_STEP:
        raise InputError(f"holds samples from {low:g} to {high:g}; scale them to 0..1 first")
    return _scaled(samples, 1)


def _scaled(samples: NDArray[Any], maximum: int) -> Uint16Array:
    """Scale samples of 0..maximum to 0..65535."""
    return np.rint(samples * (PEAK / maximum)).clip(0, PEAK).astype(np.uint16)


def has_open_range(image: Image.Image) -> bool:
    """Tell whether an image holds integers for which its kind of file defines no white."""
    is_signed = image.format == "FITS" and image.mode == "I;16"
    return is_signed or (image.mode == "I" and image.format != "PPM")


def _read_ppm(data: bytes, image: Image.Image) -> Uint16Array | None:
    """Return the samples of a PPM or PGM, of which Pillow keeps 8 bits of each colour."""
    tile = image.tile[0]  # type: ignore[attr-defined]
    maximum = tile.args[1] if tile.codec_name.startswith("ppm") else 255
    if image.mode == "I" and tile.codec_name == "raw":
        maximum = PEAK
    if maximum <= 255:
        return None
    shape = (image.height, image.width, 3 if image.mode == "RGB" else 1)
    if tile.codec_name == "ppm_plain":
        numbers = re.sub(rb"#[^\r\n]*", b"", data[tile.offset :])
        flat = np.fromstring(numbers, np.int64, sep=" ")[: prod(shape)]
    else:
        flat = np.frombuffer(data, ">u2", prod(shape), tile.offset)
    if flat.min() < 0 or flat.max() > maximum:
        raise InputError(f"damaged: a sample is above the maximum of {maximum}; get it again")
    return _scaled(flat, maximum).reshape(shape)


def encode_png(pixels: Samples, metadata: Metadata) -> bytes:
    """Encode (H, W, C) samples of 16 bits as PNG.

    >>> encode_png(np.zeros((1, 1, 1), np.uint16), Metadata())[:8] == PNG_SIGNATURE
    True
    """
    height, width, channels = pixels.shape
    header = struct.pack(">IIBBBBB", width, height, 16, _PNG_COLOUR_TYPES[channels], 0, 0, 0)
    chunks = [(b"IHDR", header)]
    if cicp := cicp_of(metadata.icc):
        chunks.append((b"cICP", cicp))
    if metadata.icc:
        chunks.append((b"iCCP", b"ICC Profile\0\0" + zlib.compress(metadata.icc)))
    if metadata.exif:
        chunks.append((b"eXIf", metadata.exif))
    if metadata.xmp:
        chunks.append((b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + metadata.xmp))
    chunks += [(b"IDAT", _compressed(pixels)), (b"IEND", b"")]
    return PNG_SIGNATURE + b"".join(_chunk(*chunk) for chunk in chunks)


def _chunk(name: bytes, content: bytes) -> bytes:
    crc = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", crc)


def _compressed(pixels: Samples) -> bytes:
    """Return the image data of a PNG: filtered rows under deflate."""
    rows = pixels.astype(">u2").reshape(len(pixels), -1).view(np.uint8)
    above = np.concatenate([np.zeros_like(rows[:1]), rows[:-1]])
    compressor, parts = zlib.compressobj(), []
    for top in range(0, len(rows), _STRIP_ROWS):
        strip = slice(top, top + _STRIP_ROWS)
        filtered = _filtered(rows[strip], above[strip], 2 * pixels.shape[2])
        parts.append(compressor.compress(filtered.tobytes()))
    return b"".join([*parts, compressor.flush()])


def _filtered(rows: ByteArray, above: ByteArray, pixel_bytes: int) -> ByteArray:
    """Filter each row by None, Sub or Up of PNG, whichever has the least sum of magnitudes."""
    left = rows.copy()
    left[:, pixel_bytes:] -= rows[:, :-pixel_bytes]
    filtered = np.stack([rows, left, rows - above])
    best = np.abs(filtered.view(np.int8).astype(np.int16)).sum(axis=2).argmin(axis=0)
    chosen = filtered[best, np.arange(len(rows))]
    return np.concatenate([best.astype(np.uint8)[:, None], chosen], axis=1)


def encode_tiff(pixels: Samples, metadata: Metadata) -> bytes:
    r"""Encode (H, W, C) samples of 16 bits as little-endian TIFF under deflate.

    >>> encode_tiff(np.zeros((1, 1, 1), np.uint16), Metadata())[:4]
    b'II*\x00'
    """
    if pixels.shape[2] == 2:
        pixels = pixels[..., [0, 0, 0, 1]]  # Pillow cannot read grey with alpha
    height, width, channels = pixels.shape
    differences = pixels.astype("<u2")
    differences[:, 1:] -= pixels[:, :-1]
    strip = zlib.compress(differences.tobytes())
    directory = ImageFileDirectory_v2(prefix=b"II")
    for tag, value in tiff_tags(metadata).items():
        directory[tag] = value
    directory[TiffImagePlugin.IMAGEWIDTH] = width
    directory[TiffImagePlugin.IMAGELENGTH] = height
    directory[TiffImagePlugin.BITSPERSAMPLE] = (16,) * channels
    directory[TiffImagePlugin.COMPRESSION] = _DEFLATE
    directory[TiffImagePlugin.PREDICTOR] = _HORIZONTAL
    directory[TiffImagePlugin.PHOTOMETRIC_INTERPRETATION] = 2 if channels > 2 else 1  # RGB, grey
    directory[TiffImagePlugin.SAMPLESPERPIXEL] = channels
    directory[TiffImagePlugin.ROWSPERSTRIP] = height
    directory[TiffImagePlugin.STRIPBYTECOUNTS] = len(strip)
    directory[TiffImagePlugin.STRIPOFFSETS] = 0  # `save` adds the end of the directory
    if channels == 4:
        directory[TiffImagePlugin.EXTRASAMPLES] = _UNASSOCIATED_ALPHA
    file = BytesIO()
    directory.save(file)
    return file.getvalue() + strip


def encode_ppm(pixels: Samples, _metadata: Metadata) -> bytes:
    r"""Encode (H, W, C) samples of 16 bits as PPM, or as PGM if there is one channel.

    >>> encode_ppm(np.full((1, 1, 1), 258, np.uint16), Metadata())
    b'P5\n1 1\n65535\n\x01\x02'
    """
    height, width, channels = pixels.shape
    kind = 5 if channels == 1 else 6
    return f"P{kind}\n{width} {height}\n{PEAK}\n".encode() + pixels.astype(">u2").tobytes()

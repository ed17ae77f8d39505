"""Image files of all kinds, made with Pillow or, where it cannot, by hand."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

ORIENTATION = 0x0112
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
GREY_ICC = SRGB[:16] + b"GRAY" + SRGB[20:]
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a tiff:Orientation="6"/></x:xmpmeta>'


def stored(image: Image.Image, format: str = "PNG", **options: Any) -> bytes:
    file = BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def as_image(pixels: NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


def chunk(name: bytes, data: bytes) -> bytes:
    body = name + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def png(
    samples: NDArray[np.uint16 | np.uint8], bits: int = 16, extra: bytes = b"", interlaced: int = 0
) -> bytes:
    """Write a PNG of 1, 2, 4, 8 or 16 bits without filters, with other chunks before its data."""
    height, width, channels = samples.shape
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlaced)
    passes = _ADAM7 if interlaced else [(0, 1, 0, 1)]
    data = b"".join(
        b"\0" + _packed(row, bits)
        for top, down, left, across in passes
        for row in samples[top::down, left::across]
        if row.size
    )
    chunks = chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(data))
    return b"\x89PNG\r\n\x1a\n" + chunks + chunk(b"IEND", b"")


_ADAM7 = [(0, 8, 0, 8), (0, 8, 4, 8), (4, 8, 0, 4), (0, 4, 2, 4), (2, 4, 0, 2), (0, 2, 1, 2)]
_ADAM7 += [(1, 2, 0, 1)]


def _packed(row: NDArray[Any], bits: int) -> bytes:
    if bits == 16:  # the fast way
        return row.astype(">u2").tobytes()
    digits = "".join(f"{sample:0{bits}b}" for sample in row.ravel().tolist())
    digits += "0" * (-len(digits) % 8)
    return int(digits, 2).to_bytes(len(digits) // 8, "big")


def tiff(
    samples: NDArray[Any],
    order: str = "<",
    compressed: bool = False,
    extra_samples: int | None = None,
    planes: bool = False,
    photometric: int | None = None,
    bits: int | None = None,
    orientation: int = 1,
) -> bytes:
    """Write a TIFF in one strip, or in one a channel; fewer bits than the type has are packed."""
    height, width, channels = samples.shape
    parts = [samples[..., i] for i in range(channels)] if planes else [samples]
    if bits is None:
        strips = [part.astype(part.dtype.newbyteorder(order)).tobytes() for part in parts]
    else:
        strips = [b"".join(_packed(row, bits) for row in samples)]
    if compressed:
        strips = [zlib.compress(strip) for strip in strips]
    tags: dict[int, tuple[str, tuple[int, ...]]] = {
        256: ("I", (width,)),
        257: ("I", (height,)),
        258: ("H", (bits or 8 * samples.itemsize,) * channels),
        259: ("H", (8 if compressed else 1,)),
        262: ("H", ((2 if channels > 2 else 1) if photometric is None else photometric,)),
        273: ("I", (0,) * len(strips)),
        274: ("H", (orientation,)),
        277: ("H", (channels,)),
        278: ("I", (height,)),
        279: ("I", tuple(map(len, strips))),
        284: ("H", (2 if planes else 1,)),
    }
    if samples.dtype.kind != "u":
        tags[339] = "H", ({"i": 2, "f": 3}[samples.dtype.kind],)
    if extra_samples is not None:
        tags[338] = "H", (extra_samples,)
    values_at = 8 + 2 + 12 * len(tags) + 4
    data_at = values_at + 64 * len(tags)
    places = [data_at + sum(map(len, strips[:i])) for i in range(len(strips))]
    tags[273] = "I", tuple(places)
    entries, values = b"", b""
    for tag, (letter, numbers) in sorted(tags.items()):
        content = struct.pack(f"{order}{len(numbers)}{letter}", *numbers)
        if len(content) > 4:
            place = values_at + len(values)
            values += content
            content = struct.pack(order + "I", place)
        kind = {"H": 3, "I": 4}[letter]
        entries += struct.pack(order + "HHI", tag, kind, len(numbers)) + content.ljust(4, b"\0")
    mark = b"II*\0" if order == "<" else b"MM\0*"
    head = mark + struct.pack(order + "IH", 8, len(tags)) + entries + bytes(4)
    return (head + values).ljust(data_at, b"\0") + b"".join(strips)


def ink_profile() -> bytes:
    """Return a colour profile of CMYK under which every ink is grey, and two or more are black."""
    ramp = bytes(range(256))
    corners = [255, 128, 128, 0, 128] + [0] * 3 + [128] + [0] * 7  # lightness by inks, K fastest
    cube = b"".join(bytes([lightness, 128, 128]) for lightness in corners)
    unity = struct.pack(">9i", *(65536 * (i % 4 == 0) for i in range(9)))
    table = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + unity + 4 * ramp + cube + 3 * ramp
    head = (
        struct.pack(">I4xI", 144 + len(table), 0x02400000) + b"prtrCMYKLab " + bytes(12) + b"acsp"
    )
    head = head.ljust(68, b"\0") + struct.pack(">3I", 0xF6D6, 0x10000, 0xD32D)
    tags = struct.pack(">I4sII", 1, b"A2B0", 144, len(table))
    return head.ljust(128, b"\0") + tags + table

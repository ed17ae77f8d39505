"""ICC, EXIF and XMP: reading from images, normalising for upright pixels, and TIFF tags.

Pixels are stored upright, so the orientation is set to upright. The EXIF thumbnail and the padding
of an XMP packet are dropped to save bytes.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin
from PIL.ExifTags import IFD, Base

from imgnet.image.picture import Metadata, Samples, describes

EXIF_PREFIX = b"Exif\0\0"  # of EXIF in a JPEG
CONVERTED = ("CMYK", "LAB")  # modes whose profile no longer applies after conversion to RGB

_XMP_ORIENTATION = re.compile(rb'(tiff:Orientation(?:="|>))[2-8]')
_XMP_END = b"<?xpacket end"
_BYTE_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
_NUMBER_TYPES = {1: "B", 3: "H", 4: "I"}  # of EXIF
_DESCRIPTIVE = (
    *(Base.ImageDescription, Base.Make, Base.Model, Base.XResolution, Base.YResolution),
    *(Base.ResolutionUnit, Base.Software, Base.DateTime, Base.Artist, Base.Copyright),
)

# By EXIF orientation. `ImageOps.exif_transpose` also fails on oddities in other fields.
_TURNS: dict[int, Callable[[NDArray[Any]], NDArray[Any]]] = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a.swapaxes(0, 1)[:, ::-1],
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: a.swapaxes(0, 1)[::-1],
}


def metadata_of(image: Image.Image, mode: str) -> Metadata:
    """Return the metadata of a loaded image.

    Args:
        image: Image as Pillow loaded it.
        mode: Mode that its pixels were converted to after they were turned upright.
    """
    icc = image.info.get("icc_profile") or b""
    xmp = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
    return Metadata(
        icc if image.mode not in CONVERTED and describes(icc, mode) else b"",
        upright_exif(_exif_of(image)),
        upright_xmp(xmp.encode() if isinstance(xmp, str) else xmp),
    )


def drop_odd_metadata(image: Image.Image) -> None:
    """Drop metadata that are no text or bytes, such as numbers under a TIFF tag of another type.

    >>> image = Image.new("L", (1, 1))
    >>> image.info["icc_profile"] = (1, 2)
    >>> drop_odd_metadata(image)
    >>> image.info
    {}
    """
    for name in ("icc_profile", "exif", "xmp"):
        if not isinstance(image.info.get(name, b""), bytes | str):
            del image.info[name]


def _exif_of(image: Image.Image) -> bytes:
    if "exif" in image.info:
        return bytes(image.info["exif"])
    try:
        kept = Image.Exif()
        for tag, value in _descriptive(image.getexif()).items():
            kept[tag] = value
        return kept.tobytes() if len(kept) else b""
    except Exception:  # Pillow's readers raise almost anything on damaged files
        return b""


def _descriptive(exif: Image.Exif) -> dict[int, Any]:
    """Return the tags on the picture itself; in TIFF, others say how the file stores it."""
    tags: dict[int, Any] = {tag: exif[tag] for tag in _DESCRIPTIVE if tag in exif}
    for directory in (IFD.Exif, IFD.GPSInfo):
        inner = {k: v for k, v in exif.get_ifd(directory).items() if k != IFD.Interop}
        if inner:
            tags[directory] = inner
    return tags


def tiff_tags(metadata: Metadata) -> dict[int, Any]:
    """Convert metadata to TIFF tags; unreadable EXIF is left out.

    >>> tiff_tags(Metadata(icc=b"profile"))
    {34675: b'profile'}
    """
    exif, tags = Image.Exif(), dict[int, Any]()
    with suppress(Exception):  # the many that Pillow raises for damaged EXIF
        exif.load(metadata.exif)
        tags = _descriptive(exif)
    if metadata.icc:
        tags[TiffImagePlugin.ICCPROFILE] = metadata.icc
    if metadata.xmp:
        tags[TiffImagePlugin.XMP] = metadata.xmp
    return tags


def cicp_of(icc: bytes) -> bytes:
    """Return the four codes of H.273 in a profile, as the cICP chunk of a PNG has them, or b"".

    >>> cicp_of(b"")
    b''
    """
    count = int.from_bytes(icc[128:132])
    for at in range(132, min(132 + 12 * count, len(icc) - 11), 12):
        name, start, size = struct.unpack_from(">4sII", icc, at)
        if name == b"cicp" and size == 12:
            return icc[start + 8 : start + 12]
    return b""


def upright_exif(exif: bytes) -> bytes:
    """Return EXIF with an upright orientation and without its thumbnail.

    Everything else keeps its offset, because maker notes refer to absolute offsets. Bytes that are
    not EXIF give b"".
    """
    data = bytearray(exif.removeprefix(EXIF_PREFIX))
    order = _BYTE_ORDERS.get(bytes(data[:4]))
    if order is None:
        return b""
    try:
        (start,) = struct.unpack_from(order + "I", data, 4)
        places, link = _directory(data, order, start)
        _set_upright(data, order, places)
        _drop_thumbnail(data, order, link)
    except struct.error:  # an offset beyond the end
        return b""
    return bytes(data)


def _directory(data: bytearray, order: str, start: int) -> tuple[dict[int, int], int]:
    """Return the offsets of the entries by tag, and that of the link to the next directory."""
    (count,) = struct.unpack_from(order + "H", data, start)
    first, link = start + 2, start + 2 + 12 * count
    places = range(first, link, 12)
    return {struct.unpack_from(order + "H", data, at)[0]: at for at in places}, link


def _set_upright(data: bytearray, order: str, places: dict[int, int]) -> None:
    if (at := places.get(Base.Orientation)) is not None:
        (kind,) = struct.unpack_from(order + "H", data, at + 2)
        struct.pack_into(order + _NUMBER_TYPES.get(kind, "H"), data, at + 8, 1)


def _drop_thumbnail(data: bytearray, order: str, link: int) -> None:
    if link + 4 > len(data):
        return
    (start,) = struct.unpack_from(order + "I", data, link)
    struct.pack_into(order + "I", data, link, 0)
    if not 0 < start < len(data) - 1:
        return
    places, _ = _directory(data, order, start)
    wanted = [places.get(tag) for tag in (Base.JpegIFOffset, Base.JpegIFByteCount)]
    offset, length = (
        0 if at is None else struct.unpack_from(order + "I", data, at + 8)[0] for at in wanted
    )
    if link < offset < len(data) <= offset + length + 3:  # only at the end can it be cut off
        del data[offset:]


def upright_xmp(xmp: bytes) -> bytes:
    """Return XMP with an upright orientation and without padding.

    >>> upright_xmp(b'<x tiff:Orientation="6"/>   <?xpacket end="w"?>')
    b'<x tiff:Orientation="1"/><?xpacket end="w"?>'
    """
    before, end, after = _XMP_ORIENTATION.sub(rb"\g<1>1", xmp).rpartition(_XMP_END)
    return before.rstrip() + end + after


def upright(samples: Samples, image: Image.Image) -> Samples:
    """Turn samples (H, W, C) upright, as the EXIF of their image tells."""
    try:
        turn = _TURNS.get(image.getexif().get(Base.Orientation, 1))
    except Exception:  # unreadable EXIF has no orientation
        return samples
    return samples if turn is None else turn(samples)

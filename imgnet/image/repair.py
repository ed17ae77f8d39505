"""Repair of sound files that Pillow refuses or misreads, and what is there of truncated ones."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, TiffImagePlugin
from PIL.PngImagePlugin import MAX_TEXT_CHUNK

from imgnet.arrays import ByteArray
from imgnet.errors import InputError
from imgnet.image.geometry import resolve_size
from imgnet.image.picture import MAX_METADATA_BYTES
from imgnet.image.sixteen_bit import PNG_SIGNATURE

TIFF_MARKS = {b"II*\0": "<", b"MM\0*": ">", b"II+\0": "<", b"MM\0+": ">"}  # with byte orders

_JPEG_START, _JPEG_SCAN, _JPEG_END = b"\xff\xd8", b"\xff\xda", b"\xff\xd9"
_WHITE_IS_ZERO, _BLACK_IS_ZERO = 0, 1
_PROGRESSIVE_FRAME = b"\xff\xc2"
_SCAN_HEADER = re.compile(rb"\xff\xda\0[\x06-\x0c]([\x01-\x04])", re.DOTALL)
_CONTINUATIONS = (
    b"",
    bytes(64),
    *(64 * bits for bits in (b"\xfe", b"\xaa", b"\xcc", b"\x92\x49\x24")),
)
_READ = (b"iCCP", b"tEXt", b"zTXt", b"iTXt")  # chunks whose content is read here

GREY = 128  # of the pixels that a JPEG lacks; those of other formats are 0
_truncation_lock = Lock()


@dataclass(frozen=True)
class Repaired:
    """The content of a file that Pillow can read.

    Attributes:
        data: Content.
        notes: Parts that were left out or replaced, one sentence each.
        icc: Colour profile that Pillow refuses, or b"".
        is_inverted: Whether the tones are to be inverted.
    """

    data: bytes
    notes: tuple[str, ...] = ()
    icc: bytes = b""
    is_inverted: bool = False


def repaired(data: bytes) -> Repaired:
    """Repair a PNG, JPEG or TIFF; any other file stays as it is.

    Args:
        data: Content of the file.

    Raises:
        InputError: A critical chunk of a PNG has a wrong checksum.

    >>> repaired(b"GIF89a").data
    b'GIF89a'
    """
    if data.startswith(PNG_SIGNATURE):
        return _repaired_png(data)
    if data.startswith(_JPEG_START):
        return _repaired_jpeg(data)
    return _repaired_tiff(data) if data[:4] in TIFF_MARKS else Repaired(data)


def png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield the names of the whole chunks of a PNG, with the offsets of their contents and ends.

    >>> list(png_chunks(PNG_SIGNATURE + bytes(4) + b"IEND" + bytes(4)))
    [(b'IEND', 16, 16)]
    """
    at = len(PNG_SIGNATURE)
    while at + 12 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        start, at = at + 8, at + 12 + length
        if at > len(data):
            return
        yield name, start, start + length


def _repaired_png(data: bytes) -> Repaired:
    """Leave out what is damaged or too large for Pillow, and not needed for the pixels."""
    icc, notes, dropped = b"", [], []
    for name, start, end in png_chunks(data):
        note, content = "", data[start:end] if name in _READ else b""
        if zlib.crc32(memoryview(data)[start - 4 : end]) != int.from_bytes(data[end : end + 4]):
            note = _note_on_damage(name.decode(errors="replace"))
        elif name == b"iCCP":
            icc, note = _large_profile(content)
        elif name in _READ and _text_size(name, content) > MAX_TEXT_CHUNK:
            note = "holds text too large to keep; it is left out"
        if note:
            notes.append(note)
            dropped.append((start - 8, end + 4))
    return Repaired(_without(data, dropped), tuple(dict.fromkeys(notes)), icc)


def _note_on_damage(name: str) -> str:
    if name[:1].isupper():
        raise InputError(f"damaged or cut short (wrong checksum of {name}); get it again")
    return f"has a damaged {name} chunk; it is left out"


def _large_profile(chunk: bytes) -> tuple[bytes, str]:
    """Return a colour profile that Pillow refuses, and a note; b"" and "" for one that it reads."""
    _, _, rest = chunk.partition(b"\0")
    profile = _inflated(rest[1:], MAX_METADATA_BYTES) if rest[:1] == b"\0" else None
    if profile is None:
        return b"", "has a damaged colour profile; it is left out"
    if len(profile) > MAX_METADATA_BYTES:
        return b"", "holds a colour profile too large to keep; it is left out"
    if len(profile) <= MAX_TEXT_CHUNK:
        return b"", ""
    size = f"{len(profile):,} bytes"
    return profile, f"holds a colour profile of {size}; --metadata none leaves it out"


def _text_size(name: bytes, chunk: bytes) -> int:
    """Return the size of a text after decompression, at least of what is read of it."""
    _, _, rest = chunk.partition(b"\0")
    packed = rest[1:] if name == b"zTXt" else b""
    if name == b"iTXt" and rest[:1] == b"\1":
        packed = rest[2:].split(b"\0", 2)[-1]
    text = _inflated(packed, MAX_TEXT_CHUNK) if packed else chunk
    return len(text or b"")


def _inflated(packed: bytes, limit: int) -> bytes | None:
    """Decompress at most one byte more than `limit`; return None for damaged data."""
    decompressor = zlib.decompressobj()
    try:
        content = decompressor.decompress(packed, limit + 1)
    except zlib.error:
        return None
    return content if decompressor.eof or len(content) > limit else None


def _without(data: bytes, dropped: list[tuple[int, int]]) -> bytes:
    if not dropped:
        return data
    starts, ends = [0, *(end for _, end in dropped)], [*(start for start, _ in dropped), len(data)]
    return b"".join(data[start:end] for start, end in zip(starts, ends, strict=True))


def _repaired_jpeg(data: bytes) -> Repaired:
    """Append the end marker if nothing else is missing.

    A decoder makes up missing pixels from whatever follows the data, so that none is missing if
    nothing that follows makes a difference.
    """
    if _JPEG_END in data[data.rfind(_JPEG_SCAN) :]:
        return Repaired(data)
    try:
        image = Image.open(BytesIO(data))
        resolve_size(image.size, None)  # refuses a size beyond the limits
        first, *others = (_decoded(data + more + _JPEG_END) for more in _CONTINUATIONS)
    except Exception:  # Pillow's readers raise almost anything on damaged files
        return Repaired(data)
    is_cut = any(not np.array_equal(first, other) for other in others)
    if is_cut or ("progressive" in image.info and not _has_all_scans(data, len(image.getbands()))):
        return Repaired(data)
    return Repaired(data + _JPEG_END, ("lacks its end marker; all its pixels are read",))


def _has_all_scans(data: bytes, num_components: int) -> bool:
    """Tell whether the scans of a progressive JPEG hold all bits of all 64 coefficients."""
    low_bits: dict[tuple[int, int], int] = {}
    frame = data[data.rfind(_PROGRESSIVE_FRAME) :]  # behind any thumbnail
    for scan in re.finditer(_SCAN_HEADER, frame):
        at = scan.end() + 2 * scan[1][0]
        first, last, bits = frame[at : at + 3]
        for component in frame[scan.end() : at : 2]:
            low_bits |= {(component, index): bits & 15 for index in range(first, last + 1)}
    return len(low_bits) == 64 * num_components and not any(low_bits.values())


def _decoded(data: bytes) -> ByteArray:
    return np.asarray(Image.open(BytesIO(data)))


def _repaired_tiff(data: bytes) -> Repaired:
    """Mark zero as black in a TIFF of more than 8 bits where it is white.

    Pillow ignores that mark, or refuses it.
    """
    order = TIFF_MARKS[data[:4]]
    try:
        entries = dict(_tiff_entries(data))
        tone_at = entries[TiffImagePlugin.PHOTOMETRIC_INTERPRETATION]
        bits_at = entries[TiffImagePlugin.BITSPERSAMPLE]
        (tone,), (bits,) = (struct.unpack_from(order + "H", data, at) for at in (tone_at, bits_at))
    except (KeyError, struct.error):
        return Repaired(data)
    if tone != _WHITE_IS_ZERO or bits <= 8:
        return Repaired(data)
    marked = bytearray(data)
    struct.pack_into(order + "H", marked, tone_at, _BLACK_IS_ZERO)
    return Repaired(bytes(marked), is_inverted=True)


def _tiff_entries(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield the tags of the first directory of a TIFF, with the offsets of their values."""
    order, is_big = TIFF_MARKS[data[:4]], b"+" in data[:4]
    start_at, start_type, count_type, size = (8, "Q", "Q", 20) if is_big else (4, "I", "H", 12)
    (start,) = struct.unpack_from(order + start_type, data, start_at)
    (count,) = struct.unpack_from(order + count_type, data, start)
    first = start + struct.calcsize(count_type)
    for at in range(first, min(first + count * size, len(data)), size):
        yield struct.unpack_from(order + "H", data, at)[0], at + (12 if is_big else 8)


@contextmanager
def reading_truncated() -> Iterator[None]:
    """Let Pillow read truncated files inside a `with` block."""
    with _truncation_lock:  # the switch holds for all threads
        before = ImageFile.LOAD_TRUNCATED_IMAGES
        ImageFile.LOAD_TRUNCATED_IMAGES = True
        try:
            yield
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = before


def missing_rows(samples: NDArray[Any]) -> int:
    """Count the rows at the bottom, or at the top, that a decoder left empty: all grey or all 0.

    Args:
        samples: (H, W) or (H, W, C) as decoded, not turned upright.

    >>> missing_rows(np.array([[7, 9], [128, 9], [128, 128], [128, 128]]))
    2
    """
    flat = samples.reshape(len(samples), -1)
    return max(_empty_rows(flat[::-1]), _empty_rows(flat))  # a BMP begins with the bottom


def _empty_rows(rows: NDArray[Any]) -> int:
    value = rows[0, 0]
    if value not in (0, GREY):
        return 0
    is_filled = (rows != value).any(axis=1)
    return int(is_filled.argmax()) if is_filled.any() else len(rows)


def truncation_note(num_missing: int, height: int) -> str:
    """Return a sentence on a truncated image.

    >>> truncation_note(155, 300)
    'is cut short: 155 of its 300 rows are missing'
    """
    if num_missing:
        return f"is cut short: {num_missing:,} of its {height:,} rows are missing"
    return "is damaged or cut short; no row is missing, but detail may be"

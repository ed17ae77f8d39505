"""PNGs with chunks that are damaged or too large for Pillow."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from PIL.PngImagePlugin import MAX_TEXT_CHUNK

from imgnet.errors import InputError
from imgnet.image.picture import MAX_METADATA_BYTES
from imgnet.image.repair.content import Repaired
from imgnet.image.sixteen_bit import PNG_SIGNATURE

_READ = (b"iCCP", b"tEXt", b"zTXt", b"iTXt")  # chunks whose content is read here
_SIZES = {b"sRGB": 1, b"gAMA": 4, b"cHRM": 32, b"pHYs": 9, b"acTL": 8, b"fcTL": 26}  # of chunks
_STEP = 1 << 20  # bytes decompressed at once
_NUMBERED = (b"fcTL", b"fdAT")  # chunks of an animation that start with a number


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


def repaired_png(data: bytes) -> Repaired:
    """Leave out what is damaged or too large for Pillow, and not needed for the pixels."""
    icc, notes, dropped = b"", [], []
    is_animated = _is_animated(data)
    _check_end(data)
    for name, start, end in png_chunks(data):
        note, content = "", data[start:end] if name in _READ else b""
        if zlib.crc32(memoryview(data)[start - 4 : end]) != int.from_bytes(data[end : end + 4]):
            note = _note_on_damage(name.decode(errors="replace"))
        elif end - start < _SIZES.get(name, 0):
            note = _note_on_damage(name.decode())
        elif name in (b"acTL", *_NUMBERED) and not is_animated:
            note = "has a damaged animation; only its still picture is read"
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


def _check_end(data: bytes) -> None:
    """Refuse pixels that end in the midst of a chunk; Pillow reads on without its checksum."""
    chunks = list(png_chunks(data))
    end = chunks[-1][2] + 4 if chunks else len(PNG_SIGNATURE)
    parts = [data[start:end] for name, start, end in chunks if name == b"IDAT"]
    if data[end + 4 : end + 8] == b"IDAT" and not _is_whole([*parts, data[end + 8 :]]):
        raise OSError("image data end early")


def _is_whole(parts: list[bytes]) -> bool:
    """Tell whether compressed data end with the checksum of their content."""
    decompressor = zlib.decompressobj()
    try:
        for part in parts:
            rest = part
            while rest:
                decompressor.decompress(rest, _STEP)
                rest = decompressor.unconsumed_tail
    except zlib.error:
        return False
    return decompressor.eof


def _is_animated(data: bytes) -> bool:
    """Tell whether the chunks of an animation have the numbers 0, 1, 2, ... and a frame first."""
    found = [(name, data[start : start + 4]) for name, start, _ in png_chunks(data)]
    frames = [(name, int.from_bytes(number)) for name, number in found if name in _NUMBERED]
    numbers = [number for _, number in frames]
    return numbers == list(range(len(frames))) and frames[:1] != [(b"fdAT", 0)]


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

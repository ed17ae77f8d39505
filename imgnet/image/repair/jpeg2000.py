"""JPEG 2000 of more than 8 bits a sample and several channels, whose white Pillow reads as 0.

Pillow rounds the samples to 8 bits without a limit, so that 256 wraps to 0. A file that declares
one bit more has the same samples half a range higher: no sample wraps, and half of the steps are
left, which is enough to tell black from white.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from io import BytesIO

import numpy as np
from PIL import Image

from imgnet.arrays import ByteArray
from imgnet.image.sixteen_bit import JPEG_2000_START

_SIZES, _QUANTIZATION, _QUANTIZATION_OF_ONE, _TILE = 0xFF51, 0xFF5C, 0xFF5D, 0xFF90  # markers
_REVERSIBLE = 0  # style of quantisation, without steps
_GUARD_BIT, _STYLE = 0x20, 0x1F
_EXPONENT = 0x800  # of a step
_MIDDLE = 128


def unwrapped(samples: ByteArray, data: bytes) -> ByteArray:
    """Return samples with 255 where Pillow's decoder wrapped white to 0.

    Args:
        samples: (H, W, C) samples as Pillow decodes the file.
        data: Content of a JPEG 2000 of more than 8 bits a sample.
    """
    if samples.all():
        return samples
    try:
        higher = np.asarray(Image.open(BytesIO(_with_a_bit_more(data))))
    except ValueError:  # no guard bit to spare
        return samples
    if higher.shape != samples.shape:  # inks, which have become RGB
        return samples
    return np.where((samples == 0) & (higher > _MIDDLE), np.uint8(255), samples)


def _with_a_bit_more(data: bytes) -> bytes:
    """Return the file with one bit more a sample, and the same steps of quantisation."""
    wide = bytearray(data)
    for marker, start, end in _segments(data):
        if marker == _SIZES:
            (count,) = struct.unpack_from(">H", data, start + 34)
            for at in range(start + 36, min(start + 36 + 3 * count, end), 3):
                wide[at] += 1
        elif marker == _QUANTIZATION:
            _add_a_bit(wide, start, end)
        elif marker == _QUANTIZATION_OF_ONE:
            _add_a_bit(wide, start + 1, end)
    return bytes(wide)


def _add_a_bit(wide: bytearray, start: int, end: int) -> None:
    """Raise the exponents of steps by one, at the cost of a guard bit; the number of bits stays."""
    if wide[start] & _STYLE == _REVERSIBLE:
        return
    wide[start] -= _GUARD_BIT
    for at in range(start + 1, end - 1, 2):
        (step,) = struct.unpack_from(">H", wide, at)
        struct.pack_into(">H", wide, at, step + _EXPONENT)


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield the markers of the main header, with the offsets of their contents and ends."""
    at = data.find(JPEG_2000_START) + 2
    while 2 <= at <= len(data) - 4:
        marker, size = struct.unpack_from(">HH", data, at)
        if marker == _TILE or size < 2:
            return
        yield marker, at + 4, at + 2 + size
        at += 2 + size

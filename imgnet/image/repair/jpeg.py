"""JPEGs that lack nothing but their end marker."""

from __future__ import annotations

import re
from io import BytesIO

import numpy as np
from PIL import Image

from imgnet.arrays import ByteArray
from imgnet.image.geometry import resolve_size
from imgnet.image.repair.content import Repaired

JPEG_MARK = b"\xff\xd8"

_SCAN, _END = b"\xff\xda", b"\xff\xd9"
_PROGRESSIVE_FRAME = b"\xff\xc2"
_SCAN_HEADER = re.compile(rb"\xff\xda\0[\x06-\x0c]([\x01-\x04])", re.DOTALL)
_CONTINUATIONS = (
    b"",
    bytes(64),
    *(64 * bits for bits in (b"\xfe", b"\xaa", b"\xcc", b"\x92\x49\x24")),
)


def repaired_jpeg(data: bytes) -> Repaired:
    """Append the end marker if nothing else is missing.

    A decoder makes up missing pixels from whatever follows the data, so that none is missing if
    nothing that follows makes a difference.
    """
    if _END in data[data.rfind(_SCAN) :]:
        return Repaired(data)
    try:
        image = Image.open(BytesIO(data))
        resolve_size(image.size, None)  # refuses a size beyond the limits
        first, *others = (_decoded(data + more + _END) for more in _CONTINUATIONS)
    except Exception:  # Pillow's readers raise almost anything on damaged files
        return Repaired(data)
    is_cut = any(not np.array_equal(first, other) for other in others)
    if is_cut or ("progressive" in image.info and not _has_all_scans(data, len(image.getbands()))):
        return Repaired(data)
    return Repaired(data + _END, ("lacks its end marker; all its pixels are read",))


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

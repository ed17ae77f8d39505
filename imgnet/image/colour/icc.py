"""ICC profiles of displays."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np

from imgnet.arrays import Float64Array

# A tone curve of ICC, by length: the exponent; y = (a x + b)^g from d on and c x below, as g, a, b,
# c, d; or more samples of y, at equal steps of x from 0 to 1.
Curve = tuple[float, ...]

_D50 = (0.9642, 1.0, 0.8249)
_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)
_NUM_PARAMETERS = 5


def icc_profile(
    colours: Sequence[float],
    curves: Sequence[Curve],
    *,
    is_grey: bool = False,
    cicp: bytes = b"",
) -> bytes:
    """Return an ICC profile of a display.

    Args:
        colours: x and y of white, red, green and blue.
        curves: Tone curve of all channels, or of each.
        is_grey: Make a profile of grey, which has a curve only.
        cicp: Codes of H.273, or b"" for none.

    Raises:
        ValueError: A colour has no light, or a number is not finite.
        struct.error: A number is beyond the range of ICC.
        numpy.linalg.LinAlgError: The colours lie on a line.

    >>> icc_profile((0.31, 0.33, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06), [(1.0,)])[12:24]
    b'mntrRGB XYZ '
    """
    trc = [_tone_curve(curve) for curve in curves]
    tags = {b"desc": _text("Colours of the file"), b"cprt": _text("CC0"), b"wtpt": _xyz(_D50)}
    if is_grey:
        tags[b"kTRC"] = trc[0]
    else:
        adaptation, columns = _adapted(colours)
        tags[b"chad"] = struct.pack(">4s4x9i", b"sf32", *_fixed(adaptation.ravel()))
        tags |= {b"rgb"[i : i + 1] + b"XYZ": _xyz(columns[:, i]) for i in range(3)}
        tags |= {b"rgb"[i : i + 1] + b"TRC": trc[i % len(trc)] for i in range(3)}
    if cicp:
        tags[b"cicp"] = b"cicp" + bytes(4) + cicp
    return _assembled(tags, b"GRAY" if is_grey else b"RGB ")


def _adapted(colours: Sequence[float]) -> tuple[Float64Array, Float64Array]:
    """Return the matrix from a white to D50, and the XYZ of red, green and blue under D50."""
    x, y = np.reshape(np.asarray(colours, np.float64), (4, 2)).T
    if not (y > 0).all():
        raise ValueError("a colour without light")
    xyz = np.stack([x / y, np.ones(4), (1 - x - y) / y])
    white, primaries = xyz[:, 0], xyz[:, 1:]
    cones = (_BRADFORD @ _D50) / (_BRADFORD @ white)
    adaptation = np.linalg.inv(_BRADFORD) @ np.diag(cones) @ _BRADFORD
    return adaptation, adaptation @ (primaries * np.linalg.solve(primaries, white))


def _fixed(numbers: Sequence[float] | Float64Array) -> list[int]:
    return [round(float(number) * 65536) for number in numbers]


def _tone_curve(curve: Curve) -> bytes:
    if len(curve) > _NUM_PARAMETERS:
        levels = (round(light * 65535) for light in curve)
        return struct.pack(f">4s4xI{len(curve)}H", b"curv", len(curve), *levels)
    kind = 0 if len(curve) == 1 else 3
    return struct.pack(f">4s4xHxx{len(curve)}i", b"para", kind, *_fixed(curve))


def _xyz(values: Sequence[float] | Float64Array) -> bytes:
    return struct.pack(">4s4x3i", b"XYZ ", *_fixed(values))


def _text(text: str) -> bytes:
    content = text.encode("utf-16-be")
    return struct.pack(">4s4xII4sII", b"mluc", 1, 12, b"enUS", len(content), 28) + content


def _assembled(tags: dict[bytes, bytes], space: bytes) -> bytes:
    """Return the profile; equal tags share their bytes."""
    start = 132 + 12 * len(tags)
    table, body, places = struct.pack(">I", len(tags)), b"", dict[bytes, int]()
    for name, content in tags.items():
        if content not in places:
            places[content] = start + len(body)
            body += content + bytes(-len(content) % 4)
        table += struct.pack(">4sII", name, places[content], len(content))
    head = struct.pack(">I4xI", start + len(body), 0x04400000) + b"mntr" + space + b"XYZ "
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp"
    head = head.ljust(68, b"\0") + struct.pack(">3i", *_fixed(_D50))
    return head.ljust(128, b"\0") + table + body

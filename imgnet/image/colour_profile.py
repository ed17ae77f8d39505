"""ICC profiles for colours that a file describes in another way: gAMA, cHRM, cICP and nclx."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np
from PIL import Image

from imgnet.arrays import Float64Array
from imgnet.image.repair.png import png_chunks

_D50 = (0.9642, 1.0, 0.8249)
_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)
_D65, _C = (0.3127, 0.329), (0.31, 0.316)
_SRGB_COLOURS = (*_D65, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
# By code of ITU-T H.273: x and y of white, red, green and blue.
_COLOURS = {
    1: _SRGB_COLOURS,
    2: _SRGB_COLOURS,  # unspecified
    4: (*_C, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08),
    5: (*_D65, 0.64, 0.33, 0.29, 0.6, 0.15, 0.06),
    6: (*_D65, 0.63, 0.34, 0.31, 0.595, 0.155, 0.07),
    7: (*_D65, 0.63, 0.34, 0.31, 0.595, 0.155, 0.07),
    9: (*_D65, 0.708, 0.292, 0.17, 0.797, 0.131, 0.046),
    11: (0.314, 0.351, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06),
    12: (*_D65, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06),
}
# Parametric curves of ICC: the exponent alone, or y = (a x + b)^g from d on and c x below, as
# g, a, b, c, d.
_SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
_VIDEO_CURVE = (1 / 0.45, 1 / 1.099, 0.099 / 1.099, 1 / 4.5, 0.081)
_FULL_RGB = (0, 1)  # codes of matrix and range
_HDR = {16: "PQ", 18: "HLG"}
_CURVES: dict[int, tuple[float, ...]] = {
    **dict.fromkeys((1, 6, 14, 15), _VIDEO_CURVE),
    **dict.fromkeys((2, 13, *_HDR), _SRGB_CURVE),  # ICC has no curve of HDR; cicp tells it
    4: (2.2,),
    5: (2.8,),
    8: (1.0,),
    17: (2.6,),
}
_USUAL_GAMMA, _GAMMA_TOLERANCE = 1 / 2.2, 0.006  # the tolerance is a level of 255
_COLOUR_TOLERANCE = 0.002


def described_profile(data: bytes, image: Image.Image) -> tuple[bytes, str]:
    """Return an ICC profile of the colours that a PNG or AVIF describes without one.

    Args:
        data: Content of the file.
        image: The same image as Pillow opened it.

    Returns:
        The profile, b"" if the colours are sRGB or have a profile; and a note on what it cannot
        keep, or "".
    """
    codes, is_grey = _colour_codes(data, image), _is_grey(data, image)
    if codes is not None:
        return _from_codes(codes, is_grey=is_grey)
    is_known = any(name in image.info for name in ("icc_profile", "srgb"))
    if image.format != "PNG" or is_known or not {"gamma", "chromaticity"} & set(image.info):
        return b"", ""
    return _from_gamma(image, is_grey=is_grey)


def icc_profile(
    colours: Sequence[float], curve: Sequence[float], *, is_grey: bool = False, cicp: bytes = b""
) -> bytes:
    """Return an ICC profile of a display.

    Args:
        colours: x and y of white, red, green and blue.
        curve: Exponent, or g, a, b, c and d of a parametric curve with a linear part.
        is_grey: Make a profile of grey, which has a curve only.
        cicp: Codes of H.273, or b"" for none.

    >>> icc_profile(_SRGB_COLOURS, (1.0,))[12:24]
    b'mntrRGB XYZ '
    """
    kind = 0 if len(curve) == 1 else 3
    trc = struct.pack(f">4s4xHxx{len(curve)}i", b"para", kind, *_fixed(curve))
    tags = {b"desc": _text("Colours of the file"), b"cprt": _text("CC0"), b"wtpt": _xyz(_D50)}
    if is_grey:
        tags[b"kTRC"] = trc
    else:
        adaptation, columns = _adapted(colours)
        tags[b"chad"] = struct.pack(">4s4x9i", b"sf32", *_fixed(adaptation.ravel()))
        tags |= {b"rgb"[i : i + 1] + b"XYZ": _xyz(columns[:, i]) for i in range(3)}
        tags |= {b"rgb"[i : i + 1] + b"TRC": trc for i in range(3)}
    if cicp:
        tags[b"cicp"] = b"cicp" + bytes(4) + cicp
    return _assembled(tags, b"GRAY" if is_grey else b"RGB ")


def _colour_codes(data: bytes, image: Image.Image) -> tuple[int, ...] | None:
    """Return the codes of H.273: primaries, transfer, matrix and range of the samples."""
    if image.format == "PNG":
        chunks = (data[start:end] for name, start, end in png_chunks(data) if name == b"cICP")
        codes = next(chunks, b"")
        return tuple(codes) if len(codes) == 4 else None
    at = data.find(b"colrnclx") if image.format == "AVIF" else -1
    if at < 0 or "icc_profile" in image.info:
        return None
    return *struct.unpack_from(">HH", data, at + 8), *_FULL_RGB  # the decoder makes them so


def _from_codes(codes: tuple[int, ...], *, is_grey: bool) -> tuple[bytes, str]:
    colours, curve = _COLOURS.get(codes[0]), _CURVES.get(codes[1])
    if colours is None or curve is None or codes[2:] != _FULL_RGB:
        return b"", f"describes its colours as CICP {'/'.join(map(str, codes))}; read as sRGB"
    if codes[1] in _HDR:
        note = f"holds HDR colours ({_HDR[codes[1]]}), kept for programs that read cicp profiles"
        return icc_profile(colours, curve, is_grey=is_grey, cicp=bytes(codes)), note
    if curve == _SRGB_CURVE and (is_grey or colours == _SRGB_COLOURS):
        return b"", ""
    return icc_profile(colours, curve, is_grey=is_grey), ""


def _from_gamma(image: Image.Image, *, is_grey: bool) -> tuple[bytes, str]:
    gamma = image.info.get("gamma", _USUAL_GAMMA)
    colours = image.info.get("chromaticity", _SRGB_COLOURS)
    is_srgb = np.abs(np.subtract(colours, _SRGB_COLOURS)).max() < _COLOUR_TOLERANCE
    is_usual = abs(gamma - _USUAL_GAMMA) < _GAMMA_TOLERANCE
    if is_usual and (is_srgb or is_grey):
        return b"", ""
    curve = _SRGB_CURVE if is_usual else (1 / max(gamma, 1e-5),)
    try:
        return icc_profile(colours, curve, is_grey=is_grey), ""
    except (ArithmeticError, ValueError, struct.error, np.linalg.LinAlgError):
        return b"", "describes its colours by impossible numbers; read as sRGB"


def _is_grey(data: bytes, image: Image.Image) -> bool:
    return image.format == "PNG" and not data[25] & 2  # the colour type


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

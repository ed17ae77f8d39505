"""Messages on files that are no pictures, or whose pictures cannot be read."""

from __future__ import annotations

import re

RAW = "a raw photo is not read; develop it, and give the TIFF or JPEG"

_BROKEN = "damaged, or a kind of {} that is not read; get it again"
_DAMAGED = "damaged, or a kind of {} that is not read; get it again, or convert it to PNG"
_TIFF = "damaged, or a kind of {} that is not read; convert it to RGB of 8 or 16 bits"
_KNOWN = "{} is not read; convert it to PNG"
_BY_START = (  # first bytes, name of the format, message
    (rb"II[*+]\0|MM\0[*+]", "TIFF", _TIFF),
    (rb"\x89PNG", "PNG", _BROKEN),
    (rb"\xff\xd8\xff", "JPEG", _DAMAGED),
    (rb"GIF8", "GIF", _BROKEN),
    (rb"RIFF....WEBP", "WebP", _DAMAGED),
    (rb"BM", "BMP", _DAMAGED),
    (rb"8BPS", "Photoshop file", _DAMAGED),
    (rb"....ftyp(....){0,12}?avi[fs]", "AVIF", _DAMAGED),
    (rb"....(jP  |ftypjp2)|\xff\x4f\xff\x51", "JPEG 2000", _DAMAGED),
    (rb"....ftyp(hei|hev|mif1|msf1)", "HEIC", _KNOWN),
    (rb"\xff\x0a|\0\0\0\x0cJXL ", "JPEG XL", _KNOWN),
    (rb"v/1\x01|#\?(RADIANCE|RGBE)", "a picture of high dynamic range", _KNOWN),
    (rb"II(U\0|R[OS])|FUJIFILM|....ftypcrx", "a raw photo", RAW),
    (rb"P7\s", "PAM", _KNOWN),
    (rb"PF\s", "PFM of colours", _KNOWN),
    (rb"II\xbc\x01", "JPEG XR", _KNOWN),
    (rb"%PDF", "PDF", _KNOWN),
    (rb"\s*(<\?xml.*?)?(<!.*?)?<svg", "SVG", _KNOWN),
)
_VAGUE = "decoder error"  # of libtiff, also on a compression that it was built without
_UNSUPPORTED = r"unsupported|not supported|not implemented|unknown|cannot find loader|ghostscript"


def unidentified(data: bytes) -> str:
    """Return the message on a file that no reader takes.

    Args:
        data: Content of the file.

    >>> unidentified(b"%PDF-1.7")
    'PDF is not read; convert it to PNG'
    """
    for start, name, message in _BY_START:
        if re.match(start, data[:1024], re.DOTALL):
            return message.format(name)
    return "not an image of a known format; expected one such as PNG, JPEG or TIFF"


def unreadable(error: Exception) -> str:
    """Return the message on a failure of Pillow to read a file, in one line.

    >>> unreadable(OSError("Unsupported BMP header type (66)"))
    'of a kind that is not read (Unsupported BMP header type (66)); convert it to PNG'
    >>> unreadable(EOFError())
    'damaged or cut short (EOFError); get it again'
    """
    if isinstance(error, MemoryError):
        return "too large for the memory of this machine; make it smaller first"
    reason = " ".join(str(error).split()) or type(error).__name__
    if reason.startswith(_VAGUE):
        return _TIFF.format("TIFF")
    if re.search(_UNSUPPORTED, reason, re.IGNORECASE):
        return f"of a kind that is not read ({reason}); convert it to PNG"
    return f"damaged or cut short ({reason}); get it again"

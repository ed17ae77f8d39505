"""Colours of a PNG: cICP, sRGB, gAMA and cHRM."""

from __future__ import annotations

from PIL import Image

from imgnet.image.colour.codes import describe_codes
from imgnet.image.colour.display import (
    SRGB,
    SRGB_COLOURS,
    SRGB_CURVE,
    Description,
    describe,
    is_usual_gamma,
)
from imgnet.image.repair.png import png_chunks

_LEAST_GAMMA = 1e-5


def describe_png(data: bytes, image: Image.Image) -> Description | None:
    """Describe the colours of a PNG; None if it says nothing on them."""
    chunks = (data[start:end] for name, start, end in png_chunks(data) if name == b"cICP")
    codes = next(chunks, b"")
    if len(codes) == 4:
        return describe_codes(image, tuple(codes))
    if any(name in image.info for name in ("icc_profile", "srgb")):
        return SRGB
    if not {"gamma", "chromaticity"} & set(image.info):
        return None
    exponent = 1 / max(image.info.get("gamma", 1 / 2.2), _LEAST_GAMMA)
    curve = SRGB_CURVE if is_usual_gamma(exponent) else (exponent,)
    return describe(image, image.info.get("chromaticity", SRGB_COLOURS), curve)

"""Colours of a TIFF, and of EXIF in other files: white, primaries, transfer function, Adobe RGB."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image
from PIL.ExifTags import IFD, Base

from imgnet.arrays import Float64Array
from imgnet.image.colour.display import (
    D65,
    IMPOSSIBLE,
    SRGB_COLOURS,
    SRGB_CURVE,
    Description,
    describe,
)
from imgnet.image.colour.icc import Curve

_SRGB, _ADOBE_RGB, _UNCALIBRATED = 1, 2, 65535  # colour spaces
_INTEROP_INDEX, _ADOBE_INDEX = 1, "R03"
_ADOBE_COLOURS = (*D65, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
_ADOBE_CURVE = (563 / 256,)
_MEANINGS = (Base.WhitePoint, Base.PrimaryChromaticities, Base.TransferFunction)
_FEWEST_SAMPLES, _MOST_SAMPLES = 16, 1025  # of a curve
_NO_CURVE = (0.0,)
_ROUNDING = 2 / 65535


def describe_exif(image: Image.Image) -> Description | None:
    """Describe the colours of an image by its TIFF tags or EXIF; None if they say nothing."""
    tags = _tags_of(image)
    inner = tags.get_ifd(IFD.Exif)
    space = inner.get(Base.ColorSpace)
    if space == _SRGB:
        return None
    if space == _ADOBE_RGB or _interop_index(tags, inner) == _ADOBE_INDEX:
        return describe(image, _ADOBE_COLOURS, _ADOBE_CURVE)
    if any(tag in tags for tag in _MEANINGS):
        try:
            return _described_by(tags, inner, image)
        except (TypeError, ValueError, ArithmeticError):  # of a tag of another type or size
            return IMPOSSIBLE
    if space == _UNCALIBRATED:
        return Description(note="says that its colours are not sRGB, but not which; read as sRGB")
    return None


def _tags_of(image: Image.Image) -> Image.Exif:
    if image.format == "TIFF":
        return image.getexif()
    exif = Image.Exif()
    exif.load(image.info.get("exif", b""))  # `getexif` would load the pixels of a PNG
    return exif


def _interop_index(tags: Image.Exif, inner: Mapping[int, Any]) -> str:
    if IFD.Interop not in inner:  # where Pillow 12 raises a KeyError
        return ""
    return str(tags.get_ifd(IFD.Interop).get(_INTEROP_INDEX, "")).rstrip("\0")


def _described_by(
    tags: Mapping[int, Any], inner: Mapping[int, Any], image: Image.Image
) -> Description:
    white = tags.get(Base.WhitePoint, SRGB_COLOURS[:2])
    primaries = tags.get(Base.PrimaryChromaticities, SRGB_COLOURS[2:])
    colours = [float(number) for number in (*white, *primaries)]
    if (samples := tags.get(Base.TransferFunction)) is not None:
        bits = int(np.ravel(tags.get(Base.BitsPerSample, 8))[0])
        curves = _curves(np.array(samples) / 65535, bits)
    else:
        gamma = inner.get(Base.Gamma)
        curves = [SRGB_CURVE if gamma is None else (float(gamma),)]
    return describe(image, colours, *curves) if curves else IMPOSSIBLE


def _curves(light: Float64Array, bits: int) -> list[Curve]:
    """Return the curves of a transfer function, one or three; none if it is of another size."""
    if light.size not in (1 << bits, 3 << bits):
        return []
    return [_curve(samples) for samples in light.reshape(-1, 1 << bits)]


def _curve(light: Float64Array) -> Curve:
    """Return the curve of a transfer function, in few numbers where these are exact."""
    if light[0] > light[-1]:  # of a picture whose zero is white
        light = light[::-1]
    if (np.diff(light) < 0).any() or light[0] == light[-1]:
        return _NO_CURVE
    x = np.linspace(0, 1, light.size)
    gamma, a, b, c, d = SRGB_CURVE
    if _are_equal(light, np.where(x < d, c * x, (a * x + b) ** gamma)):
        return SRGB_CURVE
    middle = light.size // 2
    with np.errstate(divide="ignore"):
        exponent = np.log(light[middle]) / np.log(x[middle])
    if _are_equal(light, x**exponent):
        return (float(exponent),)
    count = _FEWEST_SAMPLES if light.size < _FEWEST_SAMPLES // 2 else min(light.size, _MOST_SAMPLES)
    return tuple(np.interp(np.linspace(0, 1, count), x, light).tolist())


def _are_equal(light: Float64Array, other: Float64Array) -> bool:
    return bool(np.abs(light - other).max() <= _ROUNDING)

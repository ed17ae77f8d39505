"""Colours in sRGB: by LittleCMS from a profile, and by formula from white and primaries."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

Levels = Sequence[int]

SRGB_COLOURS = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
P3_COLOURS = (0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06)
ADOBE_COLOURS = (0.3127, 0.329, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
ROMM_COLOURS = (0.3457, 0.3585, 0.7347, 0.2653, 0.1596, 0.8404, 0.0366, 0.0001)

SAMPLES = ((70, 127, 79), (128, 128, 128), (150, 120, 110), (90, 95, 140))  # dull in every space

_CONES = [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]


def as_srgb(icc: bytes, pixel: Levels) -> list[int]:
    """Return the sRGB of a pixel under a profile, by LittleCMS."""
    mode = "RGB" if len(pixel) == 3 else "L"
    image = Image.new(mode, (1, 1), tuple(pixel) if len(pixel) == 3 else pixel[0])
    profile, screen = ImageCms.ImageCmsProfile(BytesIO(icc)), ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(image, profile, screen, outputMode="RGB")
    assert converted is not None
    return [int(level) for level in np.asarray(converted)[0, 0]]


def srgb_by_formula(light: Sequence[float], colours: Sequence[float]) -> list[int]:
    """Return the sRGB of linear light of a space, without a profile and without LittleCMS."""
    xyz = _white_to_d65(colours) @ to_xyz(colours) @ light
    linear = np.linalg.solve(to_xyz(SRGB_COLOURS), xyz).clip(0, 1)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return [round(255 * float(level)) for level in encoded]


def differ(levels: Levels, expected: Levels) -> int:
    """Return the largest difference."""
    return max(abs(level - wanted) for level, wanted in zip(levels, expected, strict=True))


def srgb_light(levels: Levels) -> list[float]:
    """Return the light of levels of sRGB."""
    x = np.asarray(levels) / 255
    return np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4).tolist()


def power_light(levels: Levels, *gammas: float) -> list[float]:
    """Return the light of levels of one gamma, or of one for each channel."""
    return ((np.asarray(levels) / 255) ** gammas).tolist()


def to_xyz(colours: Sequence[float]) -> NDArray[np.float64]:
    """Return the matrix from light to XYZ, whose columns are the primaries."""
    primaries = np.transpose([_xyz(*colours[at : at + 2]) for at in (2, 4, 6)])
    return primaries @ np.diag(np.linalg.inv(primaries) @ _xyz(*colours[:2]))


def _xyz(x: float, y: float) -> list[float]:
    return [x / y, 1, (1 - x - y) / y]


def _white_to_d65(colours: Sequence[float]) -> NDArray[np.float64]:
    cones = np.array(_CONES)
    ratio = (cones @ _xyz(*SRGB_COLOURS[:2])) / (cones @ _xyz(*colours[:2]))
    return np.linalg.inv(cones) @ np.diag(ratio) @ cones

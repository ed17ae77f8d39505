"""Pictures made by formula."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


def picture(width: int = 48, height: int = 40, channels: int = 3) -> Pixels:
    """Return slopes, waves and an edge, smooth for the most part as photos are."""
    y, x = np.mgrid[0:height, 0:width]
    disc = np.hypot(x - 0.6 * width, y - 0.4 * height) < 0.25 * min(width, height)
    planes = [
        40 + 150 * x / width,
        np.where(disc, 190, 60 + 90 * y / height),
        128 + 60 * np.sin(x / 7 + y / 9),
        250 - 60 * y / height,
    ]
    return np.stack(planes[:channels], axis=2).round().astype(np.uint8)


def ramp(channels: int, height: int = 13, width: int = 20) -> Pixels:
    """Return a soft ramp that lossy formats keep well; alpha, if any, is 100 everywhere."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [x * 8, y * 12, 200 - x * 4 - y * 3][: channels - (channels in (2, 4))]
    return np.stack([*planes, np.full_like(x, 100)][:channels], axis=2).astype(np.uint8)


def deep_noise(channels: int, height: int = 13, width: int = 20) -> NDArray[np.uint16]:
    """Return 16-bit samples, all bits of which matter; the first alpha, if any, is 0."""
    rng = np.random.default_rng(channels)
    samples = rng.integers(0, 65536, (height, width, channels)).astype(np.uint16)
    if channels in (2, 4):
        samples[0, 0, -1] = 0
    return samples

"""Comparison of two images: metrics, and an image of the difference."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

import numpy as np

from imgnet.image.alpha import has_alpha, premultiplied
from imgnet.image.picture import Samples, peak_of
from imgnet.metrics.psnr import psnr_db
from imgnet.metrics.ssim import LEAST_SIDE, WINDOW, ms_ssim, ssim


@dataclass(frozen=True)
class Comparison:
    """The metrics of two images of the same size.

    Attributes:
        width: Width of both images in pixels.
        height: Height of both images in pixels.
        channels: "L" or "RGB", followed by "A" if either image has transparent pixels.
        psnr_db: PSNR over all channels together, in dB; infinite for equal images.
        ssim: Mean SSIM of the channels; None for images smaller than a window.
        ms_ssim: Mean MS-SSIM of the channels; None for images too small for five scales.
        max_error: Largest absolute difference of two samples, 0..2**depth - 1.
        depth: Bits of a sample, 8 or 16.
    """

    width: int
    height: int
    channels: str
    psnr_db: float
    ssim: float | None
    ms_ssim: float | None
    max_error: int
    depth: int

    def as_json(self) -> dict[str, Any]:
        """Return the fields as JSON values; an infinite PSNR becomes None."""
        rounded = {"ssim": _rounded(self.ssim), "ms_ssim": _rounded(self.ms_ssim)}
        decibels = round(self.psnr_db, 4) if isfinite(self.psnr_db) else None
        return asdict(self) | rounded | {"psnr_db": decibels}

    def as_text(self) -> str:
        """Return a table with one line a metric."""
        size = f"{self.width}x{self.height}"
        facts = {
            "PSNR": f"{self.psnr_db:.3f} dB"
            if self.max_error
            else "infinite, the pixels are equal",
            "SSIM": _similarity(self.ssim, WINDOW, size),
            "MS-SSIM": _similarity(self.ms_ssim, LEAST_SIDE, size),
            "max error": f"{self.max_error} of {2**self.depth - 1}",
        }
        return "\n".join(f"{name:<12}{fact}" for name, fact in facts.items())


def _rounded(similarity: float | None) -> float | None:
    return None if similarity is None else round(similarity, 6)


def _similarity(value: float | None, least_side: int, size: str) -> str:
    needs = f"none: {size} pixels, it needs {least_side} a side"
    return needs if value is None else f"{value:.5f}"


def compare(a: Samples, b: Samples) -> Comparison:
    """Compute the metrics of two images.

    If only one image is grey, its channel is repeated three times; if only one has 16 bits, the
    samples of the other are multiplied by 257. If either image has transparent pixels, both are
    compared as RGBA or LA with premultiplied colours, and alpha counts as one more channel.

    Args:
        a: (H, W, C) pixels with 1..4 channels, of 8 or 16 bits.
        b: Pixels of the same height and width.

    Raises:
        ValueError: The images differ in size.

    >>> grey, red = np.full((20, 30, 1), 60, np.uint8), np.full((20, 30, 3), (90, 60, 60), np.uint8)
    >>> compare(grey, red).channels, compare(grey, red).max_error
    ('RGB', 30)
    """
    a, b = aligned(a, b)
    height, width, channels = a.shape
    return Comparison(
        width=width,
        height=height,
        channels=("L", "LA", "RGB", "RGBA")[channels - 1],
        psnr_db=psnr_db(a, b),
        ssim=ssim(a, b),
        ms_ssim=ms_ssim(a, b),
        max_error=int(_difference(a, b).max()),
        depth=8 * a.dtype.itemsize,
    )


def aligned(a: Samples, b: Samples) -> tuple[Samples, Samples]:
    """Convert two images to the same channels and depth, with premultiplied colours.

    Raises:
        ValueError: The images differ in size.
    """
    if a.shape[:2] != b.shape[:2]:
        raise ValueError(f"cannot compare pictures of shapes {a.shape} and {b.shape}")
    a, b = alike(a, b)
    return premultiplied(a), premultiplied(b)


def alike(a: Samples, b: Samples) -> tuple[Samples, Samples]:
    """Convert two images to the same channels and depth, the larger ones of the two.

    Alpha is kept if either image has transparent pixels.

    >>> a, b = alike(np.zeros((2, 2, 2), np.uint8), np.zeros((2, 2, 3), np.uint8))
    >>> a.shape, b.shape
    ((2, 2, 4), (2, 2, 4))
    """
    dtype = np.promote_types(a.dtype, b.dtype)
    a, b = _deepened(a, dtype), _deepened(b, dtype)
    colours = max(_num_colours(a), _num_colours(b))
    transparent = _is_transparent(a) or _is_transparent(b)
    return _converted(a, colours, transparent), _converted(b, colours, transparent)


def _deepened(pixels: Samples, dtype: np.dtype[Any]) -> Samples:
    scale = peak_of(dtype) // peak_of(pixels.dtype)
    return np.asarray(pixels.astype(dtype) * dtype.type(scale))


def _num_colours(pixels: Samples) -> int:
    return int(pixels.shape[2]) - has_alpha(pixels.shape[2])


def _is_transparent(pixels: Samples) -> bool:
    return has_alpha(pixels.shape[2]) and bool(pixels[..., -1].min() < peak_of(pixels.dtype))


def _converted(pixels: Samples, colours: int, transparent: bool) -> Samples:
    """Convert (H, W, C) pixels to a number of colour channels, with or without alpha."""
    colour = np.broadcast_to(pixels[..., : _num_colours(pixels)], (*pixels.shape[:2], colours))
    if not transparent:
        return colour
    if has_alpha(pixels.shape[2]):
        return np.concatenate([colour, pixels[..., -1:]], axis=2)
    opaque = np.full_like(colour[..., :1], peak_of(pixels.dtype))
    return np.concatenate([colour, opaque], axis=2)


def _difference(a: Samples, b: Samples) -> Samples:
    return np.maximum(a, b) - np.minimum(a, b)


def side_by_side(a: Samples, b: Samples, gain: int) -> Samples:
    """Place two images and their amplified absolute difference side by side.

    The difference is that of the aligned images that `compare` measures. It is opaque; each colour
    shows the difference of alpha where that is larger.

    Args:
        a: (H, W, C) pixels with 1..4 channels.
        b: Pixels of the same height and width.
        gain: Factor of the difference.

    Returns:
        (H, 3 W, C) pixels: `a`, `b` and the difference.

    Raises:
        ValueError: The images differ in size.

    >>> a, b = np.full((1, 1, 1), 60, np.uint8), np.full((1, 1, 1), 70, np.uint8)
    >>> side_by_side(a, b, gain=8).ravel().tolist()
    [60, 70, 80]
    """
    difference = _difference(*aligned(a, b))
    a, b = alike(a, b)
    transparent = has_alpha(a.shape[2])
    if transparent:
        difference = np.maximum(difference[..., :-1], difference[..., -1:])
    amplified = difference.astype(np.uint32) * np.uint32(gain)
    limited = np.minimum(amplified, peak_of(a.dtype)).astype(a.dtype)
    return np.concatenate([a, b, _converted(limited, limited.shape[2], transparent)], axis=1)

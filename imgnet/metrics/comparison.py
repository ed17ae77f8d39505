"""Two pictures against each other: numbers, and a picture of where they differ."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

import numpy as np

from imgnet.image.picture import Samples
from imgnet.metrics.psnr import psnr_db
from imgnet.metrics.ssim import LEAST_SIDE, WINDOW, ms_ssim, ssim


@dataclass(frozen=True)
class Comparison:
    """Say how far apart two pictures are.

    Attributes:
        width: Of both, in pixels.
        height: Of both, in pixels.
        channels: "L" or "RGB", with "A" behind it where either picture is transparent anywhere.
        psnr_db: Over all channels together; infinite for equal pictures.
        ssim: Mean of the channels; None for pictures smaller than its window.
        ms_ssim: Mean of the channels; None for pictures too small for five scales.
        max_error: Largest difference of two samples.
        depth: Bits of a sample, 8 or 16; `max_error` is out of the largest number of so many bits.
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
        """Return the fields as JSON values, None where there is no finite number."""
        rounded = {"ssim": _rounded(self.ssim), "ms_ssim": _rounded(self.ms_ssim)}
        decibels = round(self.psnr_db, 4) if isfinite(self.psnr_db) else None
        return asdict(self) | rounded | {"psnr_db": decibels}

    def as_text(self) -> str:
        """Return a table for people, one line a number."""
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
    """Measure how far two pictures are apart.

    A grey picture beside a coloured one counts as one of three equal channels, one of 8 bits beside
    one of 16 as if each of its samples were multiplied by 257. Where either picture
    is transparent anywhere, both are compared as RGBA or LA with colours multiplied by alpha: what
    cannot be seen does not count, and alpha counts as one more channel.

    Args:
        a: (H, W, C) pixels with 1..4 channels, of 8 or 16 bits.
        b: Samples of the same height and width.

    Raises:
        ValueError: The pictures are of different sizes.

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
    """Bring two pictures to the same channels, colours multiplied by alpha.

    Raises:
        ValueError: The pictures are of different sizes.
    """
    if a.shape[:2] != b.shape[:2]:
        raise ValueError(f"cannot compare pictures of shapes {a.shape} and {b.shape}")
    a, b = alike(a, b)
    return _premultiplied(a), _premultiplied(b)


def alike(a: Samples, b: Samples) -> tuple[Samples, Samples]:
    """Give two pictures the channels and the depth of the one that has more of them.

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
    scale = np.iinfo(dtype).max // _peak(pixels)
    return np.asarray(pixels.astype(dtype) * dtype.type(scale))


def _peak(pixels: Samples) -> int:
    return int(np.iinfo(pixels.dtype).max)


def _num_colours(pixels: Samples) -> int:
    return int(pixels.shape[2]) - _has_alpha(pixels)


def _has_alpha(pixels: Samples) -> bool:
    return pixels.shape[2] in (2, 4)


def _is_transparent(pixels: Samples) -> bool:
    return _has_alpha(pixels) and bool(pixels[..., -1].min() < _peak(pixels))


def _converted(pixels: Samples, colours: int, transparent: bool) -> Samples:
    """Bring (H, W, C) pixels to so many colours, and an alpha channel or none."""
    colour = np.broadcast_to(pixels[..., : _num_colours(pixels)], (*pixels.shape[:2], colours))
    if not transparent:
        return colour
    if _has_alpha(pixels):
        return np.concatenate([colour, pixels[..., -1:]], axis=2)
    return np.concatenate([colour, np.full_like(colour[..., :1], _peak(pixels))], axis=2)


def _premultiplied(pixels: Samples) -> Samples:
    if not _has_alpha(pixels):
        return pixels
    peak = _peak(pixels)
    alpha = pixels[..., -1:].astype(np.uint64)
    colour = (pixels[..., :-1] * alpha + peak // 2) // peak
    return np.concatenate([colour.astype(pixels.dtype), pixels[..., -1:]], axis=2)


def _difference(a: Samples, b: Samples) -> Samples:
    return np.maximum(a, b) - np.minimum(a, b)


def side_by_side(a: Samples, b: Samples, gain: int) -> Samples:
    """Draw two pictures and their absolute difference, from left to right.

    The difference is that of the numbers of `compare`, and opaque: where alpha differs by more than
    a colour does, the colour shows the difference of alpha.

    Args:
        a: (H, W, C) pixels with 1..4 channels.
        b: Samples of the same height and width.
        gain: What the difference is multiplied by.

    Returns:
        (H, 3 W, C) pixels.

    Raises:
        ValueError: The pictures are of different sizes.

    >>> a, b = np.full((1, 1, 1), 60, np.uint8), np.full((1, 1, 1), 70, np.uint8)
    >>> side_by_side(a, b, gain=8).ravel().tolist()
    [60, 70, 80]
    """
    difference = _difference(*aligned(a, b))
    a, b = alike(a, b)
    transparent = _has_alpha(a)
    if transparent:
        difference = np.maximum(difference[..., :-1], difference[..., -1:])
    drawn = np.minimum(np.uint32(gain) * difference, _peak(a)).astype(a.dtype)
    return np.concatenate([a, b, _converted(drawn, drawn.shape[2], transparent)], axis=1)

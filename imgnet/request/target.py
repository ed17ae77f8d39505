"""Targets: a size or a PSNR that a file shall have, from the request to the final message."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf, isinf, log10
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from imgnet.codec.format.container import Encoded, to_bytes
from imgnet.errors import TargetError, UsageError
from imgnet.image.picture import Samples
from imgnet.metrics.psnr import bpp, psnr_db

TOLERANCE_DB = 0.1  # distance from a PSNR up to which it is reached
# Distance at which a fit ends its search: the rest is for what follows the search, such as the
# rounding of pixels.
NEAR_DB = 0.6 * TOLERANCE_DB
USED_PART = 0.995  # part of a size that a fit goes for
TIGHTENED_DB = 0.15  # excess up to which RDOQ of the latents alone makes a file small enough
SHORT_DB = 0.5  # added to the distance of a result that falls short: trimming cannot help it
MOST_LOWERED_DB = 1.0  # excess of a PSNR from which on trimming would cost too much of the image
EXACT_DB = 100.0  # PSNR that stands for that of equal images


class Measured(Protocol):
    """A file, or what would become one."""

    @property
    def num_bytes(self) -> int:
        """Its size."""

    @property
    def psnr_db(self) -> float:
        """PSNR of its image over the pixels that count."""


@dataclass(frozen=True)
class SizeTarget:
    """A number of bytes never to exceed.

    Attributes:
        num_bytes: Of the file, or of the part of it that a fit is responsible for.
        bpp: The same in bits a pixel, if the user gave it so.
    """

    num_bytes: int
    bpp: float | None = None
    binds_ended_fits: ClassVar[bool] = True  # also those that were ended before their time

    def less(self, num_bytes: int, least: int = 1) -> SizeTarget:
        """Return the target for the rest of a file, some of whose bytes are spent.

        Args:
            num_bytes: That are spent.
            least: Bytes of the rest, however many are spent.

        >>> SizeTarget(5000).less(2000)
        SizeTarget(num_bytes=3000, bpp=None)
        """
        return replace(self, num_bytes=max(least, self.num_bytes - num_bytes))

    def excess_db(self, found: Measured) -> float:
        """Return 10 log10 of a size over the size that a fit goes for."""
        return 10 * log10(found.num_bytes / (USED_PART * self.num_bytes))

    def needs_trimming(self, found: Measured) -> bool:
        """Whether a file is too large."""
        return found.num_bytes > self.num_bytes

    def needs_tightening(self, found: Measured) -> bool:
        """Whether a file is so little too large that RDOQ of the latents makes it fit."""
        return 0 < self.excess_db(found) <= TIGHTENED_DB

    def miss(self, encoded: Encoded, pixels: Samples, mask: NDArray[np.bool_] | None) -> str | None:
        """Say that a file is too large; None where it is not. See `checked` for the arguments."""
        del pixels, mask
        num_bytes, spec = len(to_bytes(encoded)), encoded.spec
        if num_bytes <= self.num_bytes:
            return None
        wanted, came = f"{self.num_bytes:,} bytes", f"{num_bytes:,} bytes"
        if self.bpp is not None:
            came = f"{bpp(num_bytes, spec.width, spec.height):.4f} bpp"
            wanted = f"{self.bpp:g} bpp"
        return _said(wanted, spec.family, came, f"{came} and more")


@dataclass(frozen=True)
class PsnrTarget:
    """A PSNR to reach within `TOLERANCE_DB`, and not to exceed by more.

    Attributes:
        psnr_db: PSNR in dB.
    """

    psnr_db: float
    binds_ended_fits: ClassVar[bool] = False

    def excess_db(self, found: Measured) -> float:
        """Return by how many dB an image is too good."""
        return min(found.psnr_db, EXACT_DB) - self.psnr_db

    def needs_trimming(self, found: Measured) -> bool:
        """Whether an image is too good, but not by so much that bytes are not what it lacks."""
        return NEAR_DB < self.excess_db(found) <= MOST_LOWERED_DB

    def needs_tightening(self, found: Measured) -> bool:
        """Return False: tightening is for sizes."""
        del found
        return False

    def miss(self, encoded: Encoded, pixels: Samples, mask: NDArray[np.bool_] | None) -> str | None:
        """Say that an image has another PSNR; None where it has this. See `checked`."""
        assert encoded.report is not None
        given_db = encoded.report.psnr_db
        if abs(given_db - self.psnr_db) <= TOLERANCE_DB:
            return None
        least = min(flat_psnr_db(pixels, mask), given_db)
        reachable = f"{least:.1f} dB and more"
        if given_db < self.psnr_db:
            reachable = f"{least:.1f}..{given_db:.1f} dB"
        came = "an exact picture" if isinf(given_db) else f"{given_db:.2f} dB"
        came = f"{came} ({len(to_bytes(encoded)):,} bytes)"
        return _said(f"{self.psnr_db:g} dB", encoded.spec.family, came, reachable)


Target = SizeTarget | PsnrTarget


def target_of(
    target_bpp: float | None, target_size: float | None, target_psnr: float | None, num_pixels: int
) -> Target | None:
    """Return the target that a user asks for, or None for none.

    Args:
        target_bpp: File bits a pixel, or None.
        target_size: File bytes, or None.
        target_psnr: PSNR in dB, or None.
        num_pixels: Of the image.

    Raises:
        UsageError: More than one is given, or one is not a finite number above 0.

    >>> target_of(0.5, None, None, 768 * 512)
    SizeTarget(num_bytes=24576, bpp=0.5)
    """
    targets = [number for number in (target_bpp, target_size, target_psnr) if number is not None]
    if len(targets) > 1:
        raise UsageError("a target bpp, size and PSNR contradict each other; give one")
    for number in targets:
        if not 0 < number < inf:
            raise UsageError(f"a target of {number:g} is not a number above 0")
    if target_psnr is not None:
        return PsnrTarget(target_psnr)
    if target_size is not None:
        return SizeTarget(int(target_size))
    return None if target_bpp is None else SizeTarget(int(num_pixels * target_bpp / 8), target_bpp)


def distance(excess_db: float) -> float:
    """Return the distance of a result from its target, in dB.

    >>> distance(0.05), distance(0.5), distance(-0.5)
    (0.0, 0.5, 1.0)
    """
    if abs(excess_db) <= NEAR_DB:
        return 0.0
    return excess_db if excess_db > 0 else SHORT_DB - excess_db


def checked(
    encoded: Encoded,
    target: Target | None,
    pixels: Samples,
    mask: NDArray[np.bool_] | None,
    *,
    is_ended: bool = False,
) -> Encoded:
    """Return an encoded image that meets its target.

    Args:
        encoded: The image, with a report.
        target: Of the whole file; None for none.
        pixels: (H, W, C) colours.
        mask: (H, W) or (H, W, C) True where they count; None for everywhere.
        is_ended: Whether the fit was ended before its time, and so cannot have reached a PSNR.

    Raises:
        TargetError: The file is too large, or its image has another PSNR.
    """
    if target is None or (is_ended and not target.binds_ended_fits):
        return encoded
    miss = target.miss(encoded, pixels, mask)
    if miss is not None:
        raise TargetError(miss, best=encoded)
    return encoded


def _said(wanted: str, model: str, came: str, reachable: str) -> str:
    return f"cannot reach {wanted} with {model}; it gave {came}; reachable here: {reachable}"


def flat_psnr_db(pixels: Samples, mask: NDArray[np.bool_] | None) -> float:
    """Return the PSNR of the best image of one colour.

    Args:
        pixels: (H, W, C) colours.
        mask: (H, W) or (H, W, C) True where they count; None for everywhere.

    >>> flat_psnr_db(np.full((2, 2, 3), 7, np.uint8), None)
    inf
    """
    where = np.ones(pixels.shape, bool)
    if mask is not None:
        where &= mask if mask.ndim == 3 else mask[..., None]
    sums = pixels.sum((0, 1), where=where, dtype=np.float64)
    means = np.rint(sums / np.maximum(where.sum((0, 1)), 1)).astype(pixels.dtype)
    return psnr_db(pixels, np.broadcast_to(means, pixels.shape), mask)

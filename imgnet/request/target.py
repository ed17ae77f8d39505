"""Targets: a size or a PSNR that a file must have."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf, isinf, log10
from typing import ClassVar, Protocol

from imgnet.codec.format.container import Encoded, to_bytes
from imgnet.errors import TargetError, UsageError
from imgnet.metrics.psnr import bpp

TOLERANCE_DB = 0.1  # distance from a PSNR up to which it is reached
# Distance at which a fit ends its search. The rest is a margin for what follows the search, such as
# the rounding of pixels.
NEAR_DB = 0.6 * TOLERANCE_DB
USED_PART = 0.995  # part of a target size that a fit uses
TIGHTENED_DB = 0.15  # excess up to which RDOQ of the latents alone makes a file small enough
SHORT_DB = 0.5  # added to the distance of a result that falls short: trimming cannot help it
MOST_LOWERED_DB = 4.0  # excess of a PSNR above which trimming would cost too much of the image
MUCH_METADATA = 0.3  # part of a target size from which metadata is named as a cause
EXACT_DB = 100.0  # PSNR that stands for that of equal images


class Measured(Protocol):
    """A file, or the parts of a file that is not written yet."""

    @property
    def num_bytes(self) -> int:
        """Its size."""

    @property
    def psnr_db(self) -> float:
        """PSNR of its image over the pixels in the mask."""


@dataclass(frozen=True)
class SizeTarget:
    """A number of bytes that is never exceeded.

    Attributes:
        num_bytes: Bytes of the file, or of the part of it that a fit makes.
        bpp: The target in bits a pixel, where the user gave it so; else None.
    """

    num_bytes: int
    bpp: float | None = None
    binds_ended_fits: ClassVar[bool] = True  # fits that were ended early must meet it, too
    near_db: ClassVar[float] = 0.8  # excess up to which a file is corrected, beyond it fitted again
    trimmed_db: ClassVar[float] = 0.8  # excess up to which trimming costs no more than other ways

    def less(self, num_bytes: int, least: int = 1) -> SizeTarget:
        """Return the target for the rest of a file of which some bytes are spent.

        Args:
            num_bytes: Bytes that are spent.
            least: Smallest target for the rest, in bytes.

        >>> SizeTarget(5000).less(2000)
        SizeTarget(num_bytes=3000, bpp=None)
        """
        return replace(self, num_bytes=max(least, self.num_bytes - num_bytes))

    def excess_db(self, found: Measured) -> float:
        """Return 10 log10 of a size over the part of the target that a fit uses, in dB."""
        return 10 * log10(found.num_bytes / (USED_PART * self.num_bytes))

    def is_too_large(self, found: Measured) -> bool:
        """Return whether a file is too large."""
        return found.num_bytes > self.num_bytes

    def needs_trimming(self, found: Measured) -> bool:
        """Return whether a file is too large."""
        return self.is_too_large(found)

    def needs_tightening(self, found: Measured) -> bool:
        """Return whether a file is too large by so little that RDOQ of the latents makes it fit."""
        return 0 < self.excess_db(found) <= TIGHTENED_DB

    def rank(self, found: Measured) -> tuple[float, float]:
        """Return the rank of a file: of those that are not too large, the best is the first."""
        if self.needs_trimming(found):
            return inf, found.num_bytes
        return -min(found.psnr_db, EXACT_DB), found.num_bytes

    def miss(self, encoded: Encoded) -> str | None:
        """Return a message that a file is too large, or None."""
        num_bytes, spec = len(to_bytes(encoded)), encoded.spec
        if num_bytes <= self.num_bytes:
            return None
        wanted, came = f"{self.num_bytes:,} bytes", f"{num_bytes:,} bytes"
        if self.bpp is not None:
            came = f"{bpp(num_bytes, spec.width, spec.height):.4f} bpp"
            wanted = f"{self.bpp:g} bpp"
        return _message(wanted, spec.family, came) + self._remedy(encoded)

    def _remedy(self, encoded: Encoded) -> str:
        """Return how a file gets smaller where its metadata takes much of the target."""
        spent = encoded.metadata.num_bytes
        if spent < MUCH_METADATA * self.num_bytes:
            return ""
        return f"; {spent:,} bytes are metadata, which --metadata none leaves out"


@dataclass(frozen=True)
class PsnrTarget:
    """A PSNR, which an image may miss by `TOLERANCE_DB` either way.

    Attributes:
        psnr_db: PSNR in dB.
    """

    psnr_db: float
    binds_ended_fits: ClassVar[bool] = False
    near_db: ClassVar[float] = 2.0
    trimmed_db: ClassVar[float] = MOST_LOWERED_DB

    def excess_db(self, found: Measured) -> float:
        """Return by how many dB the PSNR of an image exceeds the target."""
        return min(found.psnr_db, EXACT_DB) - self.psnr_db

    def is_too_large(self, found: Measured) -> bool:
        """Return False: a file of any size suits."""
        del found
        return False

    def needs_trimming(self, found: Measured) -> bool:
        """Return whether an image is too good, but by no more than `MOST_LOWERED_DB`."""
        return NEAR_DB < self.excess_db(found) <= MOST_LOWERED_DB

    def needs_tightening(self, found: Measured) -> bool:
        """Return False: only files that are too large are tightened."""
        del found
        return False

    def rank(self, found: Measured) -> tuple[float, float]:
        """Return the rank of an image: of those that reach the PSNR, the smallest is the first."""
        return max(abs(self.excess_db(found)), TOLERANCE_DB), found.num_bytes

    def miss(self, encoded: Encoded) -> str | None:
        """Return a message that the PSNR is missed, or None; the file has a report."""
        assert encoded.report is not None
        given_db = encoded.report.psnr_db
        if abs(given_db - self.psnr_db) <= TOLERANCE_DB:
            return None
        came = "an exact picture" if isinf(given_db) else f"{given_db:.2f} dB"
        came = f"{came} ({len(to_bytes(encoded)):,} bytes)"
        return _message(f"{self.psnr_db:g} dB", encoded.spec.family, came)


Target = SizeTarget | PsnrTarget


def target_of(
    target_bpp: float | None, target_size: float | None, target_psnr: float | None, num_pixels: int
) -> Target | None:
    """Return the target that a user asks for, or None for none.

    Args:
        target_bpp: File bits a pixel, or None.
        target_size: File bytes, or None.
        target_psnr: PSNR in dB, or None.
        num_pixels: Pixels of the image.

    Raises:
        UsageError: More than one target is given, or it is not a finite number above 0.

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
    """Return the distance of a result from its target, in dB, from its excess over it in dB.

    A result that falls short is `SHORT_DB` further away.

    >>> distance(0.05), distance(0.5), distance(-0.5)
    (0.0, 0.5, 1.0)
    """
    if abs(excess_db) <= NEAR_DB:
        return 0.0
    return excess_db if excess_db > 0 else SHORT_DB - excess_db


def checked(encoded: Encoded, target: Target | None, *, is_ended: bool = False) -> Encoded:
    """Return an encoded image that meets its target.

    Args:
        encoded: The image, with a report.
        target: Target of the whole file; None for none.
        is_ended: Whether the fit was ended early, so that it cannot have reached a PSNR.

    Raises:
        TargetError: The file is too large, or its image has another PSNR.
    """
    if target is None or (is_ended and not target.binds_ended_fits):
        return encoded
    miss = target.miss(encoded)
    if miss is not None:
        raise TargetError(miss, best=encoded)
    return encoded


def _message(wanted: str, model: str, came: str) -> str:
    return f"cannot reach {wanted} with {model}; best found: {came}"

"""Whether a file is what was asked for, and what to say where it is not."""

from __future__ import annotations

from math import isinf

import numpy as np
from numpy.typing import NDArray

from imgnet.codec.format.container import Encoded, to_bytes
from imgnet.errors import TargetError
from imgnet.image.picture import Samples
from imgnet.metrics.psnr import bpp, psnr_db
from imgnet.request.request import Request

TOLERANCE_DB = 0.1  # within which a PSNR is reached


def checked(
    encoded: Encoded,
    request: Request,
    pixels: Samples,
    counted: NDArray[np.bool_] | None,
    *,
    is_ended: bool = False,
) -> Encoded:
    """Return an encoded image if it is what was asked for.

    Args:
        encoded: The image, with a report.
        request: What was asked for.
        pixels: (H, W, C) colours.
        counted: (H, W) or (H, W, C) True where they count; None for everywhere.
        is_ended: Whether the fit was ended before its time, and so cannot have met a PSNR.

    Raises:
        TargetError: It is too large, or its PSNR is another.
    """
    assert encoded.report is not None
    num_bytes = len(to_bytes(encoded))
    fault = size_fault(request, num_bytes, (encoded.spec.width, encoded.spec.height))
    if fault is None and not is_ended:
        flat_db = flat_psnr_db(pixels, counted)
        fault = psnr_fault(request, encoded.report.psnr_db, num_bytes, flat_db)
    if fault is not None:
        raise TargetError(fault, best=encoded)
    return encoded


def size_fault(request: Request, num_bytes: int, size: tuple[int, int]) -> str | None:
    """Say that a file is larger than it was to be; None where it is not.

    Args:
        request: What was asked for.
        num_bytes: Of the file.
        size: Width and height of the picture.

    >>> size_fault(Request("grid", target_size=90), 251, (64, 48))
    'cannot reach 90 bytes with grid; it gave 251 bytes; reachable here: 251 bytes and more'
    """
    target = request.target_bytes(size[0] * size[1])
    if target is None or num_bytes <= target:
        return None
    wanted, came = f"{target:,} bytes", f"{num_bytes:,} bytes"
    if request.target_bpp is not None:
        wanted, came = f"{request.target_bpp:g} bpp", f"{bpp(num_bytes, *size):.4f} bpp"
    return _said(request, wanted, came, f"{came} and more")


def psnr_fault(request: Request, psnr_db: float, num_bytes: int, flat_db: float) -> str | None:
    """Say that a picture has not the PSNR that it was to have; None where it has.

    Args:
        request: What was asked for.
        psnr_db: Of the picture.
        num_bytes: Of its file.
        flat_db: PSNR of a picture of one colour.

    >>> psnr_fault(Request("mlp", target_psnr=60), 37.2, 12_345, 18.1)
    'cannot reach 60 dB with mlp; it gave 37.20 dB (12,345 bytes); reachable here: 18.1..37.2 dB'
    >>> psnr_fault(Request("mlp", target_psnr=37.2), 37.11, 12_345, 18.1)
    """
    target = request.target_psnr
    if target is None or abs(psnr_db - target) <= TOLERANCE_DB:
        return None
    least = min(flat_db, psnr_db)
    reachable = f"{least:.1f} dB and more"
    if psnr_db < target:
        reachable = f"{least:.1f}..{psnr_db:.1f} dB"
    came = "an exact picture" if isinf(psnr_db) else f"{psnr_db:.2f} dB"
    return _said(request, f"{target:g} dB", f"{came} ({num_bytes:,} bytes)", reachable)


def _said(request: Request, wanted: str, came: str, reachable: str) -> str:
    return (
        f"cannot reach {wanted} with {request.model}; it gave {came}; reachable here: {reachable}"
    )


def flat_psnr_db(pixels: Samples, counted: NDArray[np.bool_] | None) -> float:
    """Return the PSNR of a picture of one colour, the best there is.

    Args:
        pixels: (H, W, C) colours.
        counted: (H, W) or (H, W, C) True where they count; None for everywhere.

    >>> flat_psnr_db(np.full((2, 2, 3), 7, np.uint8), None)
    inf
    """
    where = np.ones(pixels.shape, bool)
    if counted is not None:
        where &= counted if counted.ndim == 3 else counted[..., None]
    sums = pixels.sum((0, 1), where=where, dtype=np.float64)
    means = np.rint(sums / np.maximum(where.sum((0, 1)), 1)).astype(pixels.dtype)
    return psnr_db(pixels, np.broadcast_to(means, pixels.shape), counted)

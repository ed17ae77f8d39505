"""Progress reports of a running fit."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """Progress of a fit at one moment.

    Attributes:
        step: Optimiser steps taken.
        steps: Estimated number of optimiser steps in all.
        psnr_db: PSNR of the pixels of the last step, in dB.
        bpp: Bits a pixel that a file of the present network would have.
        elapsed_s: Seconds since the start of the fit.
        remaining_s: Estimated seconds to its end.
    """

    step: int
    steps: int
    psnr_db: float
    bpp: float
    elapsed_s: float
    remaining_s: float

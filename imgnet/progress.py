"""What a running fit tells whoever watches it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """Report one moment of a fit.

    Attributes:
        step: QSteps done.
        steps: QSteps planned.
        psnr_db: PSNR of the pixels of the last step, in dB.
        bpp: File bits a pixel that the network would cost now.
        elapsed_s: Seconds since the fit began.
        remaining_s: Estimated seconds to its end.
    """

    step: int
    steps: int
    psnr_db: float
    bpp: float
    elapsed_s: float
    remaining_s: float

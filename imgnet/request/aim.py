"""What a fit of `grid` aims at, a size or a PSNR: how near it is, and how to end."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from math import log10

import numpy as np
from numpy.typing import NDArray

from imgnet.codec.format import grid_stream
from imgnet.codec.format.quantized import Quantized
from imgnet.codec.render.grid import render
from imgnet.image.picture import Samples
from imgnet.metrics.psnr import psnr_db
from imgnet.request.options import Arrays, Options, Result
from imgnet.request.rate_control import AIM
from imgnet.request.trim import trim
from imgnet.spec import Spec

TOLERANCE_DB = 0.06  # within which a PSNR, or a size, is met
NEARLY_DB = 0.15  # up to which decisions on latents alone make a file small enough
SHORT_DB = 0.5  # by which what falls short counts as further away than what can still be trimmed
MOST_LOWERED_DB = 1.0  # above a PSNR, from which on a picture is left as it is
EXACT_DB = 100.0  # PSNR that stands for that of equal pictures

Tensors = dict[str, Quantized]


@dataclass(frozen=True)
class Aim:
    """A size or a PSNR.

    Attributes:
        pixels: (H, W, C) colours of the picture.
        seen: (H, W) or (H, W, C) True where they count; None for everywhere.
        budget_bytes: Most bytes of a stream, or None.
        psnr_db: PSNR, where there is no budget.
    """

    pixels: Samples
    seen: NDArray[np.bool_] | None
    budget_bytes: int | None
    psnr_db: float = 0.0

    def excess_db(self, spec: Spec, tensors: Tensors) -> float:
        """Return by how much tensors are too good or, in dB of a byte, too large."""
        if self.budget_bytes is not None:
            return 10 * log10(len(grid_stream.pack(spec, tensors, 0)) / (AIM * self.budget_bytes))
        drawn = render(spec, _stored(tensors), depth=8 * self.pixels.itemsize)
        return min(psnr_db(self.pixels, drawn, self.seen), EXACT_DB) - self.psnr_db

    def is_met(self, spec: Spec, tensors: Tensors) -> bool:
        """Whether tensors are not too large, nor a little too good."""
        if self.budget_bytes is not None:
            return len(grid_stream.pack(spec, tensors, 0)) <= self.budget_bytes
        return not TOLERANCE_DB < self.excess_db(spec, tensors) <= MOST_LOWERED_DB

    def is_just_met(self, spec: Spec, tensors: Tensors) -> bool:
        """Whether tensors are what was asked for, and not much smaller or worse."""
        return self.is_met(spec, tensors) and self.excess_db(spec, tensors) > -NEARLY_DB

    def is_nearly_met(self, excess_db: float) -> bool:
        """Whether what is a little too large can be made smaller without another fit."""
        return self.budget_bytes is not None and 0 < excess_db <= NEARLY_DB

    def trimmed(self, spec: Spec, result: Result) -> Result:
        """Return a result that is not too large, if one without latents is not, nor too good."""
        assert result.quantized is not None
        if self.is_met(spec, result.quantized):
            return result
        tensors = trim(spec, result.quantized, partial(self.is_met, spec))
        return replace(result, parameters=_stored(tensors), quantized=tensors)


def aim_of(options: Options, pixels: Samples, seen: NDArray[np.bool_] | None) -> Aim | None:
    """Return what a fit to pixels (H, W, C) aims at; None where the price of a bit is given."""
    if options.budget_bytes is not None:
        return Aim(pixels, seen, options.budget_bytes)
    if options.target_psnr_db is not None:
        return Aim(pixels, seen, None, options.target_psnr_db)
    return None


def distance(excess_db: float) -> float:
    """Return how far a result is from what was asked for, in dB.

    >>> distance(0.05), distance(0.5), distance(-0.5)
    (0.0, 0.5, 1.0)
    """
    if abs(excess_db) <= TOLERANCE_DB:
        return 0.0
    return excess_db if excess_db > 0 else SHORT_DB - excess_db


def _stored(tensors: Tensors) -> Arrays:
    return {name: tensor.dequantize() for name, tensor in tensors.items()}

"""Tensors as whole multiples of a step."""

from __future__ import annotations

from dataclasses import dataclass
from math import frexp, sqrt

import numpy as np
from numpy.typing import NDArray

NUM_STEPS = 256
_STEPS_PER_OCTAVE = 8


@dataclass(frozen=True, eq=False)
class Quantized:
    """One tensor as whole multiples of a step.

    Attributes:
        values: Integers, in the shape of the tensor.
        step: Index of the step; see `step_size`.
        origin: What the multiples are added to, in the shape of the tensor; None for zeros.
    """

    values: NDArray[np.int32]
    step: int
    origin: NDArray[np.float32] | None = None

    def dequantize(self) -> NDArray[np.float32]:
        """Return the real tensor; exact, since a product needs fewer than 24 bits.

        So does its sum with an origin of a prior, which is below 8 and a multiple of 2**-12.

        >>> Quantized(np.array([-2, 0, 1], np.int32), step_index(0.25)).dequantize().tolist()
        [-0.5, 0.0, 0.25]
        """
        multiples = self.values.astype(np.float32) * np.float32(step_size(self.step))
        return multiples if self.origin is None else self.origin + multiples


def step_size(index: int) -> float:
    """Return step 0..255: eight an octave, from 2**-20 to 3840.

    >>> step_size(0) == 2.0**-20, step_size(160), step_size(255)
    (True, 1.0, 3840.0)
    """
    octave, eighth = divmod(index, _STEPS_PER_OCTAVE)
    return float((8 + eighth) * 2.0 ** (octave - 23))


def step_index(size: float) -> int:
    """Return the index of the step that is nearest to `size` in ratio.

    >>> step_index(1.0), step_index(0.0), step_index(1e9)
    (160, 0, 255)
    """
    clipped = min(max(size, step_size(0)), step_size(NUM_STEPS - 1))
    mantissa, exponent = frexp(clipped)  # clipped = mantissa * 2**exponent, mantissa in 1/2 .. 1
    eighth = int(16 * mantissa)
    eighth += 16 * mantissa > sqrt(eighth * (eighth + 1))
    return _STEPS_PER_OCTAVE * (exponent + 19) + eighth - 8

"""Tensors as integer multiples of a q_step."""

from __future__ import annotations

from dataclasses import dataclass
from math import frexp, sqrt

import numpy as np
from numpy.typing import NDArray

NUM_Q_STEPS = 256
Q_STEPS_PER_OCTAVE = 8


@dataclass(frozen=True, eq=False)
class Quantized:
    """One tensor as integer multiples of a q_step.

    Attributes:
        values: Integers, in the shape of the tensor.
        q_index: Index of the q_step; see `q_step_of`.
        prior: The tensor of the prior, which the multiples are added to; None for zeros.
    """

    values: NDArray[np.int32]
    q_index: int
    prior: NDArray[np.float32] | None = None

    def dequantize(self) -> NDArray[np.float32]:
        """Return the real tensor; exact, since a product needs fewer than 24 bits.

        So does its sum with an prior, which is below 8 and a multiple of 2**-12.

        >>> Quantized(np.array([-2, 0, 1], np.int32), q_index_of(0.25)).dequantize().tolist()
        [-0.5, 0.0, 0.25]
        """
        multiples = self.values.astype(np.float32) * np.float32(q_step_of(self.q_index))
        return multiples if self.prior is None else self.prior + multiples


def q_step_of(q_index: int) -> float:
    """Return the q_step of an index 0..255: eight an octave, from 2**-20 to 3840.

    >>> q_step_of(0) == 2.0**-20, q_step_of(160), q_step_of(255)
    (True, 1.0, 3840.0)
    """
    octave, eighth = divmod(q_index, Q_STEPS_PER_OCTAVE)
    return float((8 + eighth) * 2.0 ** (octave - 23))


def q_index_of(q_step: float) -> int:
    """Return the index of the q_step that is nearest in ratio.

    >>> q_index_of(1.0), q_index_of(0.0), q_index_of(1e9)
    (160, 0, 255)
    """
    clipped = min(max(q_step, q_step_of(0)), q_step_of(NUM_Q_STEPS - 1))
    mantissa, exponent = frexp(clipped)  # clipped = mantissa * 2**exponent, mantissa in 1/2 .. 1
    eighth = int(16 * mantissa)
    eighth += 16 * mantissa > sqrt(eighth * (eighth + 1))
    return Q_STEPS_PER_OCTAVE * (exponent + 19) + eighth - 8


def q_index_of_bits(fraction_bits: int) -> int:
    """Return the index of the q_step 2**-fraction_bits, -11..20.

    >>> q_index_of_bits(0) == q_index_of(1.0), q_index_of_bits(15) == q_index_of(2.0**-15)
    (True, True)
    """
    return q_index_of(2.0**-fraction_bits)

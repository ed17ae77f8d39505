"""Quantised parameters to one stream of bytes and back.

The stream begins with two bytes a tensor, the index of its step and of its law; then one entropy
coded stream holds all integers. Both follow the order of `Spec.shapes`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import frexp, prod, sqrt

import numpy as np
from numpy.typing import NDArray

from imgnet.codec.entropy.distributions import NUM_LAWS
from imgnet.codec.entropy.integers import MAX_SYMBOLS_PER_BYTE, cheapest_law, decode, encode
from imgnet.errors import FormatError
from imgnet.spec import Spec

NUM_STEPS = 256
_STEPS_PER_OCTAVE = 8
_HEADER_BYTES = 2  # of one tensor


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


def pack(spec: Spec, quantized: Mapping[str, Quantized]) -> bytes:
    """Write all tensors, each under the law that codes it in the fewest bits.

    Raises:
        ValueError: An integer is too large for every law.

    >>> spec = Spec("mlp", 8, 8, 0, 1, 1)
    >>> zeros = {k: Quantized(np.zeros(s, np.int32), 160) for k, s in spec.shapes().items()}
    >>> len(pack(spec, zeros))
    12
    """
    header, values, laws = bytearray(), list[int](), list[int]()
    for name in spec.shapes():
        tensor = quantized[name]
        law = cheapest_law(tensor.values)
        header += bytes((tensor.step, law))
        values += tensor.values.ravel().tolist()
        laws += [law] * tensor.values.size
    return bytes(header) + encode(values, laws)


def unpack(spec: Spec, data: bytes) -> dict[str, Quantized]:
    """Read all tensors that `pack` wrote for the same spec.

    Raises:
        FormatError: The stream is cut short, damaged or not of this spec.
    """
    shapes = spec.shapes()
    header, stream = np.split(np.frombuffer(data, np.uint8), [_HEADER_BYTES * len(shapes)])
    steps, laws = header[0::2].tolist(), header[1::2].tolist()
    _check_header(spec, laws, len(stream))
    sizes = [prod(shape) for shape in shapes.values()]
    values = decode(
        stream.tobytes(), [law for law, size in zip(laws, sizes, strict=True) for _ in range(size)]
    )
    tensors = np.split(np.array(values, np.int32), np.cumsum(sizes)[:-1])
    return {
        name: Quantized(tensor.reshape(shape), step)
        for (name, shape), tensor, step in zip(shapes.items(), tensors, steps, strict=True)
    }


def _check_header(spec: Spec, laws: list[int], stream_bytes: int) -> None:
    if len(laws) < len(spec.shapes()):
        raise FormatError("the coded stream is cut short")
    if max(laws) >= NUM_LAWS:
        raise FormatError(f"the coded stream is damaged: there is no law {max(laws)}")
    if spec.num_parameters > MAX_SYMBOLS_PER_BYTE * stream_bytes:
        raise FormatError(
            f"{stream_bytes} coded bytes cannot hold the {spec.num_parameters} parameters "
            "that the header promises"
        )

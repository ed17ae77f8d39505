"""Quantised parameters to one stream of bytes and back.

The stream begins with two bytes a tensor, the index of its step and of its distribution; then one
entropy coded stream holds all integers. Both follow the order of `Spec.shapes`.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

import numpy as np

from imgnet.codec.entropy.distributions import NUM_DISTRIBUTIONS
from imgnet.codec.entropy.integers import (
    MAX_SYMBOLS_PER_BYTE,
    cheapest_distribution,
    decode,
    encode,
)
from imgnet.codec.format.quantized import Quantized
from imgnet.errors import FormatError
from imgnet.spec import Spec

_HEADER_BYTES = 2  # of one tensor


def pack(spec: Spec, quantized: Mapping[str, Quantized]) -> bytes:
    """Write all tensors, each under the distribution that codes it in the fewest bits.

    Raises:
        ValueError: An integer is too large for every distribution.

    >>> spec = Spec("mlp", 8, 8, 0, 1, 1)
    >>> zeros = {k: Quantized(np.zeros(s, np.int32), 160) for k, s in spec.shapes().items()}
    >>> len(pack(spec, zeros))
    12
    """
    header, values, distributions = bytearray(), list[int](), list[int]()
    for name in spec.shapes():
        tensor = quantized[name]
        distribution = cheapest_distribution(tensor.values)
        header += bytes((tensor.q_index, distribution))
        values += tensor.values.ravel().tolist()
        distributions += [distribution] * tensor.values.size
    return bytes(header) + encode(values, distributions)


def unpack(spec: Spec, data: bytes) -> dict[str, Quantized]:
    """Read all tensors that `pack` wrote for the same spec.

    Raises:
        FormatError: The stream is cut short, damaged or not of this spec.
    """
    shapes = spec.shapes()
    header, stream = np.split(np.frombuffer(data, np.uint8), [_HEADER_BYTES * len(shapes)])
    steps, distributions = header[0::2].tolist(), header[1::2].tolist()
    _check_header(spec, distributions, len(stream))
    sizes = [prod(shape) for shape in shapes.values()]
    values = decode(
        stream.tobytes(),
        [
            distribution
            for distribution, size in zip(distributions, sizes, strict=True)
            for _ in range(size)
        ],
    )
    tensors = np.split(np.array(values, np.int32), np.cumsum(sizes)[:-1])
    return {
        name: Quantized(tensor.reshape(shape), step)
        for (name, shape), tensor, step in zip(shapes.items(), tensors, steps, strict=True)
    }


def _check_header(spec: Spec, distributions: list[int], stream_bytes: int) -> None:
    if len(distributions) < len(spec.shapes()):
        raise FormatError("the coded stream is cut short")
    if max(distributions) >= NUM_DISTRIBUTIONS:
        raise FormatError(
            f"the coded stream is damaged: there is no distribution {max(distributions)}"
        )
    if spec.num_parameters > MAX_SYMBOLS_PER_BYTE * stream_bytes:
        raise FormatError(
            f"{stream_bytes} coded bytes cannot hold the {spec.num_parameters} parameters "
            "that the header promises"
        )

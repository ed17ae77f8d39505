"""Stream of `gated` and `mlp`: the coded weights alone, in the order of `Spec.shapes`."""

from __future__ import annotations

from collections.abc import Mapping

from imgnet.codec.entropy.distributions import NUM_DISTRIBUTIONS
from imgnet.codec.entropy.rans import encode
from imgnet.codec.entropy.weights import WeightCoder
from imgnet.codec.format.quantized import NUM_Q_STEPS, Quantized
from imgnet.spec import Spec

WEIGHTS = WeightCoder(range(NUM_Q_STEPS), range(NUM_DISTRIBUTIONS))


def pack(spec: Spec, quantized: Mapping[str, Quantized]) -> bytes:
    """Write all tensors.

    Raises:
        ValueError: An integer is too large for every distribution.

    >>> import numpy as np
    >>> spec = Spec("mlp", 8, 8, 0, 1, 1)
    >>> zeros = {k: Quantized(np.zeros(s, np.int32), 160) for k, s in spec.shapes().items()}
    >>> len(pack(spec, zeros))
    12
    """
    tensors = [quantized[name] for name in spec.shapes()]
    headers, starts, widths = WEIGHTS.pack((tensor.q_index, tensor.values) for tensor in tensors)
    return headers + encode(starts, widths)


def unpack(
    spec: Spec, data: bytes, _finest: int = 0, _count: int | None = None
) -> dict[str, Quantized]:
    """Read all tensors that `pack` wrote for the same spec; there are no levels to leave out.

    Raises:
        FormatError: The stream is cut short, damaged or not of this spec.
    """
    shapes = spec.shapes()
    tensors, decoder = WEIGHTS.unpack(data, list(shapes.values()))
    decoder.finish()
    return {
        name: Quantized(values, q_index)
        for name, (q_index, values) in zip(shapes, tensors, strict=True)
    }


def check_claims(spec: Spec, num_bytes: int) -> None:
    """Check that a stream of so many bytes may hold the network.

    Raises:
        FormatError: It is too short.
    """
    WEIGHTS.check_claims(spec.shapes().values(), num_bytes)


def pixels_crc(_data: bytes) -> None:
    """Return None: pixels that come from floating point may differ by machine."""


def tensor_bits(spec: Spec, quantized: Mapping[str, Quantized]) -> dict[str, float]:
    """Return the ideal code length of each tensor, with its header."""
    return {name: WEIGHTS.num_bits(quantized[name].values) for name in spec.shapes()}

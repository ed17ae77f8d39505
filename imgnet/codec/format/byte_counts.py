"""What the bytes of a file are spent on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imgnet.codec.entropy.integers import cheapest_distribution, cost_bits
from imgnet.codec.entropy.weights import EXCESS_BITS, has_excess, weight_bits
from imgnet.codec.format import grid_stream
from imgnet.codec.format.container import STREAM, Encoded
from imgnet.codec.format.coordinate_stream import unpack
from imgnet.codec.format.quantized import Quantized
from imgnet.spec import Spec, network_shapes

Bits = dict[str, float]

_LATENTS = "latents."


def bytes_by_part(encoded: Encoded, num_bytes: int) -> dict[str, int]:
    """Split the bytes of a file into those of its header, of its network and of its latents.

    A coded symbol costs a fraction of a byte, so these are rounded; their sum is that of the file.

    Args:
        encoded: What the file holds.
        num_bytes: Size of the file.

    Returns:
        "header", "network" and, of `grid`, "latents 1/1", "latents 1/2" ..., the levels of all
        pyramids from the finest that is stored.

    Raises:
        FormatError: The coded stream is damaged.

    >>> import numpy as np
    >>> spec = Spec("mlp", 40, 30, 0, 8, 1)
    >>> tensors = {name: np.zeros(shape, np.float16) for name, shape in spec.shapes().items()}
    >>> bytes_by_part(Encoded(spec, "RGB", tensors), 1500)
    {'header': 406, 'network': 1094}
    """
    parts: Bits = {"network": 0}
    for name, bits in sorted(_tensor_bits(encoded).items(), key=lambda item: _level(item[0])):
        part = f"latents 1/{1 << _level(name)}" if name.startswith(_LATENTS) else "network"
        parts[part] = parts.get(part, 0) + bits
    whole = {part: round(bits / 8) for part, bits in parts.items()}
    return {"header": num_bytes - sum(whole.values()), **whole}


def _level(name: str) -> int:
    """Return the level of a grid of latents, or -1 for a tensor of the network."""
    return int(name.rpartition(".")[2]) if name.startswith(_LATENTS) else -1


def _tensor_bits(encoded: Encoded) -> Bits:
    if encoded.weights != "coded":
        return {name: 8 * tensor.nbytes for name, tensor in encoded.tensors.items()}
    spec, data = encoded.spec, encoded.tensors[STREAM].tobytes()
    if spec.family != "grid":
        return _network_bits(spec, unpack(spec, data))
    quantized = grid_stream.unpack(spec, data)
    network = {name: quantized[name] for name in network_shapes(spec)}
    return _network_bits(spec, network) | _latent_bits(spec, quantized)


def _network_bits(spec: Spec, network: dict[str, Quantized]) -> Bits:
    bits_of = _grid_bits if spec.family == "grid" else _distribution_and_bits
    return {name: bits_of(tensor.values) for name, tensor in network.items()}


def _grid_bits(values: NDArray[np.integer]) -> float:
    """Return the bits of a tensor: its step, its distribution and its integers."""
    return 8 + EXCESS_BITS * has_excess(values.size) + weight_bits(values)


def _distribution_and_bits(values: NDArray[np.integer]) -> float:
    return 16 + cost_bits(values, cheapest_distribution(values))


def _latent_bits(spec: Spec, quantized: dict[str, Quantized]) -> Bits:
    return {
        name: float(grid_stream.latent_bits(quantized[name].values.ravel(), distributions).sum())
        for name, distributions in grid_stream.distributions_of_grids(spec, quantized).items()
    }

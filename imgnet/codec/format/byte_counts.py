"""Bytes of a file by part: header, network and latents."""

from __future__ import annotations

from imgnet.codec.format.container import STREAM, Encoded
from imgnet.codec.format.streams import STREAMS
from imgnet.spec import is_latents

Bits = dict[str, float]


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
    >>> from imgnet.spec import Spec
    >>> spec = Spec("mlp", 40, 30, 0, 8, 1)
    >>> tensors = {name: np.zeros(shape, np.float16) for name, shape in spec.shapes().items()}
    >>> bytes_by_part(Encoded(spec, "RGB", tensors), 1500)
    {'header': 406, 'network': 1094}
    """
    parts: Bits = {"network": 0}
    for name, bits in sorted(_tensor_bits(encoded).items(), key=lambda item: _level(item[0])):
        part = f"latents 1/{1 << _level(name)}" if is_latents(name) else "network"
        parts[part] = parts.get(part, 0) + bits
    whole = {part: round(bits / 8) for part, bits in parts.items()}
    return {"header": num_bytes - sum(whole.values()), **whole}


def _level(name: str) -> int:
    """Return the level of a grid of latents, or -1 for a tensor of the network."""
    return int(name.rpartition(".")[2]) if is_latents(name) else -1


def _tensor_bits(encoded: Encoded) -> Bits:
    if encoded.weights != "coded":
        return {name: 8 * tensor.nbytes for name, tensor in encoded.tensors.items()}
    spec, stream = encoded.spec, STREAMS[encoded.spec.family]
    return stream.tensor_bits(spec, stream.unpack(spec, encoded.tensors[STREAM].tobytes()))

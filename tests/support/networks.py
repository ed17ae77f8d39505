"""Networks of `grid` made of random quantised numbers, for tests of what needs no fit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imgnet.codec.format import grid_stream
from imgnet.codec.format.container import STREAM, Encoded
from imgnet.codec.format.grid_stream import LARGEST_INTEGER
from imgnet.codec.format.header import MODES
from imgnet.codec.format.quantized import Quantized, q_index_of_bits
from imgnet.codec.priors import loader as priors
from imgnet.codec.render.grid import render
from imgnet.codec.render.resize import checksum
from imgnet.encoder.prior import FOR_DETAIL
from imgnet.spec import Spec, network_shapes

Tensors = dict[str, Quantized]

MODE_OF = {channels: mode for mode, channels in MODES.items()}

# Without coarse features, deep and wide of margin, without the finest level, of one level, narrow,
# of one pixel, usual.
SPECS = [
    Spec("grid", 61, 43, 0, 8, 2, num_levels=4, chroma_level=2, dim_context=6),
    Spec("grid", 37, 70, 0, 6, 7, 4, num_levels=5, chroma_level=1, dim_context=5, dim_coarse=2),
    Spec("grid", 33, 40, 0, 5, 0, 1, 3, finest=1, chroma_level=1, dim_context=4, dim_coarse=3),
    Spec("grid", 19, 12, 0, 4, 1, dim_out=2, num_levels=1, dim_context=4),
    Spec("grid", 1, 31, 0, 4, 2, num_levels=2, chroma_level=1, dim_context=4, dim_coarse=1),
    Spec("grid", 1, 1, 0, 4, 1, num_levels=1, dim_context=4),
    Spec("grid", 45, 51, 0, 7, 1, num_levels=5, chroma_level=1, dim_context=6, dim_coarse=6),
]

# Fraction bits and standard deviation of random tensors, by the ends of their names.
_KINDS = {
    "hidden.weight": (7, 0.3),
    "output.weight": (8, 0.05),
    "linear.weight": (9, 0.03),
    "linear.bias": (8, 0.05),
    "first.weight": (7, 0.1),
    "second.weight": (7, 0.2),
    "last.weight": (7, 0.1),
    "alpha": (8, 0.3),
    "weight": (7, 0.2),
    "bias": (8, 0.1),
}
_BICUBIC = np.array([-27, 225, 67, -9]) / 256
_GREY = 0.5


def grid_spec(width: int, height: int, **changes: int) -> Spec:
    """Return the shape of a small network."""
    sizes = {"dim_hidden": 6, "num_layers": 1, "num_levels": 3, "chroma_level": 1, "dim_context": 5}
    return Spec("grid", width, height, dim_axis=0, **{**sizes, **changes})


def prior_spec(width: int, height: int, **changes: int) -> Spec:
    """Return the shape of a network that starts from the current prior, at lmbda_index 9."""
    sizes = {"num_levels": 4, "chroma_level": 2, "lmbda_index": 9, **priors.layers_of(FOR_DETAIL)}
    return Spec("grid", width, height, dim_axis=0, prior=FOR_DETAIL, **{**sizes, **changes})


def random_tensors(spec: Spec, seed: int = 1, spread: float = 1.5) -> Tensors:
    """Return random tensors whose picture has colours and edges.

    Args:
        spec: Shape of the network.
        seed: Of the numbers.
        spread: Of the latents, the mean of their absolute values.
    """
    rng = np.random.default_rng(seed)
    tensors = {}
    for name, shape in spec.shapes().items():
        if name.startswith("latents."):
            values, bits = rng.laplace(0, spread, shape), 0
        elif name.startswith("upsample."):
            values, bits = rng.normal(_BICUBIC, 0.02, shape), 8
        elif name.startswith("context.coarse."):
            values, bits = rng.normal(0, 0.3, shape), 7
        else:
            bits, deviation = next(k for ending, k in _KINDS.items() if name.endswith(ending))
            values = rng.normal(_GREY if name == "linear.bias" else 0, deviation, shape)
        integers = np.rint(values * 2**bits).astype(np.int32)
        tensors[name] = Quantized(integers, q_index_of_bits(bits))
    return tensors


def near_prior(spec: Spec, seed: int = 1) -> Tensors:
    """Return random tensors with small differences from the prior of a spec."""
    rng = np.random.default_rng(seed)
    prior_tensors = priors.prior_tensors(spec)
    tensors = random_tensors(spec, seed)
    for name, origin in prior_tensors.items():
        values = np.rint(rng.laplace(0, 0.7, origin.shape)).astype(np.int32)
        bits = rng.integers(5, 13 if name.endswith(".bias") else 16)
        tensors[name] = Quantized(values, q_index_of_bits(int(bits)), origin)
    return tensors


def extreme_tensors(spec: Spec, seed: int = 1) -> Tensors:
    """Return the largest numbers that a stream holds, of random signs."""
    rng = np.random.default_rng(seed)
    most = LARGEST_INTEGER
    networks = network_shapes(spec)
    return {
        name: Quantized(
            (rng.choice([-1, 1], shape) * (most if name in networks else 4096)).astype(np.int32),
            q_index_of_bits(0),
        )
        for name, shape in spec.shapes().items()
    }


def real(tensors: Tensors) -> dict[str, NDArray[np.float32]]:
    """Return the numbers that the integers stand for."""
    return {name: tensor.dequantize() for name, tensor in tensors.items()}


def encoded(spec: Spec, tensors: Tensors) -> Encoded:
    """Return a picture as a file holds it, its checksum included."""
    crc = checksum(render(spec, real(tensors)))
    stream = np.frombuffer(grid_stream.pack(spec, tensors, crc), np.uint8)
    return Encoded(spec, MODE_OF[spec.dim_out], {STREAM: stream})

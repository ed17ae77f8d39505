"""Pictures of `grid` made of random numbers, for tests of what needs no fit."""

from __future__ import annotations

import numpy as np

from imgnet.codec.entropy.weights import LARGEST_INTEGER
from imgnet.codec.format import grid_stream
from imgnet.codec.format.container import STREAM, Encoded
from imgnet.codec.format.grid_stream import q_index_of_bits
from imgnet.codec.format.header import MODES
from imgnet.codec.format.quantized import Quantized
from imgnet.codec.priors import loader as priors
from imgnet.codec.render.grid import render
from imgnet.codec.render.resize import checksum
from imgnet.encoder.prior import FOR_DETAIL
from imgnet.spec import Spec, network_shapes

Tensors = dict[str, Quantized]

BICUBIC = (-27, 225, 67, -9)  # in units of 2**-8
MODE_OF = {channels: mode for mode, channels in MODES.items()}


def grid_spec(width: int, height: int, **changes: int) -> Spec:
    sizes = {"dim_hidden": 6, "num_layers": 1, "num_levels": 3, "chroma_level": 1, "dim_context": 5}
    return Spec("grid", width, height, dim_axis=0, **{**sizes, **changes})


def random_tensors(spec: Spec, seed: int = 1, spread: float = 2.0) -> Tensors:
    """Draw latents of some spread, and networks with distributions of all kinds."""
    rng = np.random.default_rng(seed)
    tensors = {}
    for name, shape in spec.shapes().items():
        if name.startswith("latents."):
            values, step = rng.laplace(0, spread, shape), q_index_of_bits(0)
        elif name.startswith("upsample."):
            values, step = rng.normal(BICUBIC, 2, shape), q_index_of_bits(8)
        elif name == "linear.bias":
            values, step = rng.normal(40, 9, shape), q_index_of_bits(6)
        else:
            values, step = rng.logistic(0, 12, shape), q_index_of_bits(8 if "bias" in name else 7)
        tensors[name] = Quantized(np.rint(values).astype(np.int32), step)
    return tensors


def prior_spec(width: int, height: int, **changes: int) -> Spec:
    """A network of the shape of the current prior, in its lmbda_index 9."""
    prior = FOR_DETAIL
    sizes = {
        "num_levels": 4,
        "chroma_level": 2,
        "prior": prior,
        "lmbda_index": 9,
        **priors.layers_of(prior),
    }
    return Spec("grid", width, height, dim_axis=0, **{**sizes, **changes})


def near_prior(spec: Spec, seed: int = 1) -> Tensors:
    """Draw small differences from the prior of a spec."""
    rng = np.random.default_rng(seed)
    origins = priors.origins(spec)
    tensors = random_tensors(spec, seed)
    for name, origin in origins.items():
        values = np.rint(rng.laplace(0, 0.7, origin.shape)).astype(np.int32)
        bits = rng.integers(5, 13 if name.endswith(".bias") else 16)
        tensors[name] = Quantized(values, q_index_of_bits(int(bits)), origin)
    return tensors


def extreme_tensors(spec: Spec, seed: int = 1) -> Tensors:
    """Draw the largest numbers that a stream holds, of either sign."""
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


def real(tensors: Tensors) -> dict[str, np.ndarray]:
    return {name: tensor.dequantize() for name, tensor in tensors.items()}


def encoded(spec: Spec, tensors: Tensors) -> Encoded:
    crc = checksum(render(spec, real(tensors)))
    stream = np.frombuffer(grid_stream.pack(spec, tensors, crc), np.uint8)
    return Encoded(spec, MODE_OF[spec.dim_out], {STREAM: stream})

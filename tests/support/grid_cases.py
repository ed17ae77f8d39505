"""Small networks of `grid` and small pictures, for the tests of several files."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray

from imgnet.codec.format.quantized import Quantized, q_index_of_bits
from imgnet.fit.engine.latents import LatentGrids
from imgnet.fit.engine.network import GridNetwork
from imgnet.fit.engine.reference import ReferenceEvaluator
from imgnet.spec import Spec

Pixels = NDArray[np.uint8]
Tensors = dict[str, Quantized]

# Usual, deep and wide of margin, without the finest level, of one level, narrow, of one pixel.
SPECS = [
    Spec("grid", 61, 43, 0, 8, 2, num_levels=4, chroma_level=2, dim_context=6),
    Spec("grid", 37, 70, 0, 6, 7, dim_out=4, num_levels=5, chroma_level=1, dim_context=5),
    Spec("grid", 33, 40, 0, 5, 0, dim_out=1, num_levels=3, finest=1, chroma_level=1, dim_context=4),
    Spec("grid", 19, 12, 0, 4, 1, dim_out=2, num_levels=1, dim_context=4),
    Spec("grid", 1, 31, 0, 4, 2, num_levels=2, chroma_level=1, dim_context=4),
    Spec("grid", 1, 1, 0, 4, 1, num_levels=1, dim_context=4),
]

# Fraction bits and spread of random tensors, by what their names end in.
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
_MIDDLE = {"linear.bias": 0.5}
_BICUBIC = (-0.10546875, 0.87890625, 0.26171875, -0.03515625)


def integers(spec: Spec, seed: int = 1, spread: float = 1.5) -> Tensors:
    """Return random tensors of a network that draws more than grey, as a file holds them.

    Args:
        spec: Its shape.
        seed: Of the numbers.
        spread: Of the latents.
    """
    rng = np.random.default_rng(seed)
    tensors = {}
    for name, shape in spec.shapes().items():
        if name.startswith("latents."):
            values, bits = rng.laplace(0, spread, shape), 0
        elif name.startswith("upsample."):
            values, bits = np.array(_BICUBIC) + rng.normal(0, 0.02, shape), 8
        else:
            kind = next(ending for ending in _KINDS if name.endswith(ending))
            bits, deviation = _KINDS[kind]
            values = rng.normal(_MIDDLE.get(name, 0), deviation, shape)
        whole = np.rint(values * 2**bits).clip(-360, 360)
        tensors[name] = Quantized(whole.astype(np.int32), q_index_of_bits(bits))
    return tensors


def real(tensors: Tensors) -> dict[str, NDArray[np.float32]]:
    """Return what the integers stand for."""
    return {name: tensor.dequantize() for name, tensor in tensors.items()}


def network_of(spec: Spec, tensors: Tensors) -> GridNetwork:
    """Return the network with torch."""
    network = GridNetwork(spec)
    state = {n: torch.from_numpy(t.dequantize()) for n, t in tensors.items() if "latents" not in n}
    network.load_state_dict(state)
    return network


def rounded_step(spec: Spec, workers: ThreadPoolExecutor) -> ReferenceEvaluator:
    """Return what evaluates a network whose latents lie between whole numbers, on a picture."""
    latents = LatentGrids(spec, torch.device("cpu"), torch.Generator().manual_seed(1))
    latents.values = torch.randn(latents.starts[-1], generator=latents.generator)
    latents.round()
    network = network_of(spec, integers(spec))
    with torch.no_grad():
        network.linear.weight.mul_(0.3)
        network.context.last.bias[:, 1] = 1
    pixels = torch.from_numpy(picture(spec.width, spec.height)).permute(2, 0, 1) / 255.0
    return ReferenceEvaluator(network, latents, pixels, None, workers)


def picture(width: int = 48, height: int = 40, channels: int = 3) -> Pixels:
    """Draw slopes, waves and an edge, smooth for the most part as photos are."""
    y, x = np.mgrid[0:height, 0:width]
    disc = np.hypot(x - 0.6 * width, y - 0.4 * height) < 0.25 * min(width, height)
    planes = [
        40 + 150 * x / width,
        np.where(disc, 190, 60 + 90 * y / height),
        128 + 60 * np.sin(x / 7 + y / 9),
        250 - 60 * y / height,
    ]
    return np.stack(planes[:channels], axis=2).round().astype(np.uint8)

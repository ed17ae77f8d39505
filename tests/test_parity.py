"""PyTorch and NumPy draw the same picture from the same file."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from imgnet.codec.format.container import STREAM, Encoded, from_bytes, to_bytes
from imgnet.codec.format.coordinate_stream import pack
from imgnet.codec.render import coordinate, grid
from imgnet.codec.render.coordinate import encode_positions
from imgnet.fit.coordinate.network import Network, build
from imgnet.fit.engine.latents import padded
from imgnet.fit.rounding import quantize
from imgnet.spec import UPSAMPLING_REACH, Spec, edge_margin, latents_name
from support.grid_cases import SPECS as GRID_SPECS
from support.grid_cases import Tensors, integers, network_of, real

MODES = ["L", "LA", "RGB", "RGBA"]
SPECS = [
    Spec("gated", 61, 43, 9, 14, 2),
    Spec("gated", 300, 7, 6, 8, 1, dim_out=1),
    Spec("gated", 1, 1, 3, 4, 1),
    Spec("gated", 1, 31, 4, 5, 0, dim_out=4),
    Spec("mlp", 61, 43, 0, 16, 3),
    Spec("mlp", 31, 1, 0, 9, 1, dim_out=2),
    Spec("mlp", 1, 1, 0, 4, 2),
]


def lively(spec: Spec) -> Network:
    """Build a network that draws more than grey: random weights, normalised, strong colours."""
    torch.manual_seed(1)
    network = build(spec)
    network.normalize(torch.arange(spec.width), torch.arange(spec.height))
    with torch.no_grad():
        network.output.weight.mul_(10)
    return network


def coded(network: Network, spec: Spec) -> Encoded:
    quantized = quantize(dict(network.named_parameters()), dict.fromkeys(spec.shapes(), 110))
    stream = np.frombuffer(pack(spec, quantized), np.uint8)
    return Encoded(spec, MODES[spec.dim_out - 1], {STREAM: stream})


def plain(network: Network, spec: Spec, dtype: str) -> Encoded:
    tensors = {n: p.detach().numpy().astype(dtype) for n, p in network.named_parameters()}
    return Encoded(spec, MODES[spec.dim_out - 1], tensors)


def torch_pixels(encoded: Encoded) -> NDArray[np.uint8]:
    spec = encoded.spec
    network = build(spec)
    parameters = encoded.parameters()
    network.load_state_dict({name: torch.from_numpy(a) for name, a in parameters.items()})
    with torch.no_grad():
        drawn = network(torch.arange(spec.width), torch.arange(spec.height))
    levels = drawn.mul(255).round().byte().reshape(spec.dim_out, spec.height, spec.width)
    pixels: NDArray[np.uint8] = levels.permute(1, 2, 0).numpy()
    return pixels


@pytest.mark.parametrize("spec", SPECS, ids=str)
@pytest.mark.parametrize("weights", ["coded", "float16", "float32"])
def test_torch_and_numpy_agree(spec: Spec, weights: str) -> None:
    network = lively(spec)
    encoded = coded(network, spec) if weights == "coded" else plain(network, spec, weights)
    encoded = from_bytes(to_bytes(encoded))
    assert encoded.weights == weights
    ours, theirs = coordinate.render(spec, encoded.parameters()), torch_pixels(encoded)
    assert ours.shape == (spec.height, spec.width, spec.dim_out)
    if spec.width * spec.height > 1000:
        assert ours.std() > 10  # a picture, not a flat field
    difference = np.abs(ours.astype(int) - theirs)
    assert difference.max() <= 1
    assert np.count_nonzero(difference) <= max(1, 0.001 * difference.size)


@pytest.mark.parametrize("family", ["gated", "mlp"])
@pytest.mark.parametrize("length", [1, 37, 768])
def test_encodings_agree(family: str, length: int) -> None:
    positions = np.linspace(-0.5, length - 0.5, 99)
    theirs = build(Spec(family, length, 1, 1 if family == "gated" else 0, 1, 1))
    theirs_encoded = theirs.encoding_x(torch.from_numpy(positions)).numpy()
    ours = encode_positions(family, length, positions)
    np.testing.assert_allclose(ours, theirs_encoded, rtol=0, atol=1e-6)


def torch_grid_pixels(spec: Spec, tensors: Tensors) -> NDArray[np.uint8]:
    """Draw `grid` with torch, the whole picture at once, from rounded weights."""
    network, margin = network_of(spec, tensors), edge_margin(spec.num_layers)
    features = None
    for level in reversed(range(spec.num_levels)):
        height, width = spec.grid_size(level)
        if features is not None:
            skip = margin - 2 * UPSAMPLING_REACH
            doubled = network.doubled(features, level)[:, skip:, skip:]
            features = doubled[:, : height + 2 * margin, : width + 2 * margin]
        names = [latents_name(*grid) for grid in spec.grids() if grid[1] == level]
        own = [torch.from_numpy(tensors[name].dequantize()) for name in names]
        grids = torch.stack(own) if own else torch.zeros(0, height, width)
        features = network.join(level, padded(grids, margin), features)
    assert features is not None
    skip = margin - spec.num_layers
    inner = features[:, skip : features.shape[1] - skip, skip : features.shape[2] - skip]
    levels = network.colours(inner).clamp(0, 1).mul(255).round().byte()
    pixels: NDArray[np.uint8] = levels.permute(1, 2, 0).numpy()
    return pixels


@pytest.mark.parametrize("spec", GRID_SPECS, ids=str)
def test_torch_and_whole_numbers_agree(spec: Spec) -> None:
    tensors = integers(spec)
    with torch.no_grad():
        theirs = torch_grid_pixels(spec, tensors)
    ours = grid.render(spec, real(tensors))
    assert ours.shape == theirs.shape == (spec.height, spec.width, spec.dim_out)
    if spec.width * spec.height > 1000:
        assert ours.std() > 5  # a picture, not a flat field
    difference = np.abs(ours.astype(int) - theirs)
    assert difference.max() <= 1
    if spec.width * spec.height > 1000:
        assert np.count_nonzero(difference) <= 0.2 * difference.size  # from floors

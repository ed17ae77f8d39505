"""The networks against the published formulas, written down once more, point by point."""

from __future__ import annotations

from math import log2, pi

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from imgnet.fit.coordinate.network import GatedLayer, Network, PositionalEncoding, ReZero, build
from imgnet.request.request import Shape
from imgnet.spec import Spec

SPECS = [
    Spec("gated", 20, 13, 3, 5, 2),
    Spec("gated", 1, 9, 4, 4, 0, dim_out=1),
    Spec("mlp", 20, 13, 0, 7, 3),
    Spec("mlp", 9, 1, 0, 6, 1, dim_out=4),
]
Weights = dict[str, Tensor]


@pytest.fixture(autouse=True)
def _same_weights() -> None:
    torch.manual_seed(3)


def doubled(spec: Spec) -> tuple[Network, Weights]:
    """Build a network in which every parameter counts; return it and its parameters in float64."""
    network = build(spec)
    network.normalize(torch.arange(spec.width), torch.arange(spec.height))
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.1)
            if name == "output.weight":
                parameter.mul_(10)
    return network, {n: p.detach().double() for n, p in network.named_parameters()}


def published_encoding(family: str, length: int, position: float) -> Tensor:
    if family == "gated":
        angles = [position * 2.0 ** -(j - 1) for j in range(int(log2(length) + 2))]
        return torch.tensor(np.sin(angles))
    angles = [position * 2.0 ** (i + 1) * pi / length for i in range(16)]
    return torch.tensor(np.concatenate([np.sin(angles), np.cos(angles)]))


def published_gated_layer(weights: Weights, name: str, x: Tensor) -> Tensor:
    q, k, v = (weights[f"{name}.weight"] @ x + weights[f"{name}.bias"]).chunk(3)
    normalized = torch.tanh(q * k) * v + weights[f"{name}.shift"]
    return functional.gelu(normalized, approximate="tanh")


def published_colour(spec: Spec, weights: Weights, x: float, y: float) -> Tensor:
    code_x = published_encoding(spec.family, spec.width, x)
    code_y = published_encoding(spec.family, spec.height, y)
    if spec.family == "gated":
        branches = [
            published_gated_layer(weights, "axis_x", code_x),
            published_gated_layer(weights, "axis_y", code_y),
        ]
        hidden = published_gated_layer(weights, "joint", torch.cat(branches))
        for i in range(spec.num_layers):
            inner = published_gated_layer(weights, f"blocks.{i}.0", hidden)
            residual = published_gated_layer(weights, f"blocks.{i}.1", inner)
            hidden = hidden + weights[f"blocks.{i}.alpha"] * residual
    else:
        hidden = torch.cat([code_x, code_y])
        for i in range(spec.num_layers):
            product = weights[f"layers.{i}.weight"] @ hidden + weights[f"layers.{i}.bias"]
            hidden = torch.where(product > 0, product, 0.1 * product)
    return torch.sigmoid(weights["output.weight"] @ hidden + weights["output.bias"])


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_colours_are_those_of_the_published_formulas(spec: Spec) -> None:
    network, weights = doubled(spec)
    x, y = [-1.0, 0.0, 2.0, spec.width - 1], [0.0, 3.0, spec.height - 1.0]
    if spec.family == "gated":  # whose formula also holds between the centres of pixels
        x, y = [*x, 2.5], [*y, 3.75]
    drawn = network(torch.tensor(x), torch.tensor(y)).detach()
    wanted = torch.stack([published_colour(spec, weights, a, b) for b in y for a in x], dim=1)
    assert wanted.std() > 0.02  # not a flat picture
    torch.testing.assert_close(drawn.double(), wanted, rtol=0.0, atol=2e-5)


@pytest.mark.parametrize("family", ["gated", "mlp"])
@pytest.mark.parametrize("length", [1, 2, 37, 512])
def test_encoding(family: str, length: int) -> None:
    positions = [0.0, 1.0, length // 2, length - 1.0]
    if family == "gated":
        positions = [*positions, 0.5]
    encoded = PositionalEncoding(family, length)(torch.tensor(positions))
    wanted = torch.stack([published_encoding(family, length, p) for p in positions], dim=1)
    torch.testing.assert_close(encoded.double(), wanted, rtol=0.0, atol=1e-6)


@pytest.mark.parametrize("length", [1, 2, 37, 512])
def test_no_band_swings_between_the_centres_of_pixels(length: int) -> None:
    positions = torch.linspace(0, 2, 201)
    steps = PositionalEncoding("mlp", length)(positions).diff(dim=1).abs()
    assert steps.max() < pi * 0.01 + 1e-4


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_parameters_are_those_of_the_spec_in_its_order(spec: Spec) -> None:
    network = build(spec)
    shapes = [(name, tuple(p.shape)) for name, p in network.named_parameters()]
    assert sorted(shapes) == sorted(spec.shapes().items())
    assert list(network.state_dict()) == [name for name, _ in shapes]  # nothing else is stored


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_a_lattice_is_drawn_as_its_points_one_by_one(spec: Spec) -> None:
    network, _ = doubled(spec)
    x, y = torch.arange(spec.width), torch.arange(spec.height)
    with torch.no_grad():
        lattice = network(x, y)
        points = [network(x[i : i + 1], y[j : j + 1]) for j in range(len(y)) for i in range(len(x))]
    assert lattice.shape == (spec.dim_out, spec.width * spec.height)
    torch.testing.assert_close(lattice, torch.cat(points, dim=1), rtol=0.0, atol=1e-5)


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_kept_crossings_are_those_of_the_whole_lattice(spec: Spec) -> None:
    network, _ = doubled(spec)
    x, y = torch.arange(spec.width), torch.arange(spec.height)
    keep = torch.tensor([0, 2, 2, spec.width * spec.height - 1])
    with torch.no_grad():
        torch.testing.assert_close(network(x, y, keep), network(x, y)[:, keep])


def test_gated_layer_normalises_its_first_batch() -> None:
    layer = GatedLayer(6, 4)
    stacked = layer.project(torch.randn(6, 500) * 2 + 1).detach()
    q, k, v = stacked.chunk(3)
    gated = torch.tanh(q * k) * v
    normalized = functional.batch_norm(gated.T, None, None, training=True, eps=1e-12).T
    wanted = functional.gelu(normalized, approximate="tanh")
    torch.testing.assert_close(layer.normalize(stacked), wanted, rtol=1e-4, atol=1e-4)


def test_folding_leaves_the_normalised_output_unchanged() -> None:
    layer = GatedLayer(6, 4)
    with torch.no_grad():
        layer.bias.normal_()
    x = torch.randn(6, 500) * 2 + 1
    before = layer(x).detach()
    normalized = layer.normalize(layer.project(x).detach())
    torch.testing.assert_close(layer(x).detach(), normalized, rtol=1e-4, atol=1e-4)
    assert (before - normalized).abs().max() > 0.1


def test_a_constant_feature_is_not_blown_up() -> None:
    layer = GatedLayer(6, 4)
    stacked = layer.project(torch.randn(6, 1).expand(6, 20)).detach()
    torch.testing.assert_close(layer.normalize(stacked), torch.zeros(4, 20), rtol=0.0, atol=1e-5)
    assert all(p.abs().max() < 1e3 for p in layer.parameters())


def test_normalising_a_network_normalises_every_gated_layer() -> None:
    network = build(Spec("gated", 40, 30, 4, 5, 1))
    seen: dict[str, Tensor] = {}
    for name, module in network.named_modules():
        if isinstance(module, GatedLayer):
            module.register_forward_hook(lambda _m, _x, out, name=name: seen.update({name: out}))
    x, y = torch.arange(40), torch.arange(30)
    network.normalize(x, y)
    with torch.no_grad():
        network(x, y)
    assert len(seen) == 4  # the joint layer is called in two parts
    normal = torch.randn(100_000)
    expected = functional.gelu(normal).std().item()
    for name, output in seen.items():
        assert output.std(dim=1).mean() == pytest.approx(expected, rel=0.3), name


def test_gelu_is_the_published_one_to_a_thousandth() -> None:
    layer = GatedLayer(1, 1)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[0.0], [0.0], [1.0]]))
        layer.bias.copy_(torch.tensor([10.0, 10.0, 0.0]))  # tanh(100) = 1
    x = torch.linspace(-6, 6, 101)[None]
    torch.testing.assert_close(layer(x).detach(), functional.gelu(x), rtol=0.0, atol=1e-3)


def test_rezero() -> None:
    layers = GatedLayer(4, 4), GatedLayer(4, 4)
    block = ReZero(*layers)
    x = torch.randn(4, 10)
    with torch.no_grad():
        block.alpha.fill_(0.25)
        torch.testing.assert_close(block(x), x + 0.25 * layers[1](layers[0](x)))
        block.alpha.zero_()
        assert torch.equal(block(x), x)


def test_low_precision_products_change_the_picture_a_little() -> None:
    network, _ = doubled(SPECS[0])
    x, y = torch.arange(20), torch.arange(13)
    with torch.no_grad():
        exact = network(x, y)
        network.set_product_dtype(torch.bfloat16)
        low = network(x, y)
    assert 0 < (low - exact).abs().mean() < 0.02


@pytest.mark.parametrize(("family", "number"), [("gated", 189_705), ("mlp", 12_675)])
def test_published_sizes(family: str, number: int) -> None:
    network = build(Shape().spec(family, (512, 512), 3))
    assert sum(p.numel() for p in network.parameters()) == number

"""The compiled layers against those of torch, forward and backward."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.func import functional_call

from imgnet.fit.engine.network import Residual

fused = pytest.importorskip("imgnet.fit.kernels.synthesis")

Shapes = list[tuple[int, ...]]


def tensors(shapes: Shapes, seed: int = 0) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator).requires_grad_() for shape in shapes]


def arrays(values: list[Tensor]) -> list[np.ndarray]:
    return [value.detach().numpy() for value in values]


def compare(
    plain: Callable[..., Tensor],
    forward: Callable[..., np.ndarray],
    backward: Callable[..., tuple[np.ndarray, ...]],
    shapes: Shapes,
) -> None:
    inputs = tensors(shapes)
    wanted = plain(*inputs)
    gradient = torch.randn(wanted.shape, generator=torch.Generator().manual_seed(1))
    np.testing.assert_allclose(
        forward(*arrays(inputs)), wanted.detach().numpy(), rtol=1e-4, atol=1e-4
    )
    wanted.backward(gradient)
    found = backward(*arrays(inputs), gradient.numpy())
    assert len(found) == len(inputs)
    for own, source in zip(found, inputs, strict=True):
        assert source.grad is not None
        np.testing.assert_allclose(own, source.grad.numpy(), rtol=1e-3, atol=1e-3)


def two_layers(
    x: Tensor, first: Tensor, bias: Tensor, last: Tensor, linear: Tensor, offset: Tensor
) -> Tensor:
    return last @ (first @ x + bias[:, None]).relu() + linear @ x + offset[:, None]


def rezero_layer(x: Tensor, *weights: Tensor) -> Tensor:
    names = ("weight", "bias", "alpha")
    known = dict(zip(names, weights, strict=True))
    output: Tensor = functional_call(Residual(len(x)), known, (x,))
    return output


@pytest.mark.parametrize("number", [1, 127, 128, 300])
@pytest.mark.parametrize("dims", [(11, 32, 3), (5, 7, 1), (3, 4, 4)])
def test_two_layers(number: int, dims: tuple[int, int, int]) -> None:
    dim_in, dim_hidden, dim_out = dims
    shapes: Shapes = [(dim_in, number), (dim_hidden, dim_in), (dim_hidden,)]
    shapes += [(dim_out, dim_hidden), (dim_out, dim_in), (dim_out,)]
    compare(two_layers, fused.two_layers, fused.two_layers_back, shapes)


@pytest.mark.parametrize("size", [(1, 1), (5, 130), (4, 9)])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_rezero_layers(size: tuple[int, int], channels: int) -> None:
    height, width = size
    shapes: Shapes = [(channels, height + 2, width + 2), (channels, 9 * channels)]
    shapes += [(channels,), (channels,)]
    compare(rezero_layer, fused.rezero_layer, fused.rezero_layer_back, shapes)


@pytest.mark.parametrize("has_mask", [False, True])
def test_squared_errors_are_of_clamped_colours_but_slopes_are_not_cut(has_mask: bool) -> None:
    colours, picture, counts = tensors([(3, 4, 5), (3, 4, 5), (3, 4, 5)])
    goal, seen = picture.detach().abs(), counts.detach().abs()
    own = colours.detach().numpy().copy()
    mask = seen.numpy() if has_mask else np.empty((0, 0, 0), np.float32)
    total = fused.squared_error(own, goal.numpy(), mask, 0.25)
    error = colours.detach().clamp(0, 1) - goal
    weights = seen if has_mask else torch.ones(3, 4, 5)
    assert total == pytest.approx(float((error.square() * weights).sum()), rel=1e-5)
    np.testing.assert_allclose(own, (2 * 0.25 * error * weights).numpy(), rtol=1e-5, atol=1e-6)
    assert (colours > 1).any()

"""Gradient of the code length of weights against finite differences of that length."""

from __future__ import annotations

from math import log

import pytest
import torch
from torch import Tensor

from imgnet.fit.engine.weight_rate import add_rate_gradient, means

pytestmark = pytest.mark.usefixtures("one_thread")

SIZES = [4, 1, 7]
LEAST = torch.tensor([0.01, 0.02, 5.0], dtype=torch.float64)  # the last holds
NAT_COST = 0.3


def random(seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(sum(SIZES), generator=generator, dtype=torch.float64)


def code_length(weights: Tensor, prior: Tensor) -> float:
    """Return the nats of the differences, Laplacian of their mean size, tensor by tensor."""
    total = 0.0
    for part, least in zip((weights - prior).split(SIZES), LEAST, strict=True):
        scale = max(part.abs().mean().item(), least.item())
        total += len(part) * log(2 * scale) + part.abs().sum().item() / scale
    return total


def gradient_of(weights: Tensor, prior: Tensor) -> Tensor:
    gradient = torch.zeros_like(weights)
    add_rate_gradient(weights, prior, SIZES, LEAST, NAT_COST, gradient)
    return gradient


def test_the_gradient_is_that_of_finite_differences() -> None:
    weights, prior, h = random(1), random(2), 1e-6
    gradient = gradient_of(weights, prior)
    for i, unit in enumerate(torch.eye(len(weights), dtype=torch.float64)):
        rise = code_length(weights + h * unit, prior) - code_length(weights - h * unit, prior)
        assert gradient[i].item() == pytest.approx(NAT_COST * rise / (2 * h), rel=1e-5)


def test_it_is_added_and_the_weights_stay() -> None:
    weights, prior, before = random(1), random(2), random(3)
    after = before.clone()
    add_rate_gradient(weights, prior, SIZES, LEAST, NAT_COST, after)
    assert torch.allclose(after, before + gradient_of(weights, prior))
    assert torch.equal(weights, random(1))
    assert torch.equal(prior, random(2))


def test_a_weight_that_equals_the_prior_is_not_pulled() -> None:
    weights = random(1)
    assert not gradient_of(weights, weights).any()


def test_means_are_taken_tensor_by_tensor() -> None:
    flat = random(1)
    expected = [part.mean().item() for part in flat.split(SIZES)]
    assert means(flat, SIZES).tolist() == pytest.approx(expected)

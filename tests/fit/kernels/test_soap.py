"""Compiled steps of weights against those of torch."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from imgnet.fit.engine.weight_rate import add_rate_gradient
from imgnet.fit.soap import SOAP

fused = pytest.importorskip("imgnet.fit.kernels.soap")

SHAPES = [(5, 9), (7, 7), (2, 6), (1, 4), (8,)]


def moved(kind: type[SOAP], most: float, steps: int = 12) -> list[Tensor]:
    """Return tensors that an optimiser moved against noisy slopes; it turns its bases twice."""
    generator = torch.Generator().manual_seed(0)
    tensors = [torch.randn(shape, generator=generator) for shape in SHAPES]
    # Where a slope is next to nothing, its sign is a matter of rounding: `eps` hides that.
    optimizer = kind(tensors, lr=0.1, eps=0.1, refresh_every=5, most=most)
    for _ in range(steps):
        for tensor in tensors:
            tensor.grad = tensor + torch.randn(tensor.shape, generator=generator)
        optimizer.step()
    return tensors


@pytest.mark.parametrize("most", [0.5, float("inf")])
def test_steps_are_those_of_torch(most: float) -> None:
    ours, theirs = moved(fused.FusedSOAP, most), moved(SOAP, most)
    for own, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(own, other, rtol=1e-3, atol=1e-3)


def test_a_limit_of_steps_is_kept() -> None:
    limited, free = moved(fused.FusedSOAP, 0.5), moved(fused.FusedSOAP, float("inf"))
    assert not any(torch.allclose(a, b, atol=1e-2) for a, b in zip(limited, free, strict=True))


def test_differences_from_a_prior_cost_what_they_do_with_torch() -> None:
    generator = torch.Generator().manual_seed(0)
    sizes = [5, 300, 1, 40]
    origin, change = torch.randn(2, sum(sizes), generator=generator)
    change[::7] = 0
    least = torch.tensor([0.1, 0.1, 0.1, 3.0])
    found = []
    for price in (fused.add_rate_gradient_of, add_rate_gradient):
        gradient = torch.ones(sum(sizes))
        price(origin + 0.1 * change, origin, sizes, least, 0.3, gradient)
        found.append(gradient)
    torch.testing.assert_close(*found, rtol=1e-4, atol=1e-6)
    assert torch.equal(found[0] != 1, origin + 0.1 * change != origin)

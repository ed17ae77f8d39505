"""Compiled steps of weights against those of torch."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from imgnet.fit.engine.network import GridNetwork
from imgnet.fit.grid.weights import Weights
from imgnet.fit.soap import SOAP
from imgnet.spec import Spec

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
    spec = Spec("grid", 60, 40, 0, 4, 1, num_levels=4, chroma_level=1, dim_context=4)
    torch.manual_seed(0)
    network = GridNetwork(spec)
    origins = {n: p.detach().clone() for n, p in network.named_parameters()}
    weights = Weights(network, origins, step=1.0)
    change = 0.1 * torch.randn(weights.flat.shape)
    change[::7] = 0
    weights.flat += change
    found = []
    for compiled in (True, False):
        weights.compiled = compiled
        weights.zero_grad()
        weights.move(0.0, 0.3)  # so slowly that nothing moves, but with a price
        found.append(weights.gradient.clone())
    torch.testing.assert_close(*found, rtol=1e-4, atol=1e-6)
    assert torch.equal(found[0] != 0, change != 0)

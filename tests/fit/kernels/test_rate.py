"""The compiled bits of a chunk against those of torch, with all gradients."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from imgnet.fit.engine.code_length import code_length
from imgnet.fit.engine.network import ContextModel
from imgnet.fit.engine.sources import spread, windows
from imgnet.neighbourhood import (
    CAUSAL,
    MARGIN,
    NUM_NEIGHBOURS,
    PARENT_MARGIN,
    PARENTS,
)

fused = pytest.importorskip("imgnet.fit.kernels.rate")

DIM = 6
NO_LENGTHS = np.empty(0, np.float32)


def model() -> ContextModel:
    """Return a random context model of one grid, of pyramid 0 and level 0."""
    network, generator = ContextModel(DIM, 1), torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(0.2 * torch.randn(parameter.shape, generator=generator))
    return network


def parts(model: ContextModel, of: Callable[[Tensor], Tensor]) -> list[np.ndarray]:
    """Return the parameters, or their gradients, in the order of the kernel's arguments."""
    first = of(model.first.weight)
    own, parents, _ = torch.tensor_split(first, [len(CAUSAL), NUM_NEIGHBOURS], dim=1)
    bias = torch.cat([of(model.first.bias), of(model.last.bias)[0]])
    others = (of(p) for p in (model.second.weight, model.second.bias, model.last.weight))
    return [np.ascontiguousarray(tensor.detach()) for tensor in (own, parents, bias, *others)]


def chunk(height: int, width: int, skip: int) -> tuple[Tensor, Tensor]:
    """Return latents and those above them, with their margins."""
    generator = torch.Generator().manual_seed(1)
    own = torch.randn(height + MARGIN, width + 2 * MARGIN, generator=generator)
    rows, columns = (height + skip + 1) // 2, (width + 1) // 2
    size = rows + 2 * PARENT_MARGIN, columns + 2 * PARENT_MARGIN
    return own.requires_grad_(), torch.randn(size, generator=generator).requires_grad_()


def plain_lengths(model: ContextModel, own: Tensor, above: Tensor | None, skip: int) -> Tensor:
    height, width = own.shape[0] - MARGIN, own.shape[1] - 2 * MARGIN
    causal = windows(own, CAUSAL, MARGIN, height, width)
    parents = torch.zeros(len(PARENTS), height, width)
    if above is not None:
        rows, columns = (size - 2 * PARENT_MARGIN for size in above.shape)
        found = windows(above, PARENTS, PARENT_MARGIN, rows, columns)
        parents = spread(found, skip, height, width)
    values = own[MARGIN:, MARGIN:-MARGIN].flatten()
    return code_length(values, *model(torch.cat([causal, parents]).flatten(1), 0, (0, 0)))


@pytest.mark.parametrize("size", [(1, 1), (4, 7), (3, 130), (6, 256)])
@pytest.mark.parametrize("skip", [0, 1])
@pytest.mark.parametrize("has_parents", [False, True])
def test_it_finds_what_torch_finds(size: tuple[int, int], skip: int, has_parents: bool) -> None:
    (own, above), network = chunk(*size, skip), model()
    wanted = plain_lengths(network, own, above if has_parents else None, skip).sum()
    wanted.backward()
    parents = above.detach().numpy() if has_parents else np.empty((0, 0), np.float32)
    given = own.detach().numpy(), parents, skip, *parts(network, lambda p: p)
    bits, to_own, to_parents, to_weights = fused.rate(*given, True, NO_LENGTHS)
    assert bits == pytest.approx(wanted.item(), rel=1e-5)
    pairs = [(to_own, own.grad), *zip(to_weights, parts(network, lambda p: p.grad), strict=True)]
    if has_parents:
        pairs.append((to_parents, above.grad))
    for found, gradient in pairs:
        np.testing.assert_allclose(found, gradient, rtol=2e-3, atol=2e-3)


def test_lengths_add_up_to_the_bits() -> None:
    (own, above), network = chunk(5, 140, 0), model()
    lengths = np.zeros(5 * 140, np.float32)
    given = own.detach().numpy(), above.detach().numpy(), 0, *parts(network, lambda p: p)
    bits, *_ = fused.rate(*given, False, lengths)
    assert lengths.sum() == pytest.approx(bits, rel=1e-4)
    wanted = plain_lengths(network, own, above, 0).detach()
    np.testing.assert_allclose(lengths, wanted, rtol=1e-3, atol=1e-3)

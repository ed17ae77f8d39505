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
    NUM_INPUTS,
    NUM_NEIGHBOURS,
    PARENT_MARGIN,
    PARENTS,
)
from imgnet.spec import Spec

fused = pytest.importorskip("imgnet.fit.kernels.rate")

DIM = 6
GRID = 1  # index of the finest grid
NO_LENGTHS = np.empty(0, np.float32)


def model(num_features: int = 0) -> ContextModel:
    """Return a random context model for the finest grid, one of two."""
    sizes = {"dim_out": 1, "num_levels": 2, "dim_context": DIM, "dim_coarse": num_features}
    network = ContextModel(Spec("grid", 8, 8, 0, 1, 0, **sizes))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(0.2 * torch.randn(parameter.shape, generator=generator))
    return network


def parts(model: ContextModel, of: Callable[[Tensor], Tensor]) -> list[np.ndarray]:
    """Return the parameters, or their gradients, in the order of the kernel's arguments."""
    first = of(model.first.weight)
    edges = [len(CAUSAL), NUM_NEIGHBOURS, NUM_INPUTS]
    own, parents, _, features = torch.tensor_split(first, edges, dim=1)
    bias = torch.cat([of(model.first.bias), of(model.last.bias)[GRID]])
    others = (of(p) for p in (model.second.weight, model.second.bias, model.last.weight))
    return [
        np.ascontiguousarray(tensor.detach())
        for tensor in (own, torch.cat([parents, features], 1), bias, *others)
    ]


def chunk(height: int, width: int, skip: int, num_features: int = 0) -> tuple[Tensor, ...]:
    """Return latents and those above them, with their margins, and coarse features."""
    generator = torch.Generator().manual_seed(1)
    own = torch.randn(height + MARGIN, width + 2 * MARGIN, generator=generator)
    rows, columns = (height + skip + 1) // 2, (width + 1) // 2
    size = rows + 2 * PARENT_MARGIN, columns + 2 * PARENT_MARGIN
    tensors = (
        own,
        *(torch.randn(s, generator=generator) for s in (size, (num_features, rows, columns))),
    )
    return tuple(tensor.requires_grad_() for tensor in tensors)


def plain_lengths(
    model: ContextModel, own: Tensor, above: Tensor | None, features: Tensor, skip: int
) -> Tensor:
    height, width = own.shape[0] - MARGIN, own.shape[1] - 2 * MARGIN
    causal = windows(own, CAUSAL, MARGIN, height, width)
    parents = torch.zeros(len(PARENTS), height, width)
    if above is not None:
        rows, columns = (size - 2 * PARENT_MARGIN for size in above.shape)
        found = windows(above, PARENTS, PARENT_MARGIN, rows, columns)
        parents = spread(found, 2, skip, height, width)
    values = own[MARGIN:, MARGIN:-MARGIN].flatten()
    inputs = torch.cat([causal, parents])
    if len(features):
        # The weights of coarse features map their sources to them; here, they are the identity.
        model.coarse["0"]["0"] = torch.eye(len(features))
        inputs = torch.cat([inputs, spread(features, 2, skip, height, width)])
    return code_length(values, *model(inputs.flatten(1), GRID, (0, 0)))


@pytest.mark.parametrize("size", [(1, 1), (4, 7), (3, 130), (6, 256)])
@pytest.mark.parametrize("skip", [0, 1])
@pytest.mark.parametrize(("has_parents", "num_features"), [(False, 0), (True, 0), (True, 5)])
def test_it_finds_what_torch_finds(
    size: tuple[int, int], skip: int, has_parents: bool, num_features: int
) -> None:
    (own, above, features), network = chunk(*size, skip, num_features), model(num_features)
    wanted = plain_lengths(network, own, above if has_parents else None, features, skip).sum()
    wanted.backward()
    parents = above.detach().numpy() if has_parents else np.empty((0, 0), np.float32)
    latents = own.detach().numpy(), parents, skip, features.detach().numpy()
    given = *latents, *parts(network, lambda p: p)
    bits, (to_own, to_parents, to_features), to_weights = fused.rate(*given, True, NO_LENGTHS)
    assert bits == pytest.approx(wanted.item(), rel=1e-5)
    pairs = [(to_own, own.grad), *zip(to_weights, parts(network, lambda p: p.grad), strict=True)]
    if has_parents:
        pairs.append((to_parents, above.grad))
    if num_features:
        pairs.append((to_features, features.grad))
    for found, gradient in pairs:
        np.testing.assert_allclose(found, gradient, rtol=2e-3, atol=2e-3)


def test_lengths_add_up_to_the_bits() -> None:
    (own, above, features), network = chunk(5, 140, 0), model()
    lengths = np.zeros(5 * 140, np.float32)
    latents = (tensor.detach().numpy() for tensor in (own, above))
    given = *latents, 0, features.detach().numpy(), *parts(network, lambda p: p)
    bits, *_ = fused.rate(*given, False, lengths)
    assert lengths.sum() == pytest.approx(bits, rel=1e-4)
    wanted = plain_lengths(network, own, above, features, 0).detach()
    np.testing.assert_allclose(lengths, wanted, rtol=1e-3, atol=1e-3)

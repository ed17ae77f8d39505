"""The compiled bits of a chunk against those of torch, with all gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from imgnet.codec.entropy.context import CAUSAL, MARGIN, PARENTS
from imgnet.fit.engine.autograd import chunk_bits, chunk_lengths

fused = pytest.importorskip("imgnet.fit.kernels.rate")

DIM = 6
NO_LENGTHS = np.empty(0, np.float32)


def weights() -> list[Tensor]:
    """Return random weights of the context model, in the order of `chunk_bits`."""
    generator = torch.Generator().manual_seed(0)
    shapes = [(DIM + 2, len(CAUSAL)), (DIM + 2, len(PARENTS)), (DIM + 2,)]
    shapes += [(DIM, DIM), (DIM,), (2, DIM)]
    return [(0.2 * torch.randn(s, generator=generator)).requires_grad_() for s in shapes]


def chunk(height: int, width: int, skip: int) -> tuple[Tensor, Tensor]:
    """Return latents and those above them, with their margins."""
    generator = torch.Generator().manual_seed(1)
    own = torch.randn(1, height + MARGIN, width + 2 * MARGIN, generator=generator)
    rows, columns = (height + skip + 1) // 2 + 2, (width + 1) // 2 + 2
    above = torch.randn(1, rows, columns, generator=generator)
    return own.requires_grad_(), above.requires_grad_()


def arrays(tensors: list[Tensor]) -> list[np.ndarray]:
    return [tensor.detach().numpy() for tensor in tensors]


@pytest.mark.parametrize("size", [(1, 1), (4, 7), (3, 130), (6, 256)])
@pytest.mark.parametrize("skip", [0, 1])
@pytest.mark.parametrize("has_parents", [False, True])
def test_it_finds_what_torch_finds(size: tuple[int, int], skip: int, has_parents: bool) -> None:
    own, above = chunk(*size, skip)
    model = weights()
    wanted = chunk_bits(own, above if has_parents else None, skip, tuple(model))
    wanted.backward()
    parents = above.detach().numpy()[0] if has_parents else np.empty((0, 0), np.float32)
    given = own.detach().numpy()[0], parents, skip, *arrays(model)
    bits, to_own, to_parents, to_weights = fused.rate(*given, True, NO_LENGTHS)
    assert bits == pytest.approx(wanted.item(), rel=1e-5)
    pairs = [(to_own, own.grad), *zip(to_weights, (w.grad for w in model), strict=True)]
    if has_parents:
        pairs.append((to_parents, above.grad))
    for found, gradient in pairs:
        if gradient is not None:  # of weights on parents that are not there
            np.testing.assert_allclose(found.ravel(), gradient.ravel(), rtol=2e-3, atol=2e-3)


def test_lengths_add_up_to_the_bits() -> None:
    own, above = chunk(5, 140, 0)
    model = weights()
    lengths = np.zeros(5 * 140, np.float32)
    given = own.detach().numpy()[0], above.detach().numpy()[0], 0, *arrays(model)
    bits, *_ = fused.rate(*given, False, lengths)
    assert lengths.sum() == pytest.approx(bits, rel=1e-4)
    wanted = chunk_lengths(own.detach(), above.detach(), 0, tuple(w.detach() for w in model))
    np.testing.assert_allclose(lengths, wanted.numpy().ravel(), rtol=1e-3, atol=1e-3)

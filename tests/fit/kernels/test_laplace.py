"""Compiled code lengths against those of torch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from imgnet.fit.engine.code_length import code_length
from imgnet.fit.engine.network import LEAST_SCALE_LOG2, MOST_SCALE_LOG2

fused = pytest.importorskip("imgnet.fit.kernels.laplace")
BLOCK = pytest.importorskip("imgnet.compilation.blocks").BLOCK
COUNT = 100


def distributions_of(scale_log2: float) -> torch.Tensor:
    """Return values, locations and logarithms of scales, (3, COUNT)."""
    generator = torch.Generator().manual_seed(0)
    values, locations, spread = torch.randn(3, COUNT, generator=generator)
    width = 2.0**scale_log2
    return torch.stack([width * values, width * locations / 2, scale_log2 + spread / 4])


@pytest.mark.parametrize("scale_log2", [-3.0, -1.0, 0.0, 2.0])
def test_it_finds_what_torch_finds(scale_log2: float) -> None:
    values, locations, scales = distributions_of(scale_log2).unbind()
    distribution, to_distribution = np.zeros((2, 3, BLOCK), np.float32)
    distribution[1, :COUNT], distribution[2, :COUNT] = locations, scales
    padded = np.concatenate([np.zeros(5), values]).astype(np.float32)
    total = fused.code_length(padded, 5, distribution.ravel(), 1, to_distribution.ravel(), COUNT)
    values.requires_grad_()
    scales.requires_grad_()
    bits = code_length(values, locations, scales)
    to_values, to_scales = torch.autograd.grad(bits.sum(), [values, scales])
    assert total == pytest.approx(bits.sum().item(), rel=1e-5)
    for found, wanted in zip(
        to_distribution[:, :COUNT], (-to_values, to_scales, bits), strict=True
    ):
        np.testing.assert_allclose(found, wanted.detach().numpy(), rtol=2e-3, atol=2e-4)


@pytest.mark.parametrize("beyond", [LEAST_SCALE_LOG2 - 1, MOST_SCALE_LOG2 + 1])
def test_scales_beyond_the_tables_are_at_their_ends_and_do_not_pull(beyond: float) -> None:
    distribution, to_distribution = np.zeros((2, 3, BLOCK), np.float32)
    distribution[1, :COUNT] = beyond
    values = np.full(COUNT, 0.1, np.float32)
    total = fused.code_length(values, 0, distribution.ravel(), 0, to_distribution.ravel(), COUNT)
    end = torch.tensor(min(max(beyond, LEAST_SCALE_LOG2), MOST_SCALE_LOG2))
    bits = code_length(torch.from_numpy(values), torch.zeros(COUNT), end)
    assert total == pytest.approx(float(bits.sum()), rel=1e-4)
    assert not to_distribution[1, :COUNT].any()

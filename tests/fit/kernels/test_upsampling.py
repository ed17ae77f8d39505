"""Compiled doubling against that of torch, forward and backward."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from imgnet.fit.engine import network as grid_model

fused = pytest.importorskip("imgnet.fit.kernels.upsampling")


@pytest.mark.parametrize("skip", [(0, 0), (1, 0), (0, 1), (1, 1)])
def test_doubling(skip: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(0)
    x, taps = (
        torch.randn(shape, generator=generator).requires_grad_() for shape in ((2, 9, 12), (4,))
    )
    whole = grid_model.doubled(x, taps)[:, skip[0] :, skip[1] :]
    out = np.empty(whole.shape, np.float32)
    fused.doubled(x.detach().numpy(), taps.detach().numpy(), skip, out)
    np.testing.assert_allclose(out, whole.detach().numpy(), rtol=1e-4, atol=1e-4)
    gradient = torch.randn(whole.shape, generator=torch.Generator().manual_seed(1))
    whole.backward(gradient)
    g_x, g_taps = fused.doubled_back(
        x.detach().numpy(), taps.detach().numpy(), skip, gradient.numpy()
    )
    assert x.grad is not None
    assert taps.grad is not None
    np.testing.assert_allclose(g_x, x.grad.numpy(), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(g_taps, taps.grad.numpy(), rtol=1e-3, atol=1e-2)

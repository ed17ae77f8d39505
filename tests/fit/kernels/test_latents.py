from __future__ import annotations

import numpy as np
import pytest
import torch

from imgnet.fit.engine.compiled_latents import CompiledLatentGrids
from imgnet.fit.engine.latents import LatentGrids, padded
from imgnet.fit.kernels import latents as latent_kernels
from imgnet.spec import Spec

SPEC = Spec("grid", 60, 40, 0, 4, 1, num_levels=4, chroma_level=1, dim_context=4)


def grid(height: int = 5, width: int = 7) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(height, width)).astype(np.float32)


@pytest.mark.parametrize(("top", "left"), [(-3, -2), (0, 0), (2, 5), (-9, 8)])
def test_parts_repeat_the_edges_and_pass_gradients_back(top: int, left: int) -> None:
    x = torch.from_numpy(grid()).requires_grad_()
    wide = padded(x[None], 20)[0]
    wanted = wide[20 + top : 24 + top, 20 + left : 29 + left]
    out = np.empty((4, 9), np.float32)
    latent_kernels.crop(grid(), top, left, out)
    np.testing.assert_array_equal(out, wanted.detach())
    latent_kernels.add_crop(grid(), top, left, out)
    np.testing.assert_array_equal(out, 2 * wanted.detach())
    gradient = grid(4, 9)
    (expected,) = torch.autograd.grad(wanted, x, torch.from_numpy(gradient))
    found = np.zeros((5, 7), np.float32)
    latent_kernels.crop_back(gradient, top, left, found)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize(("top", "left"), [(-3, -2), (0, 0), (2, 5), (-9, 8)])
def test_windows_have_zeros_around_and_pass_gradients_back(top: int, left: int) -> None:
    wide = np.pad(grid(), 20)
    out = np.zeros((4, 9), np.float32)
    latent_kernels.window(grid(), top, left, out)
    np.testing.assert_array_equal(out, wide[20 + top : 24 + top, 20 + left : 29 + left])
    gradient, found = grid(4, 9), np.ones((5, 7), np.float32)
    latent_kernels.window_back(gradient, top, left, 3.0, found)
    back = np.zeros_like(wide)
    back[20 + top : 24 + top, 20 + left : 29 + left] = 3 * gradient
    np.testing.assert_allclose(found, 1 + back[20:25, 20:27], rtol=1e-6)


def moved(kind: type[LatentGrids]) -> LatentGrids:
    latents = kind(SPEC, torch.device("cpu"), torch.Generator().manual_seed(1))
    latents.values.normal_(0, 3, generator=torch.Generator().manual_seed(2))
    for step in range(1, 4):
        latents.relax(0.2, 0.2, [slice(10, 700), slice(1000, None)])
        latents.gradient.normal_(generator=torch.Generator().manual_seed(step))
        latents.step(0.1, [(slice(0, 2000), step)], 0.95)
    return latents


def test_latents_relax_and_move_as_without_compiling() -> None:
    ours, theirs = moved(CompiledLatentGrids), moved(LatentGrids)
    for name in ("relaxed", "slope", "mean", "square", "values"):
        torch.testing.assert_close(
            getattr(ours, name), getattr(theirs, name), rtol=1e-4, atol=1e-4, msg=name
        )

"""Linear layers whose products have a dtype of their own."""

from __future__ import annotations

import pytest
import torch

from imgnet.fit.layers import Linear, affine

pytestmark = pytest.mark.usefixtures("one_thread")


def random(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)), dtype=dtype)


def test_gradients_are_those_of_finite_differences() -> None:
    x, weight, bias = (random(*s, dtype=torch.float64) for s in ((3, 5), (2, 3), (2,)))
    inputs = [tensor.requires_grad_() for tensor in (x, weight, bias)]
    assert torch.autograd.gradcheck(lambda *t: affine(*t, torch.float64), inputs)


def test_products_are_taken_in_the_dtype_and_sums_with_the_bias_are_not() -> None:
    x, weight, bias = random(8, 5), random(4, 8), 1 + 2.0**-20 * random(4)
    low = (weight.bfloat16() @ x.bfloat16()).float()
    assert torch.equal(affine(x, weight, bias, torch.bfloat16), low + bias[:, None])


def test_gradients_have_the_type_of_the_parameters_whatever_the_dtype() -> None:
    inputs = [t.requires_grad_() for t in (random(8, 5), random(4, 8), random(4))]
    upstream = random(4, 5)
    low = torch.autograd.grad(affine(*inputs, torch.bfloat16), inputs, upstream)
    full = torch.autograd.grad(affine(*inputs, torch.float32), inputs, upstream)
    for a, b in zip(low, full, strict=True):
        assert a.dtype == torch.float32
        assert 0 <= (a - b).norm() < 0.02 * b.norm()


def test_a_lattice_is_the_map_of_every_pair() -> None:
    layer = Linear(5, 4)
    x, y = random(2, 7), random(3, 6)
    pairs = torch.cat([x[:, None].expand(2, 6, 7), y[:, :, None].expand(3, 6, 7)])
    with torch.no_grad():
        layer.bias.copy_(random(4))
        expected = layer.project(pairs.flatten(1)).view(4, 6, 7)
        assert torch.allclose(layer.project_lattice(x, y), expected, atol=1e-6)


def test_first_weights_keep_the_variance() -> None:
    torch.manual_seed(1)
    layer = Linear(300, 200)
    assert layer.weight.var().item() == pytest.approx(1 / 300, rel=0.05)
    assert not layer.bias.any()

"""The hand-written passes against autograd of the plain formulas."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from imgnet.fit.coordinate.autograd import gate
from imgnet.fit.layers import affine

Inputs = tuple[Tensor, ...]


def plain_gate(stacked: Tensor, shift: Tensor) -> Tensor:
    q, k, v = stacked.chunk(3)
    return functional.gelu(torch.tanh(q * k) * v + shift[:, None], approximate="tanh")


def plain_affine(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return weight @ x + bias[:, None]


def hand_made_affine(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return affine(x, weight, bias, x.dtype)


def normal(*shapes: tuple[int, ...], dtype: torch.dtype = torch.float64) -> Inputs:
    generator = torch.Generator().manual_seed(1)
    return tuple(
        torch.randn(shape, generator=generator, dtype=dtype).mul_(1.5).requires_grad_()
        for shape in shapes
    )


def gate_inputs(dtype: torch.dtype = torch.float64) -> Inputs:
    return normal((12, 9), (4,), dtype=dtype)


def affine_inputs(dtype: torch.dtype = torch.float64) -> Inputs:
    return normal((5, 9), (4, 5), (4,), dtype=dtype)


PAIRS = [
    pytest.param(gate, plain_gate, gate_inputs, id="gate"),
    pytest.param(hand_made_affine, plain_affine, affine_inputs, id="affine"),
]


@pytest.mark.parametrize(("kernel", "plain", "inputs"), PAIRS)
@pytest.mark.parametrize(("dtype", "error"), [(torch.float64, 1e-12), (torch.float32, 1e-4)])
def test_values_and_gradients_are_those_of_the_plain_formula(
    kernel: Callable[..., Tensor],
    plain: Callable[..., Tensor],
    inputs: Callable[..., Inputs],
    dtype: torch.dtype,
    error: float,
) -> None:
    variables = inputs(dtype)
    ours, theirs = kernel(*variables), plain(*variables)
    assert ours.dtype == dtype
    torch.testing.assert_close(ours, theirs, rtol=error, atol=error)
    direction = torch.randn(theirs.shape, generator=torch.Generator().manual_seed(2), dtype=dtype)
    ours_grad = torch.autograd.grad(ours, variables, direction)
    theirs_grad = torch.autograd.grad(theirs, variables, direction)
    for a, b in zip(ours_grad, theirs_grad, strict=True):
        torch.testing.assert_close(a, b, rtol=error, atol=error)


@pytest.mark.parametrize(("kernel", "plain", "inputs"), PAIRS)
def test_gradients_are_those_of_finite_differences(
    kernel: Callable[..., Tensor], plain: object, inputs: Callable[..., Inputs]
) -> None:
    del plain
    torch.autograd.gradcheck(kernel, inputs())


def test_inputs_are_left_alone() -> None:
    for kernel, inputs in ((gate, gate_inputs()), (hand_made_affine, affine_inputs())):
        before = [x.detach().clone() for x in inputs]
        kernel(*inputs).sum().backward()  # type: ignore[no-untyped-call]
        assert all(torch.equal(x, y) for x, y in zip(inputs, before, strict=True))


def test_no_gradient_is_computed_for_fixed_features() -> None:
    x, weight, bias = affine_inputs()
    output = affine(x.detach(), weight, bias, torch.float64)
    to_weight, to_bias = torch.autograd.grad(output.sum(), (weight, bias))
    torch.testing.assert_close(to_weight, x.sum(1).expand(4, 5))
    torch.testing.assert_close(to_bias, torch.full((4,), 9.0, dtype=torch.float64))


def test_large_inputs_neither_overflow_nor_lose_the_gradient() -> None:
    stacked = torch.tensor([[300.0, -300.0], [300.0, 300.0], [200.0, 200.0]], requires_grad=True)
    shift = torch.zeros(1, requires_grad=True)
    output = gate(stacked, shift)
    torch.testing.assert_close(output, torch.tensor([[200.0, 0.0]]))
    to_stacked, to_shift = torch.autograd.grad(output.sum(), (stacked, shift))
    torch.testing.assert_close(to_shift, torch.ones(1))
    torch.testing.assert_close(to_stacked, torch.tensor([[0.0, 0.0], [0.0, 0.0], [1.0, 0.0]]))


def test_low_precision_products_are_close_and_answer_in_the_callers_precision() -> None:
    x, weight, bias = normal((48, 64), (32, 48), (32,), dtype=torch.float32)
    exact = plain_affine(x, weight, bias)
    low = affine(x, weight, bias, torch.bfloat16)
    assert low.dtype == torch.float32
    scale = exact.std().item()
    error = (low - exact).std().item() / scale
    assert 1e-4 < error < 1e-2  # it was rounded, and not more than 8 bits explain
    for a, b in zip(
        torch.autograd.grad(low.square().sum(), (x, weight, bias)),
        torch.autograd.grad(exact.square().sum(), (x, weight, bias)),
        strict=True,
    ):
        assert a.dtype == torch.float32
        assert (a - b).std() < 2e-2 * b.std()

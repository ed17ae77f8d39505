from __future__ import annotations

from math import exp, log2

import pytest
import torch
from torch import Tensor

from imgnet.fit.engine.code_length import LEAST_PROBABILITY, clamped, code_length


def laplace_bits(values: Tensor, location: Tensor, scale_log2: Tensor) -> Tensor:
    laplace = torch.distributions.Laplace(location, torch.exp2(scale_log2))
    return -(laplace.cdf(values + 0.5) - laplace.cdf(values - 0.5)).log2()


def test_code_length_is_that_of_laplace_distributions_over_unit_steps() -> None:
    generator = torch.Generator().manual_seed(3)
    values, location, scale = 1.5 * torch.randn(3, 200, generator=generator, dtype=torch.float64)
    variables = [x.requires_grad_() for x in (values, location, scale.clamp(-1, 3))]
    ours, theirs = code_length(*variables), laplace_bits(*variables)
    torch.testing.assert_close(ours, theirs)
    found, wanted = (torch.autograd.grad(bits.sum(), variables) for bits in (ours, theirs))
    torch.testing.assert_close(found, wanted)


def test_an_expected_value_costs_little_and_an_escape_sixteen_bits() -> None:
    def bits(value: float, scale_log2: float) -> float:
        numbers = (torch.tensor([x], dtype=torch.float64) for x in (value, 0.0, scale_log2))
        return code_length(*numbers).item()

    assert bits(0, -4) < 0.001
    assert bits(0, 0) == pytest.approx(-log2(1 - exp(-0.5)))
    assert bits(500, -4) == pytest.approx(16)
    assert bits(-10, -2) == pytest.approx(16)
    assert bits(3, 1) == pytest.approx(bits(-3, 1))


def test_what_is_improbable_is_still_pulled() -> None:
    location = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    bits = code_length(torch.full((1,), 6.0), location, torch.full((1,), -1.5))
    assert bits.item() == pytest.approx(-log2(LEAST_PROBABILITY))
    bits.sum().backward()
    assert location.grad < 0


def test_clamping_does_not_stop_gradients() -> None:
    x = torch.tensor([-2.0, 0.3, 5.0], requires_grad=True)
    inside = clamped(x, 0, 1)
    torch.testing.assert_close(inside, torch.tensor([0.0, 0.3, 1.0]))
    inside.sum().backward()
    assert x.grad.tolist() == [1, 1, 1]

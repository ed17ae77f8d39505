"""The hand-written passes against autograd of the plain formulas and against differences."""

from __future__ import annotations

from math import exp, log2

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from imgnet.codec.entropy.context import CAUSAL, MARGIN, PARENTS
from imgnet.fit.engine.autograd import (
    LEAST_PROBABILITY,
    LEAST_SCALE_LOG2,
    MOST_SCALE_LOG2,
    chunk_bits,
    code_length,
    two_layers,
    windows,
)
from support.plain_step import around

pytestmark = pytest.mark.usefixtures("one_thread")

Weights = tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]


def normal(*shapes: tuple[int, ...], spread: float = 1.0) -> list[Tensor]:
    generator = torch.Generator().manual_seed(3)
    return [
        torch.randn(shape, generator=generator, dtype=torch.float64).mul_(spread).requires_grad_()
        for shape in shapes
    ]


def assert_same_gradients(ours: Tensor, theirs: Tensor, variables: list[Tensor]) -> None:
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)
    direction = torch.randn(theirs.shape, dtype=torch.float64)
    wanted = torch.autograd.grad(theirs, variables, direction)
    for a, b in zip(torch.autograd.grad(ours, variables, direction), wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)


def test_windows_are_slices_and_pass_gradients_back() -> None:
    (x,) = normal((2, 7, 9))
    offsets = [(0, 0), (2, 1), (1, 4), (2, 1)]
    slices = torch.stack([x[:, y : y + 5, left : left + 4] for y, left in offsets])
    assert_same_gradients(windows(x, offsets, 5, 4), slices, [x])


def test_two_layers_are_the_plain_formula() -> None:
    variables = normal((5, 17), (6, 5), (6,), (3, 6), (3, 5), (3,))
    x, first, bias, last, linear, offset = variables
    hidden = (first @ x + bias[:, None]).relu()
    plain = last @ hidden + linear @ x + offset[:, None]
    assert_same_gradients(two_layers(*variables), plain, variables)
    assert (hidden == 0).any()
    assert (hidden > 0).any()


def laplace_below(edge: Tensor) -> Tensor:
    return torch.where(edge < 0, torch.exp(edge) / 2, 1 - torch.exp(-edge.abs()) / 2)


def plain_bits(values: Tensor, location: Tensor, scale_log2: Tensor) -> Tensor:
    scale = torch.exp2(scale_log2)
    above, below = (values - location + 0.5) / scale, (values - location - 0.5) / scale
    probability = laplace_below(above) - laplace_below(below)
    return -probability.clamp_min(LEAST_PROBABILITY).log2().sum()


def distributions(count: int = 200) -> list[Tensor]:
    values, location, scale = normal((count,), (count,), (count,), spread=1.5)
    return [values, location, scale.detach().clamp(-1, 3).requires_grad_()]


def test_code_length_is_that_of_laplace_laws_over_unit_steps() -> None:
    values, location, scale = variables = distributions()
    lengths, to_values, to_scale = code_length(*(v.detach() for v in variables))
    plain = plain_bits(values, location, scale)
    torch.testing.assert_close(lengths.sum(), plain.detach())
    wanted = torch.autograd.grad(plain, variables)
    torch.testing.assert_close(to_values, wanted[0])
    torch.testing.assert_close(to_values, -wanted[1])
    torch.testing.assert_close(to_scale, wanted[2])


def test_an_expected_value_costs_little_and_a_stray_one_sixteen_bits() -> None:
    def bits(value: float, scale_log2: float) -> float:
        numbers = (torch.tensor([x], dtype=torch.float64) for x in (value, 0.0, scale_log2))
        return code_length(*numbers)[0].sum().item()

    assert bits(0, -4) < 0.001
    assert bits(0, 0) == pytest.approx(-log2(1 - exp(-0.5)))
    assert bits(500, -4) == bits(-10, -2) == 16
    assert bits(3, 1) == pytest.approx(bits(-3, 1))


def plain_chunk_bits(grid: Tensor, parent: Tensor | None, weights: Weights) -> Tensor:
    """Return the bits of a whole grid by autograd of the formulas of `context.py`."""
    to_own, to_parents, bias, second, second_bias, last = weights
    height, width = grid.shape
    stacked = to_own @ around(grid, CAUSAL, MARGIN).flatten(1) + bias[:, None]
    if parent is not None:
        shared = (to_parents @ around(parent, PARENTS, 1).flatten(1)).view(-1, *parent.shape)
        children = shared.repeat_interleave(2, 1).repeat_interleave(2, 2)[:, :height, :width]
        stacked = stacked + children.flatten(1)
    hidden = stacked[: len(second)].relu()
    hidden = hidden + (second @ hidden + second_bias[:, None]).relu()
    location, scale = stacked[len(second) :] + last @ hidden
    scale = scale.clamp(LEAST_SCALE_LOG2, MOST_SCALE_LOG2)
    return plain_bits(grid.flatten(), location, scale)


def context_weights(dim: int = 5, spread: float = 0.2) -> Weights:
    shapes = ((dim + 2, len(CAUSAL)), (dim + 2, len(PARENTS)), (dim + 2,), (dim, dim), (dim,))
    first, parents, bias, second, second_bias, last = normal(*shapes, (2, dim), spread=spread)
    with torch.no_grad():
        bias[-1] += (
            1.0  # wide distributions: no probability at the floor, where gradients are not exact
        )
    return first, parents, bias, second, second_bias, last


SIZES = [(7, 10), (6, 9), (1, 1), (2, 1), (1, 6)]


@pytest.mark.parametrize(("height", "width"), SIZES)
@pytest.mark.parametrize("has_parent", [True, False])
def test_bits_of_a_grid_are_those_of_the_plain_formula(
    height: int, width: int, has_parent: bool
) -> None:
    weights = context_weights()
    grid, parent = normal((height, width), (-(-height // 2), -(-width // 2)), spread=1.3)
    above = functional.pad(parent[None], (1,) * 4) if has_parent else None
    own = functional.pad(grid[None], (MARGIN, MARGIN, MARGIN, 0))
    variables = [grid, weights[0], *weights[2:]]
    if has_parent:
        variables += [parent, weights[1]]
    ours = chunk_bits(own, above, 0, weights)
    theirs = plain_chunk_bits(grid, parent if has_parent else None, weights)
    assert_same_gradients(ours, theirs, variables)


@pytest.mark.parametrize("cut", [1, 2, 5, 6])
def test_bands_add_up_to_the_grid(cut: int) -> None:
    weights = context_weights()
    grid, parent = normal((7, 10), (4, 5))
    own = functional.pad(grid[None], (MARGIN, MARGIN, MARGIN, 0))
    above = functional.pad(parent[None], (1,) * 4)
    parts = [
        chunk_bits(
            own[:, top : bottom + MARGIN],
            above[:, top >> 1 : (bottom - 1 >> 1) + 3],
            top % 2,
            weights,
        )
        for top, bottom in ((0, cut), (cut, 7))
    ]
    assert_same_gradients(parts[0] + parts[1], plain_chunk_bits(grid, parent, weights),
                          [grid, parent, *weights])  # fmt: skip


def test_scales_out_of_range_are_limited_and_get_no_gradient() -> None:
    weights = context_weights(spread=0)
    with torch.no_grad():
        weights[2][-1] = 9
    (grid,) = normal((4, 5))
    bits = chunk_bits(functional.pad(grid[None], (3, 3, 3, 0)), None, 0, weights)
    limited = plain_bits(grid.flatten(), torch.zeros(20), torch.full((20,), MOST_SCALE_LOG2))
    assert bits.item() == pytest.approx(limited.item())
    (to_bias,) = torch.autograd.grad(bits, [weights[2]])
    assert to_bias[-1] == 0


def test_gradients_are_those_of_finite_differences() -> None:
    weights = context_weights()
    grid, parent = normal((6, 7), (3, 4))
    variables = [grid, parent, *weights]

    def bits() -> Tensor:
        own = functional.pad(grid[None], (MARGIN, MARGIN, MARGIN, 0))
        above = functional.pad(parent[None], (1,) * 4)
        return chunk_bits(own, above, 0, weights)

    gradients = torch.autograd.grad(bits(), variables)
    for variable, gradient in zip(variables, gradients, strict=True):
        direction = torch.randn(variable.shape, dtype=torch.float64)
        with torch.no_grad():
            variable.add_(direction, alpha=1e-6)
            above = bits()
            variable.add_(direction, alpha=-2e-6)
            below = bits()
            variable.add_(direction, alpha=1e-6)
        slope = ((above - below) / 2e-6).item()
        assert slope == pytest.approx((gradient * direction).sum().item(), rel=1e-5, abs=1e-6)


def test_inputs_are_left_alone() -> None:
    weights = context_weights()
    grid, parent = normal((6, 7), (3, 4))
    variables = [grid, parent, *weights]
    before = [v.detach().clone() for v in variables]
    own = functional.pad(grid[None], (MARGIN, MARGIN, MARGIN, 0))
    chunk_bits(own, functional.pad(parent[None], (1,) * 4), 0, weights).backward()
    assert all(torch.equal(a, b) for a, b in zip(variables, before, strict=True))

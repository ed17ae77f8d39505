from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from imgnet.fit.soap import SOAP, lr_factor

Loss = Callable[[Tensor], Tensor]


def normal(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def orthogonal(n: int, seed: int) -> Tensor:
    basis: Tensor = torch.linalg.qr(normal(n, n, seed=seed)).Q
    return basis


def minimize(loss: Loss, start: Tensor, make: Callable[[list[Tensor]], Any], steps: int) -> Tensor:
    x = start.clone().requires_grad_()
    optimizer = make([x])
    for _ in range(steps):
        optimizer.zero_grad()
        loss(x).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return x.detach()


@pytest.mark.parametrize("shape", [(5,), (1,), (1, 5), (5, 1), (1, 1), ()])
def test_adam_where_there_is_no_basis_to_find(shape: tuple[int, ...]) -> None:
    start = normal(*shape)
    options = {"lr": 0.03, "betas": (0.9, 0.97), "eps": 1e-6}

    def loss(x: Tensor) -> Tensor:
        return (x - 2).square().mul(3).sum() + x.pow(4).sum()

    ours = minimize(loss, start, lambda p: SOAP(p, **options), 25)  # type: ignore[arg-type]
    adam = minimize(loss, start, lambda p: torch.optim.Adam(p, **options), 25)  # type: ignore[arg-type]
    assert not torch.equal(ours, start)
    torch.testing.assert_close(ours, adam, rtol=1e-10, atol=1e-10)


def test_the_basis_follows_a_rotation_of_the_problem() -> None:
    """Adam's path depends on the axes of the matrix, SOAP's does not."""
    left, right, target = orthogonal(4, 1), orthogonal(4, 2), normal(4, 4, seed=3)
    start = normal(4, 4, seed=4)

    def loss(x: Tensor) -> Tensor:
        return (x - target).pow(4).sum() + ((x - target) @ target).square().sum()

    def make(p: list[Tensor]) -> SOAP:
        return SOAP(p, lr=0.05, refresh_every=4)

    straight = minimize(loss, start, make, 15)
    rotated = minimize(lambda x: loss(left.T @ x @ right), left @ start @ right.T, make, 15)
    assert (straight - start).abs().mean() > 0.1
    # The first gradient is diagonal in its own basis: next to its zeros, eps is not small.
    torch.testing.assert_close(left.T @ rotated @ right, straight, rtol=0.0, atol=1e-4)


def test_the_basis_comes_to_be_that_of_the_gradients() -> None:
    left, right, scales = orthogonal(4, 1), orthogonal(4, 2), torch.tensor([8.0, 4.0, 2.0, 1.0])
    x = torch.zeros(4, 4, dtype=torch.float64, requires_grad=True)
    optimizer = SOAP([x], lr=0.0, betas=(0.9, 0.95), refresh_every=5)
    x.grad = normal(4, 4, seed=3)  # a first basis that has nothing to do with the later one
    optimizer.step()
    for seed in range(200):
        x.grad = left @ torch.diag(scales * normal(4, seed=seed)) @ right.T
        optimizer.step()
    for basis, wanted in zip(optimizer.state[x]["bases"], (left, right), strict=True):
        overlap = (wanted.T @ basis).abs()
        torch.testing.assert_close(
            overlap.amax(0), torch.ones(4, dtype=torch.float64), rtol=0, atol=0.02
        )


def test_faster_than_adam_on_an_ill_conditioned_quadratic() -> None:
    scales = torch.logspace(0, -2, 8, dtype=torch.float64)
    left = orthogonal(8, 1) * scales @ orthogonal(8, 2)
    right = orthogonal(8, 3) * scales @ orthogonal(8, 4)
    start = normal(8, 8, seed=5)

    def loss(x: Tensor) -> Tensor:
        return (left @ x @ right).square().sum()

    def best(optimizer: Callable[..., Any]) -> float:
        results = []
        for lr in (0.003, 0.01, 0.03, 0.1):
            end = minimize(loss, start, lambda p, lr=lr: optimizer(p, lr=lr, betas=(0.9, 0.9)), 150)  # type: ignore[misc]
            results.append(loss(end).item())
        return min(results)

    assert best(SOAP) < 0.1 * best(torch.optim.Adam)


def test_parameters_without_a_gradient_stay() -> None:
    moved, still = normal(3, 3).requires_grad_(), normal(3, 3).requires_grad_()
    optimizer = SOAP([moved, still], lr=0.1)
    moved.sum().backward()  # type: ignore[no-untyped-call]
    before = still.detach().clone()
    optimizer.step()
    assert torch.equal(still, before)
    assert not torch.equal(moved, before)


def test_groups_have_their_own_step_size() -> None:
    slow, fast = torch.zeros(2, requires_grad=True), torch.zeros(2, requires_grad=True)
    optimizer = SOAP([{"params": [slow]}, {"params": [fast], "lr": 0.1}], lr=0.01)
    (slow.sum() + fast.sum()).backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    torch.testing.assert_close(slow, torch.full((2,), -0.01), rtol=1e-4, atol=0.0)
    torch.testing.assert_close(fast, torch.full((2,), -0.1), rtol=1e-4, atol=0.0)


def test_a_state_is_gone_on_from() -> None:
    def run(optimizer: SOAP, x: Tensor, steps: int) -> None:
        for _ in range(steps):
            optimizer.zero_grad()
            (x * x).sum().backward()  # type: ignore[no-untyped-call]
            optimizer.step()

    whole = normal(3, 4).requires_grad_()
    first = whole.detach().clone().requires_grad_()
    run(SOAP([whole], lr=0.1), whole, 8)
    stopped = SOAP([first], lr=0.1)
    run(stopped, first, 5)
    second = first.detach().clone().requires_grad_()
    resumed = SOAP([second], lr=0.1)
    resumed.load_state_dict(stopped.state_dict())
    run(resumed, second, 3)
    assert torch.equal(second, whole)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("scale", [1.0, 1e-3, 1e-9])
def test_gradients_of_low_rank_leave_everything_finite(scale: float) -> None:
    for seed in range(20):
        left, right = normal(32, 2, seed=seed).float(), normal(2, 8, seed=seed + 100).float()
        x = torch.zeros(32, 8)
        optimizer = SOAP([x], lr=0.01, refresh_every=2)
        for _ in range(4):
            x.grad = scale * left @ right
            optimizer.step()
        assert torch.isfinite(x).all()
        assert x.abs().max() < 1


def test_no_direction_moves_by_more_than_the_step_size_where_the_basis_has_turned() -> None:
    """The first gradients have hardly anything in directions that those behind them point in."""
    x = torch.zeros(4, 4, dtype=torch.float64)
    optimizer = SOAP([x], lr=0.01, refresh_every=5, most=1.0)
    few, all_ = normal(4, 1, seed=1) @ normal(1, 4, seed=2), normal(4, 4, seed=3)
    for step in range(12):
        before = x.clone()
        x.grad = few + (1e-9 if step < 5 else 1.0) * all_
        optimizer.step()
        assert (x - before).norm() <= 0.01 * 4 + 1e-12  # 16 directions of 0.01 each


def test_a_learning_rate_rises_to_its_peak_and_falls_to_nothing() -> None:
    factors = [lr_factor(step, 50, step / 1000) for step in range(1000)]
    assert factors[0] == pytest.approx(1 / 50)
    assert 0.98 < max(factors) <= 1
    assert 45 < factors.index(max(factors)) < 55
    assert factors[-1] < 1e-4

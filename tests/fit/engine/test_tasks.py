from __future__ import annotations

import torch
from torch.nn import functional

from imgnet.fit.engine.tasks import Input, Task, add_gradient, run_task, unpadded


def test_padding_and_its_gradient_belong_together() -> None:
    x = torch.randn(2, 5, 4, dtype=torch.float64, requires_grad=True)
    gradient = torch.randn(2, 11, 10, dtype=torch.float64)
    wide = functional.pad(x[None], (3, 3, 3, 3), mode="replicate")[0]
    (expected,) = torch.autograd.grad(wide, x, gradient)
    torch.testing.assert_close(unpadded(gradient, 3), expected)


def test_a_task_returns_gradients_of_its_slices_and_of_parameters() -> None:
    source = Input.of(torch.arange(8.0).view(1, 2, 4))
    weight = torch.tensor(3.0, requires_grad=True)
    unused = torch.tensor(1.0, requires_grad=True)

    def compute(task: Task) -> torch.Tensor:
        return weight * task.take(source, (slice(1, 2), slice(0, 3))).sum()

    value, task, gradients = run_task([weight, unused], (compute, 0.5))
    assert value == 3 * (4 + 5 + 6)
    assert [place for _, place in task.places] == [(slice(1, 2), slice(0, 3))]
    assert gradients[0] is not None
    assert gradients[0].tolist() == [[[1.5, 1.5, 1.5]]]
    assert gradients[1] == 0.5 * 15
    assert gradients[2] is None


def test_without_parameters_there_are_no_gradients() -> None:
    source = Input.of(torch.ones(1, 2, 2))
    everything = slice(None), slice(None)
    value, _, gradients = run_task(None, (lambda task: task.take(source, everything).sum(), 1.0))
    assert (value, gradients) == (4.0, ())


def test_gradients_add_up() -> None:
    parameter = torch.zeros(2, requires_grad=True)
    for gradient in (torch.ones(2), None, torch.tensor([1.0, 3.0])):
        add_gradient(parameter, gradient)
    assert parameter.grad is not None
    assert parameter.grad.tolist() == [2, 4]

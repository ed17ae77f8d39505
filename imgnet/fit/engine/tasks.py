"""Parts of a step that run side by side, each with a forward and backward pass of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

Place = tuple[slice, slice]
Compute = Callable[["Task"], Tensor]
Outcome = tuple[float, "Task", tuple[Tensor | None, ...]]


@dataclass(frozen=True)
class Input:
    """A tensor that tasks take slices of, and the sum of their gradients."""

    value: Tensor
    gradient: Tensor

    @classmethod
    def of(cls, value: Tensor) -> Input:
        """Start with no gradient."""
        return cls(value, torch.zeros_like(value))


@dataclass
class Task:
    """Part of the sum to be minimised, with the slices of inputs that it was computed from."""

    places: list[tuple[Input, Place]] = field(default_factory=list)
    leaves: list[Tensor] = field(default_factory=list)

    def take(self, source: Input, place: Place) -> Tensor:
        """Return a slice whose gradient is wanted."""
        leaf = source.value[:, *place].detach().requires_grad_()
        self.places.append((source, place))
        self.leaves.append(leaf)
        return leaf


def run_task(parameters: Sequence[Tensor] | None, job: tuple[Compute, float]) -> Outcome:
    """Run one task; with parameters, take the gradients of its slices and then of those."""
    compute, weight = job
    task = Task()
    with torch.set_grad_enabled(parameters is not None):
        value = compute(task)
    if parameters is None:
        return value.item(), task, ()
    wanted = [*task.leaves, *parameters]
    return value.item(), task, torch.autograd.grad(value * weight, wanted, allow_unused=True)


def unpadded(gradient: Tensor, margin: int) -> Tensor:
    """Carry a gradient back through `latents.padded`."""
    for axis in (1, 2):
        gradient = gradient.movedim(axis, 0)
        inner = gradient[margin:-margin].clone()
        inner[0] += gradient[:margin].sum(0)
        inner[-1] += gradient[-margin:].sum(0)
        gradient = inner.movedim(0, axis)
    return gradient


def add_gradient(parameter: Tensor, gradient: Tensor | None) -> None:
    """Add to what a parameter already has."""
    if gradient is not None:
        parameter.grad = gradient if parameter.grad is None else parameter.grad.add_(gradient)

"""Quantisation of weights: choice of q_steps by curvature, and straight-through rounding.

At a given size, rounding adds least distortion if the q_step of every tensor is inversely
proportional to the root of its curvature: one more bit then lowers the distortion by the same
amount in every tensor. The curvature of a tensor is the mean of its diagonal of the Gauss-Newton
matrix of the squared error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import product
from math import log2

import torch
from torch import Tensor

from imgnet.codec.format.coordinate_stream import WEIGHTS
from imgnet.codec.format.quantized import NUM_Q_STEPS, Quantized, q_index_of, q_step_of

Tensors = Mapping[str, Tensor]
QSteps = dict[str, int]  # q_index of each tensor, by name
NO_PRIOR: Tensors = {}


def curvatures(
    parameters: Tensors, render: Callable[[], Tensor], probes: int = 8
) -> dict[str, float]:
    """Estimate the mean Gauss-Newton curvature of each tensor.

    Args:
        parameters: Tensors that `render` depends on; their gradients are cleared.
        render: Returns the network's output on a sample of pixels, with its graph.
        probes: Number of random sign vectors that Hutchinson's estimator averages over.
    """
    totals = dict.fromkeys(parameters, 0.0)
    for _ in range(probes):
        output = render()
        output.backward(torch.randint_like(output, 2).mul_(2).sub_(1))  # type: ignore[no-untyped-call]
        for name, parameter in parameters.items():
            assert parameter.grad is not None
            totals[name] += parameter.grad.square().mean().item() / probes
            parameter.grad = None
    return totals


def choose_q_steps(
    parameters: Tensors,
    curvature: Mapping[str, float],
    num_bytes: float,
    too_good: Callable[[QSteps], bool] = lambda _: False,
) -> QSteps:
    """Find the finest q_steps whose packed size is at most about `num_bytes`.

    Args:
        parameters: Real tensors.
        curvature: Mean curvature of each tensor.
        num_bytes: Size of the packed weights.
        too_good: Returns whether the picture at some q_steps is better than the target.
    """
    low, high = -30.0, 10.0  # log2 of the common factor: `low` is too fine, `high` is not
    while high - low > 0.01:
        middle = (low + high) / 2
        q_steps = _q_steps(curvature, middle)
        too_fine = stream_bytes(quantize(parameters, q_steps)) > num_bytes or too_good(q_steps)
        low, high = (middle, high) if too_fine else (low, middle)
    return _q_steps(curvature, high)


def refine_q_steps(q_steps: QSteps, distance: Callable[[QSteps], float], enough: float) -> QSteps:
    """Change single q_steps by an eighth of an octave as long as the distance to a target falls.

    Args:
        q_steps: First q_steps.
        distance: Returns the distance to the target at some q_steps.
        enough: Distance at which to end.
    """
    best, least = q_steps, distance(q_steps)
    nearer = True
    while nearer:
        nearer = False
        for name, change in product(q_steps, (-1, 1)):
            if least <= enough:
                return best
            tried = {**best, name: min(max(best[name] + change, 0), NUM_Q_STEPS - 1)}
            if (there := distance(tried)) < least:
                best, least, nearer = tried, there, True
    return best


def _q_steps(curvature: Mapping[str, float], log2_factor: float) -> QSteps:
    floor = 1e-6 * max(curvature.values())
    return {
        name: q_index_of(2.0 ** (log2_factor - log2(max(value, floor, 1e-30)) / 2))
        for name, value in curvature.items()
    }


def quantize(
    parameters: Tensors, q_steps: Mapping[str, int], prior: Tensors = NO_PRIOR
) -> dict[str, Quantized]:
    """Round every tensor to levels of its q_step; with a prior, round its difference from that."""
    quantized = {}
    for name, parameter in parameters.items():
        base = prior.get(name)
        values = _levels(parameter, q_steps[name], base).int().cpu().numpy()
        stored = None if base is None else base.cpu().numpy()
        quantized[name] = Quantized(values, q_steps[name], stored)
    return quantized


def _levels(parameter: Tensor, q_index: int, base: Tensor | None) -> Tensor:
    difference = parameter.detach() if base is None else parameter.detach() - base
    return torch.round(difference / q_step_of(q_index))


def stream_bytes(quantized: Mapping[str, Quantized]) -> float:
    """Estimate the bytes of the packed stream without coding it; inf if it cannot be coded."""
    return sum(WEIGHTS.num_bits(tensor.values) for tensor in quantized.values()) / 8 + 4


@contextmanager
def rounded(
    parameters: Tensors, q_steps: Mapping[str, int], prior: Tensors = NO_PRIOR
) -> Iterator[None]:
    """Give every parameter its rounded value inside the block, and its real value after it.

    Gradients taken inside are those at the rounded values and move the real ones outside: the
    straight-through estimator (Bengio et al., 2013).
    """
    originals = {name: parameter.detach().clone() for name, parameter in parameters.items()}
    with torch.no_grad():
        for name, parameter in parameters.items():
            base = prior.get(name)
            parameter.copy_(_levels(parameter, q_steps[name], base) * q_step_of(q_steps[name]))
            if base is not None:
                parameter.add_(base)
    try:
        yield
    finally:
        with torch.no_grad():
            for name, parameter in parameters.items():
                parameter.copy_(originals[name])

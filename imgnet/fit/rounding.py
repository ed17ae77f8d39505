"""From real weights to the integers of the file: steps by sensitivity, straight-through rounding.

At a given size the distortion that rounding adds is least when every tensor's step is inversely
proportional to the root of its curvature, for then one more bit buys the same anywhere. The
curvature is the diagonal of the Gauss-Newton matrix of the squared error, averaged over the tensor.
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

Parameters = Mapping[str, Tensor]
QSteps = dict[str, int]
NO_ORIGINS: Parameters = {}


def curvatures(
    parameters: Parameters, draw: Callable[[], Tensor], probes: int = 8
) -> dict[str, float]:
    """Estimate the mean Gauss-Newton curvature of each tensor.

    Args:
        parameters: Tensors that `draw` depends on; their gradients are cleared.
        draw: Returns the network's output on some sample of pixels, with its graph.
        probes: Random sign vectors; Hutchinson's estimator averages over them.
    """
    totals = dict.fromkeys(parameters, 0.0)
    for _ in range(probes):
        output = draw()
        output.backward(torch.randint_like(output, 2).mul_(2).sub_(1))  # type: ignore[no-untyped-call]
        for name, parameter in parameters.items():
            assert parameter.grad is not None
            totals[name] += parameter.grad.square().mean().item() / probes
            parameter.grad = None
    return totals


def choose_q_steps(
    parameters: Parameters,
    curvature: Mapping[str, float],
    num_bytes: float,
    too_good: Callable[[QSteps], bool] = lambda _: False,
) -> QSteps:
    """Find the finest steps whose packed size is at most about `num_bytes`.

    Args:
        parameters: Real tensors.
        curvature: Of each tensor.
        num_bytes: Size.
        too_good: Whether steps draw a picture that is better than is asked for.
    """
    low, high = -30.0, 10.0  # log2 of the common factor: `low` is too fine, `high` is not
    while high - low > 0.01:
        middle = (low + high) / 2
        steps = _steps(curvature, middle)
        too_fine = stream_bytes(quantize(parameters, steps)) > num_bytes or too_good(steps)
        low, high = (middle, high) if too_fine else (low, middle)
    return _steps(curvature, high)


def refine_q_steps(steps: QSteps, distance: Callable[[QSteps], float], enough: float) -> QSteps:
    """Change single steps by an eighth of an octave as long as that leads nearer to a goal.

    Args:
        steps: Where to begin.
        distance: From the goal.
        enough: Distance at which to end.
    """
    best, least = steps, distance(steps)
    nearer = True
    while nearer:
        nearer = False
        for name, change in product(steps, (-1, 1)):
            if least <= enough:
                return best
            tried = {**best, name: min(max(best[name] + change, 0), NUM_Q_STEPS - 1)}
            if (there := distance(tried)) < least:
                best, least, nearer = tried, there, True
    return best


def _steps(curvature: Mapping[str, float], log2_factor: float) -> QSteps:
    floor = 1e-6 * max(curvature.values())
    return {
        name: q_index_of(2.0 ** (log2_factor - log2(max(value, floor, 1e-30)) / 2))
        for name, value in curvature.items()
    }


def quantize(
    parameters: Parameters, steps: Mapping[str, int], origins: Parameters = NO_ORIGINS
) -> dict[str, Quantized]:
    """Round every tensor to whole multiples of its step, counted from its origin if it has one."""
    quantized = {}
    for name, parameter in parameters.items():
        origin = origins.get(name)
        values = _levels(parameter, steps[name], origin).int().cpu().numpy()
        stored = None if origin is None else origin.cpu().numpy()
        quantized[name] = Quantized(values, steps[name], stored)
    return quantized


def _levels(parameter: Tensor, step: int, origin: Tensor | None) -> Tensor:
    distance = parameter.detach() if origin is None else parameter.detach() - origin
    return torch.round(distance / q_step_of(step))


def stream_bytes(quantized: Mapping[str, Quantized]) -> float:
    """Estimate the length of the packed stream without coding it; inf if it cannot be coded."""
    return sum(WEIGHTS.num_bits(tensor.values) for tensor in quantized.values()) / 8 + 4


@contextmanager
def rounded(
    parameters: Parameters, steps: Mapping[str, int], origins: Parameters = NO_ORIGINS
) -> Iterator[None]:
    """Within the block every parameter holds its rounded value; behind it, its own again.

    Gradients taken inside are those at the rounded point and act on the real weights outside: the
    straight-through estimator (Bengio et al., 2013).
    """
    originals = {name: parameter.detach().clone() for name, parameter in parameters.items()}
    with torch.no_grad():
        for name, parameter in parameters.items():
            origin = origins.get(name)
            parameter.copy_(_levels(parameter, steps[name], origin) * q_step_of(steps[name]))
            if origin is not None:
                parameter.add_(origin)
    try:
        yield
    finally:
        with torch.no_grad():
            for name, parameter in parameters.items():
                parameter.copy_(originals[name])

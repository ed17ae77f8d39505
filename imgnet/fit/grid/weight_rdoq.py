"""RDOQ of network weights: levels and q_steps that minimise distortion + lmbda * rate.

Near the end of a fit, the cost is modelled as a quadratic function of the weights. An evaluation of
the whole picture gives the gradient; a sample of the picture gives the curvature. Off-diagonal
entries matter, since the rounding of one weight can undo that of another. For each tensor,
coordinate descent finds the q_step and the levels of least modelled cost, the bits of the weights
included. The tensor keeps them if the measured cost falls, too.

Source: the model is that of Nagel et al., "Up or down? Adaptive rounding for post-training
quantization", 2020. The rate term, the choice of q_steps and the check by measurement are ours.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import inf, log2

import numpy as np
import torch

from imgnet.arrays import Float64Array
from imgnet.codec.format.grid_stream import LARGEST_INTEGER, WEIGHTS
from imgnet.codec.format.quantized import q_index_of_bits, q_step_of
from imgnet.fit.grid.curvature import of_distortion, of_rate
from imgnet.fit.grid.state import GridState
from imgnet.fit.grid.weight_steps import most_fraction_bits
from imgnet.fit.rounding import QSteps, quantize

MOST_WEIGHTS = 4096  # of a network; its curvature matrix has the square of that
LEAST_CURVATURE = 0.01  # of the median in its tensor: a weight may have no effect on the sample
ATTEMPTS = ((0.05, 4.0), (0.7, 2.0), (7.2, 2.0))  # damping, and largest move in q_steps
_MOST = LARGEST_INTEGER - 1


@dataclass(frozen=True)
class QuantizedTensor:
    """A tensor as levels, which are whole multiples of a q_step.

    Attributes:
        values: (K,) levels, whole numbers in float64.
        fraction_bits: The q_step is 2**-fraction_bits.
    """

    values: Float64Array
    fraction_bits: int

    @property
    def reals(self) -> Float64Array:
        """Real values, (K,)."""
        return self.values * self.q_step

    @property
    def q_step(self) -> float:
        """Real value of level 1."""
        return 2.0**-self.fraction_bits

    @property
    def num_bits(self) -> float:
        """Code length of the levels under the cheapest distribution; inf if none has them all."""
        return WEIGHTS.num_bits(self.values.astype(np.int32))

    def requantized(self, fraction_bits: int) -> QuantizedTensor:
        """Return the nearest levels of another q_step."""
        values = np.rint(self.reals * 2.0**fraction_bits).clip(-_MOST, _MOST)
        return QuantizedTensor(values, fraction_bits)


@dataclass
class Term(ABC):
    """One term of the cost and its quadratic model in the tensors that it depends on.

    Attributes:
        slices: Part of each tensor in gradient and curvature, by name.
        curvature: (K, K) second derivatives.
        gradient: (K,) first derivatives, at the present weights.
        cost: Value of the term at the present weights.
    """

    slices: dict[str, slice]
    curvature: Float64Array
    gradient: Float64Array
    cost: float = inf

    @abstractmethod
    def measure(self, state: GridState, lmbda: float) -> float:
        """Return the term for the whole picture."""

    def move(self, name: str, change: Float64Array, cost: float) -> None:
        """Update the model after a change of a tensor that led to a measured cost."""
        self.gradient += self.curvature[:, self.slices[name]] @ change
        self.cost = cost

    def damped(self, name: str, damping: float) -> Float64Array:
        """Return the curvature in one tensor, its diagonal times 1 + damping."""
        here = self.slices[name]
        curvature = self.curvature[here, here].copy()
        diagonal = np.diag(curvature)
        least = LEAST_CURVATURE * float(np.median(diagonal)) + 1e-12
        np.fill_diagonal(curvature, np.maximum(diagonal, least) * (1 + damping))
        return curvature


class DistortionTerm(Term):
    """Squared error of the picture, in all tensors but those of the context model."""

    def measure(self, state: GridState, lmbda: float) -> float:
        """Return the mean squared error of a sample."""
        del lmbda
        return state.evaluator.measure_error(state.all_rows)


class RateTerm(Term):
    """lmbda times the bits a pixel of the latents, in the tensors of the context model."""

    def measure(self, state: GridState, lmbda: float) -> float:
        """Return the cost of the bits of all latents."""
        return lmbda * state.evaluator.measure_bits(state.all_rows)


class WeightRDOQ:
    """RDOQ of all weights of a fit.

    Args:
        state: The fit; its weights become levels of q_steps, plus the prior if it has one.
        q_steps: First q_step of each tensor.
        lmbda: Cost of a bit a pixel, in squared error of colours in 0..1.
        go_on: Called before every tensor; RDOQ ends when it returns False.
    """

    def __init__(
        self, state: GridState, q_steps: QSteps, lmbda: float, go_on: Callable[[], bool]
    ) -> None:
        self.state, self.lmbda, self.go_on = state, lmbda, go_on
        self.bit_cost = lmbda / (state.spec.width * state.spec.height)
        quantized = quantize(state.parameters, q_steps, state.prior)
        self.tensors = {
            name: QuantizedTensor(
                tensor.values.ravel().astype(np.float64), _fraction_bits(tensor.q_index)
            )
            for name, tensor in quantized.items()
        }
        for name, tensor in self.tensors.items():
            self._set(name, tensor)

    def run(self, passes: int) -> QSteps:
        """Optimise every tensor once in each pass; return the q_steps."""
        terms = self._distortion(), self._rate()
        for _ in range(passes):
            self._evaluate(*terms)
            for term in terms:
                for name in term.slices:
                    if not self.go_on():
                        return self._q_steps()
                    self._optimize(term, name)
        return self._q_steps()

    def _distortion(self) -> DistortionTerm:
        state = self.state
        context = state.spec.context_names
        names = [name for name in state.parameters if name not in context]
        parameters = {name: state.parameters[name] for name in names}
        differences = {name: self.tensors[name].q_step for name in names}
        curvature = of_distortion(state.evaluator, parameters, differences)
        return DistortionTerm(self._slices(names), curvature, np.zeros(len(curvature)))

    def _rate(self) -> RateTerm:
        state = self.state
        bits = state.evaluator.measure_bits(state.all_rows)
        num_bits = bits * state.spec.width * state.spec.height
        of_bits = of_rate(state.network.context, state.latents, num_bits, state.workers)
        slices = self._slices(state.spec.context_names)
        return RateTerm(slices, self.bit_cost * of_bits, np.zeros(len(of_bits)))

    def _slices(self, names: Sequence[str]) -> dict[str, slice]:
        edges = np.cumsum([0, *(len(self.tensors[name].values) for name in names)]).tolist()
        return dict(zip(names, map(slice, edges, edges[1:]), strict=True))

    def _evaluate(self, distortion: DistortionTerm, rate: RateTerm) -> None:
        """Set cost and gradient of both terms from an evaluation of the whole picture."""
        state = self.state
        state.weights.zero_grad()
        error, bits = state.evaluator.evaluate(state.all_rows, self.lmbda)
        distortion.cost, rate.cost = error, self.lmbda * bits
        for term in distortion, rate:
            for name, here in term.slices.items():
                gradient = state.parameters[name].grad
                assert gradient is not None
                term.gradient[here] = gradient.flatten().cpu().numpy()

    def _optimize(self, term: Term, name: str) -> None:
        """Change a tensor as the model suggests if that lowers the cost; else try smaller moves."""
        old = self.tensors[name]
        for damping, reach in ATTEMPTS:
            new = self._cheapest(old, term, name, damping, reach)
            if new is old:
                return
            self._set(name, new)
            cost = term.measure(self.state, self.lmbda)
            if cost + self.bit_cost * (new.num_bits - old.num_bits) < term.cost:
                term.move(name, new.reals - old.reals, cost)
                return
            self._set(name, old)

    def _cheapest(
        self, old: QuantizedTensor, term: Term, name: str, damping: float, reach: float
    ) -> QuantizedTensor:
        """Return the tensor of least cost by the model, at the same q_step, its double or half."""
        gradient, curvature = term.gradient[term.slices[name]], term.damped(name, damping)
        best, least = old, 0.0
        for finer in (0, -1, 1):
            fraction_bits = old.fraction_bits + finer
            if not 0 <= fraction_bits <= most_fraction_bits(name):
                continue
            start = old.requantized(fraction_bits)
            tried = coordinate_descent(start, old, gradient, curvature, self.bit_cost, reach)
            change = tried.reals - old.reals
            difference = float(gradient @ change + change @ curvature @ change / 2)
            difference += self.bit_cost * (tried.num_bits - old.num_bits)
            if difference < least:
                best, least = tried, difference
        return best

    def _set(self, name: str, tensor: QuantizedTensor) -> None:
        """Set a tensor here and in the network."""
        self.tensors[name] = tensor
        parameter = self.state.parameters[name]
        real = torch.from_numpy(tensor.reals.astype(np.float32)).view(parameter.shape)
        parameter.data.copy_(real)
        if name in self.state.prior:
            parameter.data.add_(self.state.prior[name])

    def _q_steps(self) -> QSteps:
        return {
            name: q_index_of_bits(tensor.fraction_bits) for name, tensor in self.tensors.items()
        }


def coordinate_descent(
    start: QuantizedTensor,
    old: QuantizedTensor,
    gradient: Float64Array,
    curvature: Float64Array,
    bit_cost: float,
    reach: float,
) -> QuantizedTensor:
    """Change one level at a time, the one that lowers the modelled cost most, until none does.

    Args:
        start: First levels.
        old: Tensor at which the cost has that gradient and curvature.
        gradient: (K,).
        curvature: (K, K).
        bit_cost: Cost of a bit of the weights.
        reach: Largest move of a weight from `old`, in units of the larger of both q_steps.

    >>> weights = QuantizedTensor(np.array([3.0, -2.0]), 0)
    >>> gradient, curvature = np.array([2.0, 0.0]), np.array([[1.0, 0.0], [0.0, 1.0]])
    >>> coordinate_descent(weights, weights, gradient, curvature, 0.0, reach=4).values.tolist()
    [1.0, -2.0]
    """
    distribution, q_step = WEIGHTS.distribution_of(start.values.astype(np.int32)), start.q_step
    most, costs = min(distribution.support, _MOST), bit_cost * distribution.bits
    radius = reach * max(q_step, old.q_step)
    low = np.maximum(np.ceil((old.reals - radius) / q_step), -most)
    high = np.minimum(np.floor((old.reals + radius) / q_step), most)
    values, diagonal = start.values.copy(), np.diag(curvature)
    slope = gradient + curvature @ (start.reals - old.reals)
    for _ in range(4 * len(values)):
        minimum = values - slope / diagonal / q_step
        choices = np.stack(
            [values - 1, values + 1, np.floor(minimum), np.ceil(minimum), np.zeros_like(values)]
        )
        choices = np.clip(choices, low, high)
        changes = (choices - values) * q_step
        differences = (
            changes * (slope + diagonal * changes / 2)
            - costs[values.astype(int) + distribution.support]
        )
        differences += costs[choices.astype(int) + distribution.support]
        choice, k = np.unravel_index(np.argmin(differences), differences.shape)
        if differences[choice, k] >= 0 or choices[choice, k] == values[k]:
            break
        slope = slope + curvature[:, k] * changes[choice, k]
        values[k] = choices[choice, k]
    return replace(start, values=values)


def _fraction_bits(q_index: int) -> int:
    return round(-log2(q_step_of(q_index)))

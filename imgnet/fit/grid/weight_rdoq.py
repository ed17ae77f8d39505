"""Refine the whole numbers that the weights of `grid` are stored as, tensor by tensor.

Near where a fit ends its cost is a parabola in the weights, whose slope an evaluation of the whole
picture gives and whose curvature a sample of it: what one weight's rounding does, those of others
can undo. So each tensor gets the step and the whole numbers that are the cheapest by that model,
their bits among them, and keeps them if the picture, measured, is cheaper.

Source: Nagel et al., "Up or down? Adaptive rounding for post-training quantization", 2020, has the
model; the prices of bits, the steps and the proof by measurement are ours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf, log2

import numpy as np
import torch
from numpy.typing import NDArray

from imgnet.codec.format.grid_stream import LARGEST_INTEGER, WEIGHTS
from imgnet.codec.format.quantized import q_index_of_bits, q_step_of
from imgnet.fit.grid.curvature import Matrix, of_context, of_drawing
from imgnet.fit.grid.state import GridState
from imgnet.fit.grid.weight_steps import most_fraction_bits
from imgnet.fit.rounding import QSteps, quantize

MOST_WEIGHTS = 4096  # of a network that is refined: its curvature has the square of it
LEAST_CURVATURE = 0.01  # of the median in its tensor: a sample may not see what a weight does
ATTEMPTS = ((0.05, 4.0), (0.7, 2.0), (7.2, 2.0))  # damping, and steps that a weight may move by
_MOST = LARGEST_INTEGER - 1

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Coded:
    """A tensor as whole multiples of a step.

    Attributes:
        values: (K,) whole numbers.
        fraction_bits: The step is two to the power of minus that.
    """

    values: Vector
    fraction_bits: int

    @property
    def reals(self) -> Vector:
        """What the multiples add up to, (K,)."""
        return self.values * self.step

    @property
    def step(self) -> float:
        """What 1 stands for."""
        return 2.0**-self.fraction_bits

    @property
    def num_bits(self) -> float:
        """The code length of the tensor; inf where it cannot be coded."""
        return WEIGHTS.num_bits(self.values.astype(np.int32))

    def in_steps(self, fraction_bits: int) -> Coded:
        """Return what is nearest in other steps."""
        values = np.rint(self.reals * 2.0**fraction_bits).clip(-_MOST, _MOST)
        return Coded(values, fraction_bits)


@dataclass
class Part:
    """The tensors that one term of the cost depends on: distortion or rate.

    Attributes:
        places: Where the weights of each tensor are in gradient and curvature.
        curvature: (K, K).
        gradient: (K,), at the present weights.
        is_context: Whether it is the rate.
        cost: The term at the present weights.
    """

    places: dict[str, slice]
    curvature: Matrix
    gradient: Vector
    is_context: bool
    cost: float = inf

    def move(self, name: str, change: Vector, cost: float) -> None:
        """Go to where the weights of a tensor have changed, and the term was measured."""
        self.gradient += self.curvature[:, self.places[name]] @ change
        self.cost = cost

    def damped(self, name: str, damping: float) -> Matrix:
        """Return the curvature in the weights of a tensor, more of it in each of them."""
        here = self.places[name]
        curvature = self.curvature[here, here].copy()
        diagonal = np.diag(curvature)
        least = LEAST_CURVATURE * float(np.median(diagonal)) + 1e-12
        np.fill_diagonal(curvature, np.maximum(diagonal, least) * (1 + damping))
        return curvature


class Refinement:
    """The refinement of all weights of a fit.

    Args:
        state: The fit; its weights become whole multiples of steps from their origins.
        steps: Of all tensors, where it begins.
        lmbda: Price of a bit a pixel, in squared error of colours in 0..1.
        go_on: Asked before every tensor.
    """

    def __init__(
        self, state: GridState, steps: QSteps, lmbda: float, go_on: Callable[[], bool]
    ) -> None:
        self.state, self.lmbda, self.go_on = state, lmbda, go_on
        self.price = lmbda / (state.spec.width * state.spec.height)
        quantized = quantize(state.parameters, steps, state.origins)
        self.coded = {
            name: Coded(tensor.values.ravel().astype(np.float64), _fraction_bits(tensor.q_index))
            for name, tensor in quantized.items()
        }
        for name, coded in self.coded.items():
            self._put(name, coded)

    def run(self, passes: int) -> QSteps:
        """Refine all tensors so many times and return their steps."""
        drawing, context = self._parts()
        for _ in range(passes):
            self._look(drawing, context)
            for part in drawing, context:
                for name in part.places:
                    if not self.go_on():
                        return self._steps()
                    self._refine(part, name)
        return self._steps()

    def _parts(self) -> tuple[Part, Part]:
        """Return what the error depends on and what the bits depend on."""
        state = self.state
        context = state.spec.context_names
        drawn = {n: p for n, p in state.parameters.items() if n not in context}
        differences = {name: self.coded[name].step for name in drawn}
        bits = state.evaluator.measure_bits(state.all_rows)
        num_bits = bits * state.spec.width * state.spec.height
        of_bits = of_context(state.network.context, state.latents, num_bits, state.workers)
        return (
            self._part(list(drawn), of_drawing(state.evaluator, drawn, differences), False),
            self._part(context, self.price * of_bits, True),
        )

    def _part(self, names: list[str], curvature: Matrix, is_context: bool) -> Part:
        edges = np.cumsum([0, *(len(self.coded[name].values) for name in names)]).tolist()
        places = map(slice, edges, edges[1:])
        of_names = dict(zip(names, places, strict=True))
        return Part(of_names, curvature, np.zeros(edges[-1]), is_context)

    def _look(self, drawing: Part, context: Part) -> None:
        """Evaluate the whole picture."""
        state = self.state
        state.weights.zero_grad()
        error, bits = state.evaluator.evaluate(state.all_rows, self.lmbda)
        drawing.cost, context.cost = error, self.lmbda * bits
        for part in drawing, context:
            for name, place in part.places.items():
                gradient = state.parameters[name].grad
                assert gradient is not None
                part.gradient[place] = gradient.flatten().cpu().numpy()

    def _refine(self, part: Part, name: str) -> None:
        """Change a tensor as the model suggests, if that is cheaper; else try smaller changes."""
        old = self.coded[name]
        for damping, reach in ATTEMPTS:
            new = self._cheapest(old, part, name, damping, reach)
            if new is old:
                return
            self._put(name, new)
            cost = self._measure(part.is_context)
            if cost + self.price * (new.num_bits - old.num_bits) < part.cost:
                part.move(name, new.reals - old.reals, cost)
                return
            self._put(name, old)

    def _cheapest(self, old: Coded, part: Part, name: str, damping: float, reach: float) -> Coded:
        """Return what the model says is the cheapest, in steps as they are, double or half."""
        gradient, curvature = part.gradient[part.places[name]], part.damped(name, damping)
        best, least = old, 0.0
        for finer in (0, -1, 1):
            fraction_bits = old.fraction_bits + finer
            if not 0 <= fraction_bits <= most_fraction_bits(name):
                continue
            tried = descend(
                old.in_steps(fraction_bits), old, gradient, curvature, self.price, reach
            )
            change = tried.reals - old.reals
            gain = float(gradient @ change + change @ curvature @ change / 2)
            gain += self.price * (tried.num_bits - old.num_bits)
            if gain < least:
                best, least = tried, gain
        return best

    def _measure(self, is_context: bool) -> float:
        """Return the term of the cost that a tensor has a part in."""
        state = self.state
        if is_context:
            return self.lmbda * state.evaluator.measure_bits(state.all_rows)
        return state.evaluator.measure_error(state.all_rows)

    def _put(self, name: str, coded: Coded) -> None:
        """Let the network have a tensor."""
        self.coded[name] = coded
        parameter = self.state.parameters[name]
        real = torch.from_numpy(coded.reals.astype(np.float32)).view(parameter.shape)
        parameter.data.copy_(real)
        if name in self.state.origins:
            parameter.data.add_(self.state.origins[name])

    def _steps(self) -> QSteps:
        return {name: q_index_of_bits(coded.fraction_bits) for name, coded in self.coded.items()}


def descend(
    tried: Coded,
    old: Coded,
    gradient: Vector,
    curvature: Matrix,
    price: float,
    reach: float,
) -> Coded:
    """Change one whole number after another, that which gains most, until none does.

    Args:
        tried: Where to begin.
        old: Where the cost has that gradient and curvature.
        gradient: (K,) of what weights do.
        curvature: (K, K).
        price: Of a bit of the weights.
        reach: QSteps that a weight may be moved by, of the larger of both steps.

    >>> weights = Coded(np.array([3.0, -2.0]), 0)
    >>> slope, curvature = np.array([2.0, 0.0]), np.array([[1.0, 0.0], [0.0, 1.0]])
    >>> descend(weights, weights, slope, curvature, 0.0, reach=4).values.tolist()
    [1.0, -2.0]
    """
    distribution, step = WEIGHTS.distribution_of(tried.values.astype(np.int32)), tried.step
    most, costs = min(distribution.support, _MOST), price * distribution.bits
    around = reach * max(step, old.step)
    low = np.maximum(np.ceil((old.reals - around) / step), -most)
    high = np.minimum(np.floor((old.reals + around) / step), most)
    values, own = tried.values.copy(), np.diag(curvature)
    slope = gradient + curvature @ (tried.reals - old.reals)
    for _ in range(4 * len(values)):
        best = values - slope / own / step
        near = [values - 1, values + 1, np.floor(best), np.ceil(best)]
        choices = np.stack([*near, np.zeros_like(values)])
        choices = np.clip(choices, low, high)
        changes = (choices - values) * step
        gains = (
            changes * (slope + own * changes / 2) - costs[values.astype(int) + distribution.support]
        )
        gains += costs[choices.astype(int) + distribution.support]
        choice, k = np.unravel_index(np.argmin(gains), gains.shape)
        if gains[choice, k] >= 0 or choices[choice, k] == values[k]:
            break
        slope = slope + curvature[:, k] * changes[choice, k]
        values[k] = choices[choice, k]
    return replace(tried, values=values)


def _fraction_bits(step: int) -> int:
    return round(-log2(q_step_of(step)))

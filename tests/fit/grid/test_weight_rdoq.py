from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from imgnet.arrays import Float64Array
from imgnet.codec.format.grid_stream import WEIGHTS
from imgnet.encoder.levels import detail
from imgnet.encoder.prior import starting_from_prior
from imgnet.fit.grid.state import GridState
from imgnet.fit.grid.weight_rdoq import QuantizedTensor, WeightRDOQ, coordinate_descent
from imgnet.fit.grid.weight_steps import choose_q_steps
from imgnet.fit.rounding import QSteps, quantize, rounded
from imgnet.request.efforts import Schedule
from imgnet.request.request import Request
from support.pictures import picture

pytestmark = pytest.mark.usefixtures("one_thread")

LMBDA = 1e-3
PIXELS = picture(64, 48)


@pytest.fixture(params=["cold", "from a prior"])
def state(request: pytest.FixtureRequest, workers: ThreadPoolExecutor) -> GridState:
    """A fit of few steps, its latents rounded."""
    spec = Request("grid").spec((PIXELS.shape[1], PIXELS.shape[0]), 3)
    if request.param != "cold":
        spec = starting_from_prior(spec, detail(PIXELS, LMBDA), LMBDA, Schedule(100, 1 << 20))
        assert spec.prior
    common = PIXELS, Schedule(40, 8192), LMBDA, None, workers, torch.device("cpu"), 0
    state = GridState(spec, *common)
    for i in range(40):
        state.take_step(i / 40, i / 40, LMBDA)
    state.latents.round()
    return state


def steps_of(state: GridState) -> QSteps:
    steps = choose_q_steps(state.spec, state.parameters, state.prior, state.evaluator, LMBDA, 4096)
    state.weights.limit(steps)
    return steps


def cost(state: GridState, steps: QSteps) -> float:
    """Return what a file of the fit costs, its weights included."""
    quantized = quantize(state.parameters, steps, state.prior)
    with rounded(state.parameters, steps, state.prior):
        error, bits = state.measure()
    weights = sum(WEIGHTS.num_bits(tensor.values) for tensor in quantized.values())
    return error + LMBDA * (bits + weights / (state.spec.width * state.spec.height))


def test_every_pass_makes_a_fit_cheaper(state: GridState) -> None:
    steps = steps_of(state)
    costs = [cost(state, steps)]
    for _ in range(2):
        steps = WeightRDOQ(state, steps, LMBDA, lambda: True).run(1)
        costs.append(cost(state, steps))
    assert costs[1] < 0.99 * costs[0]
    assert costs[2] < costs[1]


def test_weights_are_what_is_stored(state: GridState) -> None:
    steps = WeightRDOQ(state, steps_of(state), LMBDA, lambda: True).run(1)
    for name, tensor in quantize(state.parameters, steps, state.prior).items():
        np.testing.assert_array_equal(tensor.dequantize(), state.parameters[name].detach().numpy())


def test_without_time_only_steps_are_applied(state: GridState) -> None:
    steps = steps_of(state)
    before = cost(state, steps)
    assert WeightRDOQ(state, steps, LMBDA, lambda: False).run(3) == steps
    assert cost(state, steps) == pytest.approx(before, rel=1e-6)


def test_coordinate_descent_undoes_by_one_weight_what_another_does() -> None:
    """It is cheaper than what is nearest, and no single change makes it cheaper still."""
    rng = np.random.default_rng(3)
    mixed = rng.normal(size=(12, 12)) + 4 * rng.normal(size=(12, 1))
    curvature = mixed @ mixed.T
    best = rng.normal(0, 3, 12)
    nearest = QuantizedTensor(np.rint(best), 0)
    gradient = curvature @ (nearest.values - best)

    def cost(values: Float64Array) -> float:
        change = values - nearest.values
        return float(gradient @ change + change @ curvature @ change / 2)

    new = coordinate_descent(nearest, nearest, gradient, curvature, 0.0, reach=4.0)
    assert cost(new.values) < -0.1 * gradient @ np.linalg.solve(curvature, gradient) / 2
    for change in np.concatenate([np.eye(12), -np.eye(12)]):
        if np.abs(new.values + change - nearest.values).max() <= 4:
            assert cost(new.values + change) >= cost(new.values) - 1e-9


def test_coordinate_descent_prefers_numbers_of_few_bits_as_bits_get_dearer() -> None:
    old = QuantizedTensor(np.array([5.0, -3.0, 2.0, 0.0, 1.0, -1.0]), 0)
    found = [
        coordinate_descent(old, old, np.zeros(6), np.eye(6), price, reach=4.0)
        for price in (0.0, 1.0, 100.0)
    ]
    sizes = [new.num_bits for new in found]
    assert found[0].values.tolist() == old.values.tolist()
    assert sizes[0] > sizes[1] > sizes[2]


@pytest.mark.parametrize("reach", [1.0, 2.0])
def test_coordinate_descent_moves_no_weight_too_far(reach: float) -> None:
    old = QuantizedTensor(np.array([0.0, 0.0, 7.0]), 2)
    new = coordinate_descent(old, old, np.array([-9.0, 9.0, 0.0]), np.eye(3), 0.0, reach)
    assert new.values.tolist() == [reach, -reach, 7]


def test_coarser_q_steps_keep_what_is_nearest() -> None:
    coded = QuantizedTensor(np.array([5.0, -4.0]), 3)
    assert coded.requantized(1).values.tolist() == [1, -1]
    assert coded.requantized(4).reals.tolist() == coded.reals.tolist()

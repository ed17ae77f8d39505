from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from imgnet.codec.format.coordinate_stream import pack
from imgnet.codec.format.quantized import q_step_of
from imgnet.fit.rounding import (
    choose_q_steps,
    curvatures,
    quantize,
    refine_q_steps,
    rounded,
    stream_bytes,
)
from imgnet.spec import Spec

SPEC = Spec("gated", 20, 13, 6, 12, 1)


def parameters(spec: Spec = SPEC, seed: int = 0) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.randn(shape, generator=generator).requires_grad_()
        for name, shape in spec.shapes().items()
    }


def some_curvature(spec: Spec = SPEC) -> dict[str, float]:
    return {name: 10.0 ** -(i % 5) for i, name in enumerate(spec.shapes())}


def test_curvature_of_independent_outputs_is_exact() -> None:
    a, b = torch.ones(6, requires_grad=True), torch.ones(2, 2, requires_grad=True)
    a.grad = torch.full_like(a, 9.0)  # whatever was there before
    found = curvatures({"a": a, "b": b}, lambda: torch.cat([3 * a, 0.5 * b.flatten()]), probes=1)
    a.grad = None
    found = curvatures({"a": a, "b": b}, lambda: torch.cat([3 * a, 0.5 * b.flatten()]), probes=1)
    assert found == pytest.approx({"a": 9.0, "b": 0.25})
    assert a.grad is None
    assert b.grad is None


def test_curvature_of_mixed_outputs_is_estimated() -> None:
    torch.manual_seed(0)
    jacobian = torch.randn(40, 5)
    weight = torch.zeros(5, requires_grad=True)
    found = curvatures({"w": weight}, lambda: jacobian @ weight, probes=400)
    assert found["w"] == pytest.approx(jacobian.square().sum(0).mean().item(), rel=0.15)


@pytest.mark.parametrize("num_bytes", [250, 500, 900])
def test_chosen_steps_fill_the_budget(num_bytes: int) -> None:
    chosen = choose_q_steps(parameters(), some_curvature(), num_bytes)
    assert stream_bytes(quantize(parameters(), chosen)) <= num_bytes
    finer = {name: max(0, step - 1) for name, step in chosen.items()}
    assert stream_bytes(quantize(parameters(), finer)) > num_bytes


def test_chosen_steps_are_no_finer_than_is_good_enough() -> None:
    name = "output.weight"
    finest = choose_q_steps(parameters(), some_curvature(), 900)
    chosen = choose_q_steps(
        parameters(), some_curvature(), 900, lambda steps: steps[name] < finest[name] + 12
    )
    assert chosen[name] == finest[name] + 12
    assert stream_bytes(quantize(parameters(), chosen)) < 700
    assert choose_q_steps(parameters(), some_curvature(), 900, lambda _: False) == finest


def test_single_steps_lead_to_a_goal() -> None:
    start = {"a": 100, "b": 50}
    assert sum(refine_q_steps(start, lambda s: abs(sum(s.values()) - 153), 0.5).values()) == 153
    assert refine_q_steps(start, lambda s: abs(sum(s.values()) - 153), 5.0) == start
    assert refine_q_steps(start, lambda _: 1.0, 0.0) == start  # nothing leads nearer
    assert refine_q_steps({"a": 250, "b": 3}, lambda s: 255 - s["a"] + s["b"], 0.0) == {
        "a": 255,
        "b": 0,
    }


def test_sensitive_tensors_get_fine_steps() -> None:
    curvature = some_curvature()
    chosen = choose_q_steps(parameters(), curvature, 600)
    sensitivity = [q_step_of(chosen[name]) * curvature[name] ** 0.5 for name in chosen]
    assert max(sensitivity) / min(sensitivity) < 1.15  # steps lie an eighth of an octave apart


def test_a_tensor_without_influence_gets_a_step_all_the_same() -> None:
    curvature = dict.fromkeys(SPEC.shapes(), 1.0) | {"output.bias": 0.0}
    chosen = choose_q_steps(parameters(), curvature, 600)
    assert chosen["output.bias"] >= max(chosen.values())
    dead = choose_q_steps(parameters(), dict.fromkeys(SPEC.shapes(), 0.0), 600)
    assert stream_bytes(quantize(parameters(), dead)) <= 600


def test_rounding_is_to_the_nearest_multiple() -> None:
    steps = dict.fromkeys(SPEC.shapes(), 137)
    for name, tensor in quantize(parameters(), steps).items():
        original = parameters()[name].detach().numpy()
        assert tensor.values.dtype == np.int32
        assert tensor.q_index == 137
        assert np.abs(tensor.dequantize() - original).max() <= q_step_of(137) / 2 * (1 + 1e-6)


@pytest.mark.parametrize("step", [120, 140, 150, 200])
def test_the_estimate_is_close_to_the_packed_size(step: int) -> None:
    quantized = quantize(parameters(), dict.fromkeys(SPEC.shapes(), step))
    assert stream_bytes(quantized) == pytest.approx(len(pack(SPEC, quantized)), abs=4, rel=0.002)


def test_integers_that_no_law_codes_cost_infinitely_much() -> None:
    quantized = quantize({"w": torch.full((3,), 1e4)}, {"w": 140})
    assert stream_bytes(quantized) == float("inf")


def test_rounded_holds_what_the_file_will_hold_and_puts_back() -> None:
    real = parameters()
    before = {name: tensor.detach().clone() for name, tensor in real.items()}
    steps = dict.fromkeys(real, 141)
    stored = {name: q.dequantize() for name, q in quantize(real, steps).items()}
    with rounded(real, steps):
        for name, tensor in real.items():
            np.testing.assert_array_equal(tensor.detach().numpy(), stored[name])
    assert all(torch.equal(real[name], before[name]) for name in real)


def test_rounded_puts_back_after_a_failure() -> None:
    w = torch.tensor([0.3], requires_grad=True)
    with pytest.raises(KeyboardInterrupt), rounded({"w": w}, {"w": 160}):
        raise KeyboardInterrupt
    assert w.item() == pytest.approx(0.3)


def test_gradients_go_straight_through() -> None:
    w = torch.tensor([0.7, 1.4], requires_grad=True)
    with rounded({"w": w}, {"w": 160}):  # steps of 1
        w.square().sum().backward()  # type: ignore[no-untyped-call]
    assert w.grad is not None
    torch.testing.assert_close(w.grad, torch.tensor([2.0, 2.0]))

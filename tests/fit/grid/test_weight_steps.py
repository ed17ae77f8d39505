from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch

from imgnet.codec.format import grid_stream
from imgnet.codec.format.quantized import q_step_of
from imgnet.fit.engine.latents import LatentGrids
from imgnet.fit.engine.reference import ReferenceEvaluator
from imgnet.fit.engine.tiling import STRIP_UNIT
from imgnet.fit.grid.start import start_cold
from imgnet.fit.grid.weight_steps import (
    FIRST_Q_STEPS,
    MOST_BIAS_BITS,
    choose_q_steps,
    descend,
    first_fraction_bits,
    first_q_steps,
    sample_strips,
)
from imgnet.fit.grid.weights import lr_scale_at
from imgnet.fit.rounding import quantize
from imgnet.spec import Spec, network_shapes
from support.evaluators import network_of
from support.networks import random_tensors
from support.pictures import picture

pytestmark = pytest.mark.usefixtures("one_thread")

NUM_PIXELS = 49152
SPEC = Spec("grid", 40, 32, 0, 4, 1, num_levels=2, chroma_level=1, dim_context=3)


@pytest.fixture
def evaluator(workers: ThreadPoolExecutor) -> ReferenceEvaluator:
    """A network that draws the picture about as well as its first latents allow."""
    torch.manual_seed(1)
    tensors = random_tensors(SPEC)
    pixels = torch.from_numpy(picture(40, 32)).permute(2, 0, 1) / 255
    latents = LatentGrids(SPEC, torch.device("cpu"), torch.Generator())
    network = network_of(SPEC, tensors)
    start_cold(pixels, 0.1, network, latents)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=1e-4)  # on no step of its own
    latents.round()
    return ReferenceEvaluator(network, latents, pixels, None, workers)


def chosen(evaluator: ReferenceEvaluator, lmbda: float) -> dict[str, int]:
    parameters = dict(evaluator.network.named_parameters())
    return choose_q_steps(SPEC, parameters, {}, evaluator, lmbda, NUM_PIXELS)


def test_steps_are_powers_of_two_that_a_file_can_hold(evaluator: ReferenceEvaluator) -> None:
    steps = chosen(evaluator, 1e-3)
    assert list(steps) == list(network_shapes(SPEC))
    for name, step in steps.items():
        bits = -np.log2(q_step_of(step))
        assert bits == round(bits)
        assert 0 <= bits <= (MOST_BIAS_BITS if name.endswith(".bias") else 15)
    parameters = dict(evaluator.network.named_parameters())
    tensors = quantize(parameters, steps) | {
        n: t for n, t in random_tensors(SPEC).items() if n.startswith("latents.")
    }
    again = grid_stream.unpack(SPEC, grid_stream.pack(SPEC, tensors, 0))
    for name, tensor in tensors.items():
        assert np.array_equal(again[name].dequantize(), tensor.dequantize())


def test_steps_are_finer_where_bits_are_cheap(evaluator: ReferenceEvaluator) -> None:
    dear, cheap = (chosen(evaluator, lmbda) for lmbda in (1e-1, 1e-5))
    assert sum(cheap.values()) < sum(dear.values()) - 8 * len(dear)  # an octave a tensor


def test_the_search_leaves_the_weights_alone(evaluator: ReferenceEvaluator) -> None:
    before = [p.detach().clone() for p in evaluator.network.parameters()]
    chosen(evaluator, 1e-3)
    after = evaluator.network.parameters()
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_rounding_costs_little_at_the_chosen_steps(evaluator: ReferenceEvaluator) -> None:
    rows = [(0, SPEC.height)]
    lmbda = 1e-3
    before = evaluator.measure_error(rows), evaluator.measure_bits(rows)
    steps = chosen(evaluator, lmbda)
    parameters = dict(evaluator.network.named_parameters())
    with torch.no_grad():
        for name, tensor in quantize(parameters, steps).items():
            parameters[name].copy_(torch.from_numpy(tensor.dequantize()))
    after = evaluator.measure_error(rows), evaluator.measure_bits(rows)
    cost = [error + lmbda * bits for error, bits in (before, after)]
    assert cost[1] < 1.5 * cost[0]


@pytest.mark.parametrize(
    ("values", "least", "most"),
    [([0.0, 0.0], 12, 12), ([1000.0, 1.0], 0, 0), ([1e-9], 12, 12), ([0.5, -0.25], 6, 8)],
)
def test_the_search_begins_where_integers_can_be_coded(
    values: list[float], least: int, most: int
) -> None:
    bits = first_fraction_bits(torch.tensor(values), 12, FIRST_Q_STEPS[1])
    assert least <= bits <= most


@pytest.mark.parametrize(("lmbda", "part"), [(1e-2, 1.0), (1e-3, 1.0), (1e-5, lr_scale_at(1e-5))])
def test_the_search_begins_finer_where_bits_are_next_to_nothing(lmbda: float, part: float) -> None:
    assert first_q_steps(lmbda) == [q_step * part for q_step in FIRST_Q_STEPS]


@pytest.mark.parametrize("start", [0, 3, 6, 12])
@pytest.mark.parametrize("best", [0, 5, 12])
def test_the_search_walks_to_the_bottom(start: int, best: int) -> None:
    asked: list[int] = []

    def cost(bits: int) -> float:
        asked.append(bits)
        return abs(bits - best)

    assert descend(cost, start, 12) == best
    assert len(asked) == len(set(asked))
    assert set(asked) <= set(range(13))


@pytest.mark.parametrize("cost", [lambda _bits: 1.0, lambda bits: float("inf") * (1 + bits)])
def test_the_search_stays_where_nothing_is_better(cost: Callable[[int], Any]) -> None:
    assert descend(cost, 4, 12) == 4


@pytest.mark.parametrize(("width", "height"), [(1, 1), (40, 33), (768, 512), (3000, 2000)])
def test_large_pictures_are_looked_at_in_part(width: int, height: int) -> None:
    spec = Spec("grid", width, height, 0, 4, 1, num_levels=1, dim_context=3)
    rows = sample_strips(spec, NUM_PIXELS)
    pixels = width * sum(bottom - top for top, bottom in rows)
    assert pixels <= max(1.1 * NUM_PIXELS, STRIP_UNIT * width)
    assert pixels >= min(width * height, NUM_PIXELS // 2)
    assert all(top % STRIP_UNIT == 0 and top < bottom <= height for top, bottom in rows)
    gaps = {after - before for (before, _), (after, _) in pairwise(rows)}
    assert len(gaps) <= 1
    above, below = rows[0][0], height - rows[-1][1]
    assert abs(above - below) <= 2 * STRIP_UNIT  # none of the ends stands for the whole


def test_weights_whose_squares_are_below_all_floats_have_a_q_step() -> None:
    assert first_fraction_bits(torch.full((4,), 1e-30), MOST_BIAS_BITS, 1 / 4) == MOST_BIAS_BITS
    assert first_fraction_bits(torch.tensor([0.5, 1e-30]), MOST_BIAS_BITS, 1 / 4) == 4

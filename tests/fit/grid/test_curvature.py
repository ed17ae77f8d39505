from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from math import log

import pytest
import torch

from imgnet.fit.engine.code_length import code_length
from imgnet.fit.engine.reference import ReferenceEvaluator
from imgnet.fit.grid import curvature
from imgnet.fit.grid.curvature import (
    distribution_gradients,
    fisher_information,
    inputs_of,
    neighbourhood,
    of_distortion,
    of_rate,
    sample_places,
)
from imgnet.spec import Spec
from support.evaluators import rounded_step

pytestmark = pytest.mark.usefixtures("one_thread")

SPEC = Spec("grid", 45, 31, 0, 6, 1, num_levels=3, chroma_level=1, dim_context=5, dim_coarse=2)


@pytest.fixture
def step(workers: ThreadPoolExecutor) -> ReferenceEvaluator:
    return rounded_step(SPEC, workers)


def test_a_sample_lies_all_over_a_picture() -> None:
    tiles = sample_places(Spec("grid", 1920, 1080, 0, 4, 1, num_levels=2, dim_context=4))
    pixels = sum((bottom - top) * (right - left) for top, bottom, left, right in tiles)
    assert 0.5 * curvature.MOST_PIXELS <= pixels <= 1.5 * curvature.MOST_PIXELS
    assert len({left for _, _, left, _ in tiles}) == len({top for top, *_ in tiles}) == len(tiles)


def test_what_is_drawn_like_the_picture_costs_what_the_curvature_says(
    step: ReferenceEvaluator,
) -> None:
    """Where the error is zero, it is a parabola in small changes."""
    rows = [(0, SPEC.height)]
    (drawn,) = step.render([(0, SPEC.height, 0, SPEC.width)])
    step.picture = torch.from_numpy(drawn)
    assert step.measure_error(rows) == pytest.approx(0, abs=1e-12)
    drawing = {n: p for n, p in step.network.named_parameters() if not n.startswith("context.")}
    before = {n: p.detach().clone() for n, p in drawing.items()}
    curvature = of_distortion(step, drawing, dict.fromkeys(drawing, 2.0**-10))
    assert all(torch.equal(p, before[n]) for n, p in drawing.items())
    changes = {n: 1e-3 * torch.randn_like(p) for n, p in drawing.items()}
    with torch.no_grad():
        for name, parameter in drawing.items():
            parameter += changes[name]
    flat = torch.cat([change.flatten() for change in changes.values()]).double().numpy()
    error = step.measure_error(rows)
    assert flat @ curvature @ flat / 2 == pytest.approx(error, rel=0.1)


def test_neighbours_are_what_the_bits_depend_on(step: ReferenceEvaluator) -> None:
    latents, total = step.latents, 0.0
    for chunk in step.cuts.chunks([(0, SPEC.height)]):
        grid, top, bottom = chunk
        inputs = inputs_of(latents, neighbourhood(latents, grid), chunk)
        distributions = step.network.context(inputs, grid, latents.grids[grid])
        values = latents.grid(latents.relaxed, grid)[top:bottom].ravel()
        total += code_length(values, *distributions).sum().item()
    bits = step.measure_bits([(0, SPEC.height)])
    assert total == pytest.approx(bits * SPEC.width * SPEC.height, rel=1e-5)


@pytest.mark.parametrize("output", [0, 1])
def test_gradients_of_distributions_are_those_of_each_latent(
    step: ReferenceEvaluator, output: int
) -> None:
    model, chunk = step.network.context, (1, 0, 4)
    where = chunk[0], step.latents.grids[chunk[0]]
    around = neighbourhood(step.latents, chunk[0])
    inputs = inputs_of(step.latents, around, chunk)[:, 7:9]
    ours = distribution_gradients(model, inputs, where)[output]
    distributions = model(inputs, *where)
    for i in range(2):
        found = torch.autograd.grad(
            distributions[output, i],
            list(model.parameters()),
            retain_graph=True,
            materialize_grads=True,
        )
        flat = torch.cat([gradient.flatten() for gradient in found])
        torch.testing.assert_close(ours[i].detach(), flat)


def test_the_whole_and_a_sample_of_the_latents_curve_alike(
    step: ReferenceEvaluator, monkeypatch: pytest.MonkeyPatch
) -> None:
    bits = step.measure_bits([(0, SPEC.height)])
    num_bits = bits * SPEC.width * SPEC.height
    whole = of_rate(step.network.context, step.latents, num_bits, step.workers)
    monkeypatch.setattr(curvature, "SAMPLE_LATENTS", len(step.latents.values) // 2)
    sample = of_rate(step.network.context, step.latents, num_bits, step.workers)
    assert not (whole == sample).all()
    assert sample.trace() == pytest.approx(whole.trace(), rel=0.15)
    assert (whole == whole.T).all()


def test_information_is_that_of_all_whole_numbers() -> None:
    location, scale = torch.tensor([0.3, -0.45, 2.0]), torch.tensor([-2.0, 0.0, 0.9])
    wanted = torch.zeros(2, 3)
    for value in range(-60, 61):
        leaves = [location.clone().requires_grad_(), scale.clone().requires_grad_()]
        bits = code_length(torch.full((3,), float(value)), *leaves)
        gradients = torch.stack(torch.autograd.grad(bits.sum(), leaves))
        wanted += torch.exp2(-bits.detach()) * gradients.square() * log(2)
    # What lies outside the window is cut off; probabilities have a floor.
    torch.testing.assert_close(fisher_information(location, scale), wanted, rtol=0.08, atol=0.01)

"""The compiled step against the one with torch, which has its own tests."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import Tensor

from imgnet.fit.engine.compiled import CompiledEvaluator
from imgnet.fit.engine.latents import LatentGrids
from imgnet.fit.engine.reference import ReferenceEvaluator
from imgnet.fit.engine.tiling import TILE, Cuts, Rows, split
from imgnet.spec import Spec
from support.evaluators import network_of
from support.networks import SPECS, random_tensors
from support.pictures import picture

pytestmark = pytest.mark.usefixtures("one_thread")

LMBDA = 2e-3
TALL = Spec("grid", 21, 90, 0, 5, 2, num_levels=6, chroma_level=2, dim_context=4)
COARSE_ONLY = Spec("grid", 200, 50, 0, 9, 1, num_levels=4, finest=1, chroma_level=2, dim_context=7)
Step = ReferenceEvaluator | CompiledEvaluator


def evaluator(
    kind: type[Step],
    spec: Spec,
    workers: ThreadPoolExecutor,
    weight: Tensor | None = None,
    tile: tuple[int, int] = (20, 24),
) -> Step:
    """Evaluate random networks and latents that are not whole."""
    latents = LatentGrids(spec, torch.device("cpu"), torch.Generator().manual_seed(1))
    latents.relaxed = 2 * torch.randn(latents.starts[-1], generator=latents.generator)
    network = network_of(spec, random_tensors(spec))
    with torch.no_grad():
        network.linear.weight.mul_(0.3)
        network.output.weight.mul_(0.3)
        network.context.last.bias[:, 1] = 1  # wide distributions: no probability at the floor
    pixels = torch.from_numpy(picture(spec.width, spec.height, spec.dim_out)).permute(2, 0, 1)
    return kind(network, latents, pixels / 255.0, weight, workers, Cuts(spec, tile))


def mask_for(spec: Spec) -> Tensor:
    """Return what each error counts; a third of them nothing."""
    size = spec.height, spec.width
    return (1.5 * torch.rand(size, generator=torch.Generator().manual_seed(4)) - 0.5).clamp(min=0)


def found(step: Step, rows: Sequence[Rows], coarse: float) -> tuple[list[float], dict[str, Tensor]]:
    measured = step.measure_error(rows), step.measure_bits(rows)
    values = [*step.evaluate(rows, LMBDA, coarse), *measured]
    gradients = {
        name: torch.zeros_like(p) if p.grad is None else p.grad
        for name, p in step.network.named_parameters()
    }
    return values, {**gradients, "latents": step.latents.gradient}


@pytest.mark.parametrize("spec", [*SPECS, TALL, COARSE_ONLY], ids=str)
@pytest.mark.parametrize("is_masked", [False, True])
def test_it_finds_what_torch_finds(
    spec: Spec, is_masked: bool, workers: ThreadPoolExecutor
) -> None:
    weight = mask_for(spec) if is_masked else None
    whole: list[Rows] = [(0, spec.height)]
    parts: list[Rows] = [(0, 16), (32, spec.height)] if spec.height > 32 else whole
    for rows, coarse in ((whole, 1.0), (parts, 4.0), (parts, 0.0)):
        ours, theirs = (
            found(evaluator(kind, spec, workers, weight), rows, coarse)
            for kind in (CompiledEvaluator, ReferenceEvaluator)
        )
        assert ours[0] == pytest.approx(theirs[0], rel=1e-5)
        for name, wanted in theirs[1].items():
            largest = wanted.abs().max().item() if wanted.numel() else 0.0
            torch.testing.assert_close(
                ours[1][name], wanted, rtol=1e-4, atol=1e-5 * largest + 1e-12, msg=name
            )


@pytest.mark.parametrize("spec", [*SPECS, TALL, COARSE_ONLY], ids=str)
@pytest.mark.parametrize("is_masked", [False, True])
def test_costs_are_those_of_torch_and_add_up_to_what_is_measured(
    spec: Spec, is_masked: bool, workers: ThreadPoolExecutor
) -> None:
    weight = mask_for(spec) if is_masked else None
    ours, theirs = (
        evaluator(kind, spec, workers, weight) for kind in (CompiledEvaluator, ReferenceEvaluator)
    )
    rows = [(0, spec.height)]
    error, bits = ours.measure_error(rows), ours.measure_bits(rows)
    total, num_pixels = dict[int, float](), spec.width * spec.height
    for grid in range(len(spec.grids())):
        errors, lengths = ours.costs(grid)
        wanted_errors, wanted_lengths = theirs.costs(grid)
        np.testing.assert_allclose(errors, wanted_errors, rtol=1e-4, atol=1e-5)
        assert errors.sum() == pytest.approx(error * num_pixels * spec.dim_out, rel=1e-4)
        assert lengths.keys() == wanted_lengths.keys() >= {grid}
        for i, each in lengths.items():
            np.testing.assert_allclose(each, wanted_lengths[i], rtol=1e-4, atol=1e-4)
            total[i] = float(each.sum())
    assert sum(total.values()) == pytest.approx(bits * num_pixels, rel=1e-4)


@pytest.mark.parametrize("is_masked", [False, True])
@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_it_draws_what_torch_draws_and_what_is_measured(
    spec: Spec, is_masked: bool, workers: ThreadPoolExecutor
) -> None:
    weight = mask_for(spec) if is_masked else None
    ours, theirs = (
        evaluator(kind, spec, workers, weight) for kind in (CompiledEvaluator, ReferenceEvaluator)
    )
    places = [(top, bottom, 0, spec.width) for top, bottom in split(0, spec.height, 20)]
    rendered, wanted = ours.render(places), theirs.render(places)
    for mine, other in zip(rendered, wanted, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-5)
    counted = ours.picture if weight is None else ours.picture * weight.sqrt().numpy()
    error = ours.measure_error([(0, spec.height)])
    assert np.square(np.concatenate(rendered, axis=1) - counted).mean() == pytest.approx(
        error, rel=1e-4
    )


def test_a_mask_may_differ_by_channel(workers: ThreadPoolExecutor) -> None:
    spec = SPECS[0]
    weight = torch.rand(spec.dim_out, spec.height, spec.width) > 0.5
    rows: list[Rows] = [(0, spec.height)]
    ours, theirs = (
        found(evaluator(kind, spec, workers, weight.float()), rows, 1.0)
        for kind in (CompiledEvaluator, ReferenceEvaluator)
    )
    assert ours[0] == pytest.approx(theirs[0], rel=1e-5)


@pytest.mark.slow
def test_a_step_is_several_times_faster_than_with_torch(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Both evaluate 768x512 pixels on all cores, in turns; the best of five counts."""
    spec = Spec("grid", 768, 512, 0, 32, 2, num_levels=7, chroma_level=2, dim_context=16)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    with ThreadPoolExecutor(cores, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        kinds = CompiledEvaluator, ReferenceEvaluator
        steps = [evaluator(kind, spec, pool, tile=TILE) for kind in kinds]
        steps[0].evaluate([(0, 512)], LMBDA)  # compiles
        ours, theirs = np.min([[seconds(step) for step in steps] for _ in range(5)], axis=0)
    with capsys.disabled():
        print(f"\na step: {ours:.3f} s, with torch {theirs:.3f} s, {theirs / ours:.1f} times")
    assert theirs > 3 * ours


def seconds(step: Step) -> float:
    started = time.perf_counter()
    step.evaluate([(0, 512)], LMBDA)
    return time.perf_counter() - started

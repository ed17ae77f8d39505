from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from imgnet.codec.entropy.wavefront import Neighbourhood
from imgnet.codec.format import grid_stream
from imgnet.codec.render.grid import render
from imgnet.fit.engine.latents import LatentGrids
from imgnet.fit.engine.reference import ReferenceEvaluator
from imgnet.fit.engine.sources import spread, windows
from imgnet.fit.engine.tiling import Cuts, Rows
from imgnet.neighbourhood import CAUSAL, MARGIN, PARENTS
from imgnet.spec import Spec
from support.evaluators import network_of
from support.networks import SPECS, random_tensors, real
from support.pictures import picture

pytestmark = pytest.mark.usefixtures("one_thread")

LMBDA = 2e-3
TALL = Spec("grid", 21, 90, 0, 5, 2, num_levels=6, chroma_level=2, dim_context=4)


def float64_step(
    spec: Spec,
    workers: ThreadPoolExecutor,
    tile: tuple[int, int] = (4096, 4096),
    weight: Tensor | None = None,
) -> ReferenceEvaluator:
    """Evaluate random networks and latents that are not whole, far from all clamps."""
    tensors = random_tensors(spec)
    latents = LatentGrids(spec, torch.device("cpu"), torch.Generator().manual_seed(1))
    latents.relaxed = torch.randn(latents.starts[-1], generator=latents.generator).double()
    latents.gradient = torch.zeros_like(latents.relaxed)
    network = network_of(spec, tensors).double()
    with torch.no_grad():
        network.linear.weight.mul_(0.3)
        network.output.weight.mul_(0.3)
        network.context.last.bias[:, 1] = 1  # wide distributions: no probability at the floor
    pixels = torch.from_numpy(picture(spec.width, spec.height, spec.dim_out))
    goal, cuts = pixels.permute(2, 0, 1) / 255.0, Cuts(spec, tile)
    return ReferenceEvaluator(network, latents, goal, weight, workers, cuts)


def gradients(
    step: ReferenceEvaluator, rows: Sequence[Rows], coarse_weight: float = 1.0
) -> tuple[float, float, dict[str, Tensor]]:
    step.network.zero_grad()
    error, bits = step.evaluate(rows, LMBDA, coarse_weight)
    found = {n: p.grad.clone() for n, p in step.network.named_parameters() if p.grad is not None}
    return error, bits, {**found, "latents": step.latents.gradient.clone()}


def total(step: ReferenceEvaluator) -> float:
    rows = [(0, step.spec.height)]
    return step.measure_error(rows) + LMBDA * step.measure_bits(rows)


@pytest.mark.parametrize("spec", [SPECS[0], SPECS[2], SPECS[3], SPECS[5], SPECS[-1]], ids=str)
def test_gradients_are_those_of_finite_differences(spec: Spec, workers: ThreadPoolExecutor) -> None:
    step = float64_step(spec, workers, tile=(20, 24))
    _, _, found = gradients(step, [(0, spec.height)])
    generator = torch.Generator().manual_seed(2)
    variables = dict(step.network.named_parameters())
    for i, name in enumerate(step.latents.names):
        variables[name] = step.latents.grid(step.latents.relaxed, i)
        found[name] = step.latents.grid(found["latents"], i)
    for name, variable in variables.items():
        direction = torch.randn(variable.shape, generator=generator, dtype=torch.float64)
        with torch.no_grad():
            variable.add_(direction, alpha=1e-6)
            above = total(step)
            variable.add_(direction, alpha=-2e-6)
            below = total(step)
            variable.add_(direction, alpha=1e-6)
        slope = (found[name] * direction).sum().item() if name in found else 0.0
        assert slope == pytest.approx((above - below) / 2e-6, rel=1e-4, abs=1e-8), name


def assert_same(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> None:
    assert ours.keys() == theirs.keys()
    for name, gradient in ours.items():
        torch.testing.assert_close(gradient, theirs[name], rtol=1e-7, atol=1e-12, msg=name)


@pytest.mark.parametrize("spec", [*SPECS[:3], TALL], ids=str)
@pytest.mark.parametrize(("tile", "chunk"), [((16, 16), 100), ((10, 4096), 1), ((4096, 7), 7000)])
def test_cuts_do_not_show(
    spec: Spec,
    tile: tuple[int, int],
    chunk: int,
    workers: ThreadPoolExecutor,
) -> None:
    rows = [(0, spec.height)]
    whole = gradients(float64_step(spec, workers), rows)
    step = float64_step(spec, workers, tile)
    step.cuts = replace(step.cuts, chunk=chunk)
    cut = gradients(step, rows)
    assert cut[:2] == pytest.approx(whole[:2], rel=1e-9)
    assert_same(cut[2], whole[2])


def test_coarse_bits_may_count_four_times_in_one_step_of_four(workers: ThreadPoolExecutor) -> None:
    step = float64_step(TALL, workers)
    rows = [(0, TALL.height)]
    error, bits, wanted = gradients(step, rows)
    mean_bits, mean = 0.0, {name: torch.zeros_like(gradient) for name, gradient in wanted.items()}
    for weight in (4.0, 0.0, 0.0, 0.0):
        same_error, some_bits, found = gradients(step, rows, weight)
        assert same_error == pytest.approx(error)
        assert (some_bits > bits) == (weight > 1)
        mean_bits += some_bits / 4
        for name, gradient in found.items():
            mean[name] += gradient / 4
    assert mean_bits == pytest.approx(bits)
    assert_same(mean, wanted)


@pytest.mark.parametrize("spec", [*SPECS[:3], TALL], ids=str)
def test_parts_of_the_rows_add_up_to_the_whole(spec: Spec, workers: ThreadPoolExecutor) -> None:
    """Of coarse levels, whose latents belong to many rows, every part counts its share."""
    step = float64_step(spec, workers)
    error, bits, wanted = gradients(step, [(0, spec.height)])
    parts: list[list[Rows]] = [[(0, 8), (24, 32)], [(8, 24)], [(32, spec.height)]]
    sums, added = [0.0, 0.0], {name: torch.zeros_like(g) for name, g in wanted.items()}
    for rows in parts:
        share = sum(bottom - top for top, bottom in rows) / spec.height
        *values, found = gradients(step, rows)
        assert (step.measure_error(rows), step.measure_bits(rows)) == pytest.approx(tuple(values))
        for i, value in enumerate(values):
            sums[i] += share * value
        for name, gradient in found.items():
            added[name] += share * gradient
    assert sums == pytest.approx([error, bits])
    assert_same(added, wanted)


def test_a_step_draws_what_a_file_draws_and_counts_the_bits_of_its_stream(
    workers: ThreadPoolExecutor,
) -> None:
    spec = Spec("grid", 90, 70, 0, 6, 2, num_levels=4, chroma_level=2, dim_context=4)
    tensors = random_tensors(spec)
    drawn = render(spec, real(tensors))
    latents = LatentGrids(spec, torch.device("cpu"), torch.Generator())
    for i, name in enumerate(latents.names):
        latents.grid(latents.relaxed, i).copy_(torch.from_numpy(tensors[name].dequantize()))
    target = torch.from_numpy(drawn).permute(2, 0, 1) / 255
    cuts = Cuts(spec, (32, 48))
    step = ReferenceEvaluator(network_of(spec, tensors), latents, target, None, workers, cuts)
    bits = step.measure_bits([(0, 70)])
    assert step.measure_error([(0, 70)]) < 0.5 / 255**2  # rounding to levels alone is 1 / 12
    zeros = {n: t if "latents" not in n else zero_like(t) for n, t in tensors.items()}
    network_bytes = len(grid_stream.pack(spec, zeros, 0))
    latents.relaxed.zero_()
    bits -= step.measure_bits([(0, 70)])
    wanted = 8 * (len(grid_stream.pack(spec, tensors, 0)) - network_bytes)
    assert bits * 90 * 70 == pytest.approx(wanted, rel=0.02)


def zero_like(tensor: grid_stream.Quantized) -> grid_stream.Quantized:
    return grid_stream.Quantized(np.zeros_like(tensor.values), tensor.q_index)


def test_pixels_of_no_weight_neither_count_nor_pull(workers: ThreadPoolExecutor) -> None:
    spec = SPECS[0]
    weight = (torch.rand(spec.height, spec.width, generator=torch.Generator()) < 0.5).double()
    step = float64_step(spec, workers, (16, 16), weight)
    whole = gradients(step, [(0, spec.height)])
    step.picture = torch.where(weight.bool(), step.picture, 1 - step.picture)
    changed = gradients(step, [(0, spec.height)])
    assert changed[:2] == whole[:2]
    assert_same(changed[2], whole[2])
    step.picture = 1 - step.picture
    assert gradients(step, [(0, spec.height)])[0] != whole[0]


def test_what_is_too_bright_is_pulled_down(workers: ThreadPoolExecutor) -> None:
    """The error is that of the clamped colour, but a hard clamp would leave no gradient."""
    step = float64_step(SPECS[0], workers)
    with torch.no_grad():
        step.network.linear.bias.fill_(9)
    step.picture = torch.full_like(step.picture, 0.5)
    error, _, found = gradients(step, [(0, SPECS[0].height)])
    assert error == pytest.approx(0.25)
    assert (found["linear.bias"] > 0.3).all()


def test_measuring_leaves_no_gradients(workers: ThreadPoolExecutor) -> None:
    step = float64_step(SPECS[3], workers)
    step.measure_error([(0, 12)])
    step.measure_bits([(0, 12)])
    assert all(p.grad is None for p in step.network.parameters())


@pytest.mark.parametrize("threads", [1, 3])
def test_gradients_are_the_same_bit_by_bit_whatever_the_workers(threads: int) -> None:
    def found(count: int) -> dict[str, Tensor]:
        with ThreadPoolExecutor(count, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            return gradients(float64_step(SPECS[0], pool, (8, 8)), [(0, SPECS[0].height)])[2]

    once, again = found(1), found(threads)
    assert all(torch.equal(once[name], again[name]) for name in once)


def test_samples_count_channel_by_channel(workers: ThreadPoolExecutor) -> None:
    spec = SPECS[0]
    size = spec.dim_out, spec.height, spec.width
    weight = (torch.rand(size, generator=torch.Generator()) < 0.5).double()
    step = float64_step(spec, workers, (16, 16), weight)
    whole = gradients(step, [(0, spec.height)])
    step.picture = torch.where(weight.bool(), step.picture, 1 - step.picture)
    changed = gradients(step, [(0, spec.height)])
    assert changed[:2] == whole[:2]
    assert_same(changed[2], whole[2])


@pytest.mark.parametrize("spec", [SPECS[0], SPECS[1]], ids=str)
def test_costs_add_up_to_what_is_measured(spec: Spec, workers: ThreadPoolExecutor) -> None:
    step, rows = float64_step(spec, workers, (16, 16)), [(0, spec.height)]
    samples = spec.width * spec.height * spec.dim_out
    total = dict[int, float]()
    for grid in range(len(spec.grids())):
        errors, lengths = step.costs(grid)
        assert errors.sum() / samples == pytest.approx(step.measure_error(rows))
        total |= {i: float(each.sum()) for i, each in lengths.items()}
    bits = step.measure_bits(rows) * spec.width * spec.height
    assert sum(total.values()) == pytest.approx(bits)


def test_other_devices_are_given_whole_pictures(workers: ThreadPoolExecutor) -> None:
    """Many small operations are slow there."""
    spec, meta = SPECS[0], torch.device("meta")
    latents = LatentGrids(spec, meta, torch.Generator())
    size = spec.dim_out, spec.height, spec.width
    goal = torch.empty(size, device=meta)
    network = network_of(spec, random_tensors(spec))
    step = ReferenceEvaluator(network, latents, goal, None, workers)
    assert list(step.cuts.tiles([(0, spec.height)])) == [(0, spec.height, 0, spec.width)]


def test_children_have_the_neighbours_of_their_parents() -> None:
    x = torch.arange(6.0).view(1, 2, 3)
    assert spread(x, 2, 0, 4, 5)[0].tolist() == [[0, 0, 1, 1, 2]] * 2 + [[3, 3, 4, 4, 5]] * 2
    assert spread(x, 2, 1, 2, 6)[0].tolist() == [[0, 0, 1, 1, 2, 2], [3, 3, 4, 4, 5, 5]]


def test_neighbours_are_those_of_the_decoder() -> None:
    height, width = 7, 10
    grid, parents = (np.random.default_rng(1).integers(-9, 9, s) for s in ((7, 10), (4, 5)))
    around = Neighbourhood((height, width), 1, parents[None])
    around.fill(grid[None])
    own, wide = (functional.pad(torch.from_numpy(x), (MARGIN,) * 4) for x in (grid, parents))
    above = spread(windows(wide, PARENTS, MARGIN, 4, 5), 2, 0, height, width)
    found = torch.cat([windows(own, CAUSAL, MARGIN, height, width), above]).flatten(1)
    assert np.array_equal(found.numpy(), around.gather_chunk(0, height))

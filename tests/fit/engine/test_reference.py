from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from imgnet.codec.format import grid_stream
from imgnet.codec.render.grid import render
from imgnet.fit.engine.latents import LatentGrids
from imgnet.fit.engine.reference import ReferenceEvaluator
from imgnet.fit.engine.tiling import Rows
from imgnet.spec import Spec
from support.grid_cases import SPECS, integers, network_of, picture, real

pytestmark = pytest.mark.usefixtures("one_thread")

LMBDA = 2e-3
TALL = Spec("grid", 21, 90, 0, 5, 2, num_levels=6, chroma_level=2, dim_context=4)


@pytest.fixture
def workers() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        yield pool


def float64_step(
    spec: Spec,
    workers: ThreadPoolExecutor,
    tile: tuple[int, int] = (4096, 4096),
    seen: Tensor | None = None,
) -> ReferenceEvaluator:
    """Evaluate random networks and latents that are not whole, far from all clamps."""
    tensors = integers(spec)
    latents = LatentGrids(spec, torch.device("cpu"), torch.Generator().manual_seed(1))
    latents.relaxed = torch.randn(latents.starts[-1], generator=latents.generator).double()
    latents.gradient = torch.zeros_like(latents.relaxed)
    network = network_of(spec, tensors).double()
    with torch.no_grad():
        network.linear.weight.mul_(0.3)
        network.output.weight.mul_(0.3)
        network.context.last.bias[:, 1] = 1  # wide distributions: no probability at the floor
    pixels = torch.from_numpy(picture(spec.width, spec.height, spec.dim_out))
    return ReferenceEvaluator(
        network, latents, pixels.permute(2, 0, 1) / 255.0, seen, workers, tile
    )


def gradients(
    step: ReferenceEvaluator, rows: Sequence[Rows], coarse_weight: float = 1.0
) -> tuple[float, float, dict[str, Tensor]]:
    step.network.zero_grad()
    error, bits = step.evaluate(rows, LMBDA, coarse_weight)
    found = {n: p.grad.clone() for n, p in step.network.named_parameters() if p.grad is not None}
    return error, bits, {**found, "latents": step.latents.gradient.clone()}


def total(step: ReferenceEvaluator) -> float:
    error, bits = step.measure([(0, step.spec.height)])
    return error + LMBDA * bits


@pytest.mark.parametrize("spec", [SPECS[0], SPECS[2], SPECS[3], SPECS[5]], ids=str)
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
        assert step.measure(rows) == pytest.approx(tuple(values))
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
    tensors = integers(spec)
    drawn = render(spec, real(tensors))
    latents = LatentGrids(spec, torch.device("cpu"), torch.Generator())
    for i, name in enumerate(latents.names):
        latents.grid(latents.relaxed, i).copy_(torch.from_numpy(tensors[name].dequantize()))
    target = torch.from_numpy(drawn).permute(2, 0, 1) / 255
    step = ReferenceEvaluator(network_of(spec, tensors), latents, target, None, workers, (32, 48))
    error, bits = step.measure([(0, 70)])
    assert error < 0.5 / 255**2  # rounding to levels alone is 1 / 12
    zeros = {n: t if "latents" not in n else zero_like(t) for n, t in tensors.items()}
    network_bytes = len(grid_stream.pack(spec, zeros, 0))
    latents.relaxed.zero_()
    bits -= step.measure([(0, 70)])[1]
    wanted = 8 * (len(grid_stream.pack(spec, tensors, 0)) - network_bytes)
    assert bits * 90 * 70 == pytest.approx(wanted, rel=0.02)


def zero_like(tensor: grid_stream.Quantized) -> grid_stream.Quantized:
    return grid_stream.Quantized(np.zeros_like(tensor.values), tensor.q_index)


def test_unseen_pixels_neither_count_nor_pull(workers: ThreadPoolExecutor) -> None:
    spec = SPECS[0]
    seen = (torch.rand(spec.height, spec.width, generator=torch.Generator()) < 0.5).double()
    step = float64_step(spec, workers, (16, 16), seen)
    whole = gradients(step, [(0, spec.height)])
    step.picture = torch.where(seen.bool(), step.picture, 1 - step.picture)
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
    step.measure([(0, 12)])
    assert all(p.grad is None for p in step.network.parameters())


def test_half_of_a_measurement(workers: ThreadPoolExecutor) -> None:
    step = float64_step(SPECS[3], workers)
    error, bits = step.measure([(0, 12)])
    assert step.measure([(0, 12)], bits=False) == (error, 0)
    assert step.measure([(0, 12)], error=False) == (0, bits)


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
    seen = (torch.rand(size, generator=torch.Generator()) < 0.5).double()
    step = float64_step(spec, workers, (16, 16), seen)
    whole = gradients(step, [(0, spec.height)])
    step.picture = torch.where(seen.bool(), step.picture, 1 - step.picture)
    changed = gradients(step, [(0, spec.height)])
    assert changed[:2] == whole[:2]
    assert_same(changed[2], whole[2])

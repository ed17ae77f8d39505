from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from imgnet.fit.engine.latents import LatentGrids, padded, soft_round
from imgnet.fit.engine.pick import latents_for
from imgnet.spec import Spec
from support.networks import SPECS

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")


Kind = Callable[[Spec, torch.device, torch.Generator], LatentGrids]


def grids(spec: Spec = SPECS[0], seed: int = 1, kind: Kind = LatentGrids) -> LatentGrids:
    return kind(spec, CPU, torch.Generator().manual_seed(seed))


@pytest.fixture(params=[LatentGrids, latents_for])
def kind(request: pytest.FixtureRequest) -> Kind:
    return request.param


def everything(latents: LatentGrids) -> list[slice]:
    return [slice(0, len(latents.values))]


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_grids_lie_one_behind_the_other(spec: Spec) -> None:
    latents = grids(spec)
    assert latents.names == [n for n in spec.shapes() if n.startswith("latents.")]
    flat = torch.arange(len(latents.values))
    seen = []
    for i, name in enumerate(latents.names):
        grid = latents.grid(flat, i)
        assert tuple(grid.shape) == spec.shapes()[name]
        seen += grid.flatten().tolist()
    assert seen == flat.tolist()
    for level in range(spec.num_levels):
        chosen = [i for i, grid in enumerate(latents.grids) if grid[1] == level]
        of_level = latents.of_level(flat, level)
        assert of_level.shape == (len(chosen), *spec.grid_size(level))
        for grid, i in zip(of_level, chosen, strict=True):
            assert torch.equal(grid, latents.grid(flat, i))


def test_padding_repeats_edges_also_of_no_grids() -> None:
    x = torch.arange(6.0).view(1, 2, 3)
    wide = padded(x, 2)[0]
    assert wide.shape == (6, 7)
    assert wide[0].tolist() == [0, 0, 0, 1, 2, 2, 2]
    assert wide[-1].tolist() == [3, 3, 3, 4, 5, 5, 5]
    assert padded(torch.zeros(0, 2, 3), 2).shape == (0, 6, 7)


X = torch.linspace(-3.3, 3.3, 661, dtype=torch.float64)


@pytest.mark.parametrize("temperature", [0.08, 0.2, 0.35, 1.0])
def testsoft_rounding_keeps_whole_and_half_numbers_and_order(temperature: float) -> None:
    soft, _ = soft_round(X, temperature)
    assert (soft.diff() >= 0).all()
    fixed = torch.arange(-3.0, 3.5, 0.5, dtype=torch.float64)
    torch.testing.assert_close(soft_round(fixed, temperature)[0], fixed, rtol=0, atol=1e-6)


def testsoft_rounding_tends_to_rounding_when_cold_and_to_nothing_when_warm() -> None:
    clear = ((X - X.floor()) - 0.5).abs() > 0.05
    cold, _ = soft_round(X, 0.01)
    torch.testing.assert_close(cold[clear], X.round()[clear], rtol=0, atol=1e-3)
    warm, slope = soft_round(X, 50.0)
    torch.testing.assert_close(warm, X, rtol=0, atol=1e-3)
    torch.testing.assert_close(slope, torch.ones_like(X), rtol=0, atol=1e-3)


@pytest.mark.parametrize("temperature", [0.08, 0.2, 0.35])
def test_slope_is_the_derivative_ofsoft_rounding(temperature: float) -> None:
    x = X + 0.0031  # off the whole numbers
    above, below = (soft_round(x + d, temperature)[0] for d in (1e-6, -1e-6))
    torch.testing.assert_close(
        soft_round(x, temperature)[1], (above - below) / 2e-6, rtol=1e-4, atol=1e-6
    )


def test_relaxed_latents_without_noise_aresoft_rounded_twice(kind: Kind) -> None:
    latents = grids(kind=kind)
    latents.values = torch.randn(len(latents.values)) * 2
    latents.relax(0.3, 0.0, everything(latents))
    once, _ = soft_round(latents.values.double(), 0.3)
    twice, _ = soft_round(once, 0.3)
    torch.testing.assert_close(latents.relaxed, twice.float(), rtol=1e-4, atol=1e-4)
    above, below = (
        soft_round(soft_round(latents.values.double() + d, 0.3)[0], 0.3)[0] for d in (1e-6, -1e-6)
    )
    torch.testing.assert_close(
        latents.slope, ((above - below) / 2e-6).float(), rtol=1e-2, atol=1e-3
    )


def test_noise_is_fresh_each_time_has_its_size_and_follows_the_seed(kind: Kind) -> None:
    def relaxed(seed: int) -> list[Tensor]:
        spec = Spec("grid", 99, 99, 0, 4, 1, num_levels=2, chroma_level=1, dim_context=4)
        latents = grids(spec, seed, kind)
        taken = []
        for _ in range(2):
            latents.relax(50.0, 0.2, everything(latents))  # so warm that nothing is rounded
            taken.append(latents.relaxed.clone())
        return taken

    first, second = relaxed(1)
    assert first.std() == pytest.approx(0.2, rel=0.05)
    assert first.mean() == pytest.approx(0, abs=0.01)
    assert not torch.equal(first, second)
    assert torch.equal(relaxed(1)[1], second)
    assert not torch.equal(relaxed(2)[0], first)


def test_only_the_chosen_parts_are_relaxed_and_moved(kind: Kind) -> None:
    latents = grids(kind=kind)
    latents.values.fill_(0.3)
    latents.gradient.fill_(1.0)
    latents.relax(0.2, 0.1, [slice(10, 20)])
    assert (latents.relaxed[10:20] != 0).all()
    assert latents.relaxed.count_nonzero() == 10
    latents.step(0.1, [(slice(30, 40), 1)], 0.95)
    torch.testing.assert_close(latents.values[30:40], torch.full((10,), 0.2))
    assert (latents.values == 0.3).sum() == len(latents.values) - 10


def test_steps_are_those_of_adam(kind: Kind) -> None:
    latents = grids(kind=kind)
    theirs = torch.randn(len(latents.values)).requires_grad_()
    latents.values.copy_(theirs.detach())
    adam = torch.optim.Adam([theirs], lr=0.03, betas=(0.9, 0.95), eps=5e-9)
    for count in range(1, 6):
        latents.gradient = torch.randn(len(theirs))
        latents.slope = torch.rand(len(theirs))
        theirs.grad = latents.gradient * latents.slope
        latents.step(0.03, [(part, count) for part in everything(latents)], 0.95)
        adam.step()
    torch.testing.assert_close(latents.values, theirs.detach(), rtol=1e-4, atol=1e-5)


def test_rounding_is_that_of_the_file() -> None:
    latents = grids()
    latents.values.uniform_(-4, 4)
    latents.round()
    assert torch.equal(latents.relaxed, latents.values.round())

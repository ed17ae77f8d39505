from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from grid_cases import rounded_step

from imgnet.grid_cuts import Evaluator
from imgnet.grid_decide import SPACING, Decisions, lattices
from imgnet.grid_step import GridStep
from imgnet.latents import LatentGrids
from imgnet.spec import Spec

pytestmark = pytest.mark.usefixtures("one_thread")

SPEC = Spec("grid", 61, 43, 0, 8, 1, num_levels=4, colour=2, dim_context=6)
LMBDA = 2e-3


@pytest.fixture
def step() -> Iterator[GridStep]:
    """A network whose latents lie between whole numbers, on a picture."""
    with ThreadPoolExecutor(1) as workers:
        yield rounded_step(SPEC, workers)


def decide(step: Evaluator, latents: LatentGrids, coarsest: int, lattices: float = np.inf) -> None:
    asked = iter(range(10_000))
    Decisions(latents, step, LMBDA, 3, lambda: next(asked) < lattices).make(coarsest)


def cost(step: GridStep) -> float:
    error, bits = step.measure([(0, SPEC.height)])
    return error + LMBDA * bits


def test_decisions_make_a_picture_cheaper(step: GridStep) -> None:
    before = cost(step)
    decide(step, step.latents, 3)
    assert cost(step) < 0.97 * before


def test_a_second_pass_finds_a_little_more(step: GridStep) -> None:
    costs = [cost(step)]
    for _ in range(2):
        decide(step, step.latents, 3)
        costs.append(cost(step))
    assert costs[2] < costs[1]
    assert costs[1] - costs[2] < 0.5 * (costs[0] - costs[1])


def test_latents_go_to_the_other_of_the_numbers_around_them(step: GridStep) -> None:
    nearest = step.latents.relaxed.clone()
    decide(step, step.latents, 3)
    changes = step.latents.relaxed - nearest
    assert set(changes.unique().tolist()) == {-1.0, 0.0, 1.0}
    assert (changes * (step.latents.values - nearest) >= 0).all()


def test_every_single_change_pays(step: GridStep) -> None:
    """Undone alone, a change makes the picture dearer; those that do not are few."""
    latents = step.latents
    nearest = latents.relaxed.clone()
    decide(step, latents, 0)
    decided = cost(step)
    changed = (latents.relaxed != nearest).nonzero().ravel()
    assert len(changed) > 50
    dearer = []
    for place in changed[::5].tolist():
        now = latents.relaxed[place].item()
        latents.relaxed[place] = nearest[place]
        dearer.append(cost(step) > decided)
        latents.relaxed[place] = now
    assert np.mean(dearer) > 0.9


def test_coarser_levels_and_all_after_the_time_is_up_stay(step: GridStep) -> None:
    latents = step.latents
    nearest = latents.relaxed.clone()
    decide(step, latents, 3, lattices=0)
    assert torch.equal(latents.relaxed, nearest)
    decide(step, latents, 1)
    for i, (_, level) in enumerate(latents.grids):
        is_same = torch.equal(latents.grid(latents.relaxed, i), latents.grid(nearest, i))
        assert is_same == (level > 1)


@pytest.mark.parametrize("size", [(1, 1), (3, 8), (23, 11)])
def test_lattices_hold_every_latent_once(size: tuple[int, int]) -> None:
    visits = np.zeros(size, int)
    for lattice in lattices(size):
        visits[lattice.places] += 1
    assert (visits == 1).all()


@pytest.mark.parametrize("size", [(6, 4), (23, 11)])
def test_cells_hold_every_sample_once_and_the_latent_in_their_middle(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    maps = [
        (0, rng.random((4 * size[0] - 1, 4 * size[1]), np.float32)),
        (2, np.zeros(size, np.float32)),
    ]
    for lattice in lattices(size):
        sums = lattice.sums(maps, 2)
        assert sums.sum() == pytest.approx(float(maps[0][1].sum()), rel=1e-5)
        here = np.zeros(size, np.float32)
        here[lattice.places] = 1
        np.testing.assert_array_equal(lattice.sums([(2, here)], 2), 1)


def test_a_cell_reaches_half_the_way_to_the_next_latent() -> None:
    size = 3 * SPACING, 1
    lattice = next(lattice for lattice in lattices(size) if lattice.top == 3)
    finer = np.arange(2 * size[0], dtype=np.float32)[:, None]
    expected = [finer[: 2 * 6].sum(), finer[2 * 6 : 2 * 11].sum(), finer[2 * 11 :].sum()]
    assert lattice.sums([(0, finer)], 1).ravel().tolist() == expected


def test_of_every_cell_the_better_costs_are_kept() -> None:
    lattice = next(lattices((10, 6)))
    after, before = (np.full((20, 12), x, np.float32) for x in (1, 2))
    better = np.array([[True, False], [False, False]])
    ((level, chosen),) = lattice.chosen(better, [(0, after)], [(0, before)], 1)
    assert level == 0
    wanted = before.copy()
    wanted[:6, :6] = 1
    np.testing.assert_array_equal(chosen, wanted)

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from imgnet.fit.engine.latents import LatentGrids
from imgnet.fit.engine.reference import ReferenceEvaluator
from imgnet.fit.engine.tiling import Evaluator
from imgnet.fit.grid.latent_rdoq import (
    SPACING,
    LatentRDOQ,
    VoronoiRegions,
    local_maxima,
    max_pool,
    ranked,
)
from imgnet.spec import Spec
from support.evaluators import rounded_step

pytestmark = pytest.mark.usefixtures("one_thread")

SPEC = Spec("grid", 61, 43, 0, 8, 1, num_levels=4, chroma_level=2, dim_context=6)
LMBDA = 2e-3


@pytest.fixture
def step(workers: ThreadPoolExecutor) -> ReferenceEvaluator:
    """A network whose latents lie between whole numbers, on a picture."""
    return rounded_step(SPEC, workers)


def run_rdoq(step: Evaluator, latents: LatentGrids, coarsest: int, rounds: float = np.inf) -> None:
    asked, size = iter(range(10_000)), (SPEC.height, SPEC.width, 3)
    LatentRDOQ(latents, step, LMBDA, size, 1e-4, lambda: next(asked) < rounds).run(coarsest)


def cost(step: ReferenceEvaluator) -> float:
    rows = [(0, SPEC.height)]
    return step.measure_error(rows) + LMBDA * step.measure_bits(rows)


def test_rdoq_makes_a_picture_cheaper(step: ReferenceEvaluator) -> None:
    before = cost(step)
    run_rdoq(step, step.latents, 3)
    assert cost(step) < 0.97 * before


def test_a_second_pass_finds_a_little_more(step: ReferenceEvaluator) -> None:
    costs = [cost(step)]
    for _ in range(2):
        run_rdoq(step, step.latents, 3)
        costs.append(cost(step))
    assert costs[2] < costs[1]
    assert costs[1] - costs[2] < 0.5 * (costs[0] - costs[1])


def test_latents_move_by_one_and_stay_whole(step: ReferenceEvaluator) -> None:
    nearest = step.latents.relaxed.clone()
    run_rdoq(step, step.latents, 3)
    changes = step.latents.relaxed - nearest
    assert set(changes.unique().tolist()) == {-1.0, 0.0, 1.0}


def test_a_round_that_saves_little_is_the_last(step: ReferenceEvaluator) -> None:
    asked, size = [], (SPEC.height, SPEC.width, 3)
    LatentRDOQ(step.latents, step, LMBDA, size, 1.0, lambda: asked.append(1) is None).run(0)
    assert len(asked) == 2  # before the slopes and before the only round of the one grid


def test_every_single_change_pays(step: ReferenceEvaluator) -> None:
    """Undone alone, a change makes the picture dearer; those that do not are few."""
    latents = step.latents
    nearest = latents.relaxed.clone()
    run_rdoq(step, latents, 0)
    decided = cost(step)
    changed = (latents.relaxed != nearest).nonzero().ravel()
    assert len(changed) > 50
    dearer = []
    for place in changed[::20].tolist():
        now = latents.relaxed[place].item()
        latents.relaxed[place] = nearest[place]
        dearer.append(cost(step) > decided)
        latents.relaxed[place] = now
    assert np.mean(dearer) > 0.9


def test_coarser_levels_and_all_after_the_time_is_up_stay(step: ReferenceEvaluator) -> None:
    latents = step.latents
    nearest = latents.relaxed.clone()
    run_rdoq(step, latents, 3, rounds=0)
    assert torch.equal(latents.relaxed, nearest)
    run_rdoq(step, latents, 1)
    for i, (_, level) in enumerate(latents.grids):
        is_same = torch.equal(latents.grid(latents.relaxed, i), latents.grid(nearest, i))
        assert is_same == (level > 1)


def test_of_latents_that_are_tried_none_is_near_another() -> None:
    gains = np.random.default_rng(0).random((40, 31), np.float32) - 0.5
    tried = local_maxima(ranked(np.maximum(gains, 0)) * (gains > 0))
    rows, columns = tried.nonzero()
    apart = np.maximum(abs(rows[:, None] - rows), abs(columns[:, None] - columns))
    np.fill_diagonal(apart, SPACING)
    assert apart.min() == SPACING
    assert gains[tried].min() > 0
    assert tried[np.unravel_index(gains.argmax(), gains.shape)]
    assert tried.sum() > 0.5 * gains.size / (2 * SPACING - 1) ** 2


def test_equal_gains_do_not_make_neighbours_of_latents_that_are_tried() -> None:
    tried = local_maxima(ranked(np.ones((8, 8), np.float32)))
    assert tried.sum() in range(1, 5)


def test_the_largest_number_within_reach_is_found() -> None:
    numbers = np.random.default_rng(0).integers(1, 99, (9, 4))
    around = max_pool(numbers, 2)
    for y, x in np.ndindex(numbers.shape):
        nearby = numbers[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3]
        assert around[y, x] == nearby.max()


def latents_at(size: tuple[int, int], *places: tuple[int, int]) -> NDArray[np.bool_]:
    latents = np.zeros(size, np.bool_)
    for place in places:
        latents[place] = True
    return latents


def test_regions_share_out_the_costs_of_a_map() -> None:
    rng = np.random.default_rng(0)
    regions = VoronoiRegions.around(latents_at((5, 20), (2, 3), (2, 8)), 2)
    maps = [(0, rng.random((19, 80), np.float32)), (2, rng.random((5, 20), np.float32))]
    none, left, right = regions.sums(maps)
    assert none + left + right == pytest.approx(sum(float(m.sum()) for _, m in maps), rel=1e-6)
    # The region on the right ends at its largest radius, that on the left half-way.
    edge = 8 + SPACING
    assert none == pytest.approx(maps[0][1][:, 4 * edge :].sum() + maps[1][1][:, edge:].sum())
    assert left == pytest.approx(maps[0][1][:, :24].sum() + maps[1][1][:, :6].sum())


def test_maps_are_merged_region_by_region() -> None:
    regions = VoronoiRegions.around(latents_at((4, 10), (1, 2), (1, 7)), 1)
    after, before = (np.full((8, 20), x, np.float32) for x in (1, 2))
    ((level, chosen),) = regions.merge(np.array([False, True, False]), [(0, after)], [(0, before)])
    assert level == 0
    wanted = before.copy()
    wanted[:, : 2 * 5] = 1
    np.testing.assert_array_equal(chosen, wanted)

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch

from imgnet.fit.engine.tiling import STRIP_UNIT
from imgnet.fit.grid.state import GridState
from imgnet.request.efforts import Schedule
from imgnet.spec import Spec
from support.pictures import Pixels, picture

pytestmark = pytest.mark.usefixtures("one_thread")

SPEC = Spec("grid", 20, 3 * STRIP_UNIT, 0, 4, 1, num_levels=3, chroma_level=1, dim_context=4)
PIXELS = picture(20, 3 * STRIP_UNIT)
LMBDA = 1e-3
SCHEDULE = Schedule(30, 20 * STRIP_UNIT)  # one of three strips a step


def state_of(workers: ThreadPoolExecutor, seed: int = 0, pixels: Pixels = PIXELS) -> GridState:
    cpu = torch.device("cpu")
    return GridState(SPEC, pixels, SCHEDULE, LMBDA, None, workers, cpu, seed)


@pytest.fixture
def state(workers: ThreadPoolExecutor) -> GridState:
    return state_of(workers)


def test_every_band_is_seen_once_before_any_comes_again(state: GridState) -> None:
    for _ in range(2):
        seen = {state.take_step(0.5, 0.5, LMBDA) for _ in range(3)}
        assert seen == set(state.all_rows)
    assert set(state.epochs.values()) == {2}


def test_the_learning_rates_are_those_of_the_schedule(workers: ThreadPoolExecutor) -> None:
    calm = replace(SCHEDULE, latent_lr_scale=0.5, network_lr_scale=0.25)
    usual, slow = (
        GridState(SPEC, PIXELS, schedule, LMBDA, None, workers, torch.device("cpu"), 0)
        for schedule in (SCHEDULE, calm)
    )
    assert slow.latent_lr == usual.latent_lr / 2
    rates = [[g["peak_lr"] for g in s.weights.optimizer.param_groups] for s in (usual, slow)]
    assert rates[1] == pytest.approx([rate / 4 for rate in rates[0]])


def test_steps_make_a_picture_cheaper(state: GridState) -> None:
    def cost() -> float:
        state.latents.round()
        error, bits = state.measure()
        return error + LMBDA * bits

    before = cost()
    for step in range(30):
        state.take_step(step / 30, step / 30, LMBDA)
    assert state.step == 30
    assert cost() < 0.9 * before


@pytest.mark.parametrize("colour", [(0, 0, 0), (17, 93, 201)])
def test_latents_of_one_colour_stay_where_they_are(
    workers: ThreadPoolExecutor, colour: tuple[int, int, int]
) -> None:
    pixels = np.empty_like(PIXELS)
    pixels[:] = colour
    state = state_of(workers, pixels=pixels)
    before = state.latents.values.clone()
    for _ in range(9):
        state.take_step(0.5, 0.5, LMBDA)
    assert torch.equal(state.latents.values, before)


def test_a_seed_gives_the_same_state_again(workers: ThreadPoolExecutor) -> None:
    values = []
    for seed in (0, 0, 1):
        state = state_of(workers, seed)
        for _ in range(4):
            state.take_step(0.5, 0.5, LMBDA)
        values.append(state.latents.values.clone())
    assert torch.equal(values[0], values[1])
    assert not torch.equal(values[0], values[2])


def test_network_steps_leave_latents_as_they_are(state: GridState) -> None:
    state.latents.round()
    latents = state.latents.relaxed.clone()
    before = {name: weight.detach().clone() for name, weight in state.parameters.items()}
    state.take_network_step(0.5, LMBDA)
    assert torch.equal(state.latents.relaxed, latents)
    assert any(not torch.equal(w, before[name]) for name, w in state.parameters.items())


def test_a_snapshot_has_rounded_latents_and_weights_in_their_steps(state: GridState) -> None:
    name = "hidden.weight"
    snapshot = state.snapshot({name: 100})
    real = state.parameters[name].detach().numpy()
    assert not np.array_equal(snapshot[name], real)
    for other, weight in state.parameters.items():
        if other != name:
            np.testing.assert_array_equal(snapshot[other], weight.detach().numpy())
    for grid in state.latents.names:
        np.testing.assert_array_equal(snapshot[grid], snapshot[grid].round())

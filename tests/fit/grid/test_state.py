from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from imgnet.encoder.prior import FOR_DETAIL, FOR_SMOOTH, with_prior
from imgnet.fit.engine.tiling import STRIP_UNIT
from imgnet.fit.grid.state import (
    LATENT_LR,
    NOISE,
    SHYNESS,
    TEMPERATURE,
    WARM_UP,
    GridState,
)
from imgnet.request.efforts import FEW_EPOCHS, Preset
from imgnet.spec import Spec, usual_grid_sizes
from support.grid_cases import Pixels, picture

pytestmark = pytest.mark.usefixtures("one_thread")

SPEC = Spec("grid", 20, 3 * STRIP_UNIT, 0, 4, 1, num_levels=3, chroma_level=1, dim_context=4)
PIXELS = picture(20, 3 * STRIP_UNIT)
LMBDA = 1e-3


def state_of(workers: ThreadPoolExecutor, seed: int = 0, pixels: Pixels = PIXELS) -> GridState:
    preset = Preset(30, 20 * STRIP_UNIT)  # one of three bands a step
    cpu = torch.device("cpu")
    return GridState(SPEC, pixels, preset, LMBDA, None, workers, cpu, seed)


@pytest.fixture
def workers() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


@pytest.fixture
def state(workers: ThreadPoolExecutor) -> GridState:
    return state_of(workers)


def test_every_band_is_seen_once_before_any_comes_again(state: GridState) -> None:
    for _ in range(2):
        seen = {state.take_step(0.5, 0.5, LMBDA) for _ in range(3)}
        assert seen == set(state.all_rows)
    assert set(state.epochs.values()) == {2}


def test_short_fits_stir_up_less_where_a_network_wrote_the_latents(
    workers: ThreadPoolExecutor,
) -> None:
    sizes = usual_grid_sizes(96, 64)
    found = []
    for prior in ("", FOR_SMOOTH, FOR_DETAIL):
        spec = with_prior(Spec("grid", 96, 64, dim_axis=0, **sizes), prior, 0)
        for steps in (5, 15, 200):
            preset, cpu = Preset(steps, 96 * 64), torch.device("cpu")
            state = GridState(spec, picture(96, 64), preset, LMBDA, None, workers, cpu, 0)
            rates = [group["peak_lr"] for group in state.weights.optimizer.param_groups]
            starts = state.temperature[0], state.noise[0], state.warm_up
            found.append((state.latent_lr / LATENT_LR, starts, max(rates)))
    cold, smooth, detail = found[:3], found[3:6], found[6:]
    assert cold[0] == cold[1] == cold[2]
    for first in (smooth, detail):
        assert first[0][2] / first[2][2] == pytest.approx(5 / FEW_EPOCHS)
    assert [lr for lr, _, _ in smooth] == pytest.approx([0.05**SHYNESS, 0.15**SHYNESS, 1])
    assert [lr for lr, _, _ in detail] == pytest.approx([0.05, 0.15, 1])
    hot, noisy, slow = zip(*(starts for _, starts, _ in found), strict=True)
    assert hot[3] == hot[5] == hot[8] == TEMPERATURE[0] > hot[7] > hot[6]
    assert noisy[0] == noisy[6] == noisy[5] == NOISE[0] > noisy[4] > noisy[3]
    assert slow[0] == slow[6] == slow[5] == WARM_UP > slow[4] > slow[3] == 1


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

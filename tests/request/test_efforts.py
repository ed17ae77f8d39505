from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from imgnet.codec.format.usual_sizes import usual_grid_sizes
from imgnet.errors import UsageError
from imgnet.request.efforts import (
    COORDINATE_PRESETS,
    EFFORTS,
    FEW_EPOCHS,
    GRID_PRESETS,
    LONG_MEMORY,
    MANY_EPOCHS,
    NOISE,
    SHORT_MEMORY,
    TEMPERATURE,
    USUAL_PIXELS,
    WARM_UP,
    FirstLatents,
    Schedule,
    schedule_for,
)
from imgnet.spec import Spec

GRID = Spec("grid", 96, 64, dim_axis=0, **usual_grid_sizes(96, 64))
NUM_PIXELS = 96 * 64


def test_every_effort_has_a_schedule() -> None:
    assert list(EFFORTS) == list(range(1, 10))
    for effort in EFFORTS:
        assert schedule_for(effort, "gated") == schedule_for(effort, "mlp")
        assert schedule_for(effort, "grid") != schedule_for(effort, "mlp")


@pytest.mark.parametrize("presets", [COORDINATE_PRESETS, GRID_PRESETS], ids=["gated", "grid"])
def test_more_effort_sees_more_pixels(presets: dict[int, Schedule]) -> None:
    for lower, higher in pairwise(presets.values()):
        assert higher.steps > lower.steps
        assert higher.pixels_per_step >= lower.pixels_per_step


def test_a_part_of_every_fit_is_taken_on_rounded_weights() -> None:
    for schedule in [*COORDINATE_PRESETS.values(), *GRID_PRESETS.values()]:
        assert 0 < schedule.quantized < 1


def of_size(effort: int, width: int, height: int) -> Schedule:
    """Return the schedule of an effort for an image."""
    return schedule_for(effort, "grid").for_network(replace(GRID, width=width, height=height))


@pytest.mark.parametrize("size", [(10, 10), (768, 512)])
def test_images_of_usual_size_and_below_get_the_steps_of_the_table(size: tuple[int, int]) -> None:
    assert of_size(3, *size) == schedule_for(3, "grid")


@pytest.mark.parametrize("effort", [1, 3, 7])
def test_large_images_get_fewer_epochs_but_no_fewer_steps(effort: int) -> None:
    pixels = [USUAL_PIXELS * 4**i for i in range(4)]
    schedules = [of_size(effort, 1024, count // 1024) for count in pixels]
    epochs = [s.epochs(count) for s, count in zip(schedules, pixels, strict=True)]
    assert epochs == sorted(epochs, reverse=True)
    assert epochs[3] == pytest.approx(epochs[0] / 4, rel=0.02)
    assert min(s.steps for s in schedules) == schedules[0].steps
    assert all(s.steps <= 97 * e for s, e in zip(schedules, epochs, strict=True))


def test_a_network_without_its_finest_level_gets_more_steps() -> None:
    schedule = Schedule(1500, 4096)
    assert schedule.for_network(replace(GRID, finest=1, chroma_level=2)).steps == 2000


@pytest.mark.parametrize(("dim_hidden", "steps"), [(8, 1500), (180, 1000), (300, 1000)])
def test_a_small_coordinate_network_gets_more_steps(dim_hidden: int, steps: int) -> None:
    spec = Spec("mlp", 96, 64, 0, dim_hidden, 3)
    assert Schedule(1000, 4096).for_network(spec).steps == steps


@pytest.mark.parametrize("first", ["pyramids", "analysis"])
def test_a_long_fit_from_a_prior_starts_in_the_usual_way(first: FirstLatents) -> None:
    schedule = Schedule(MANY_EPOCHS, NUM_PIXELS)
    started = schedule.for_start(NUM_PIXELS, first)
    assert replace(started, latent_memory=schedule.latent_memory) == schedule


@pytest.mark.parametrize("first", ["cold", "pyramids", "analysis"])
def test_a_long_fit_remembers_more_gradients_of_latents(first: FirstLatents) -> None:
    starts = [Schedule(n, NUM_PIXELS).for_start(NUM_PIXELS, first) for n in (10, 350, 2000, 9000)]
    memories = [start.latent_memory for start in starts]
    assert memories == sorted(memories)
    assert memories[0] == SHORT_MEMORY < memories[1] < memories[2] == memories[3] == LONG_MEMORY


def test_latents_of_a_long_fit_from_random_weights_move_faster() -> None:
    short, long = (Schedule(n, NUM_PIXELS).for_start(NUM_PIXELS, "cold") for n in (10, 2000))
    assert short.latent_lr_scale == 1 < long.latent_lr_scale < 2


@pytest.mark.parametrize("epochs", [5, 15])
def test_a_short_fit_from_pyramids_has_less_noise_and_warm_up(epochs: int) -> None:
    usual = Schedule(epochs, NUM_PIXELS)
    calm = usual.for_start(NUM_PIXELS, "pyramids")
    assert calm.network_lr_scale == epochs / FEW_EPOCHS
    assert epochs / MANY_EPOCHS < calm.latent_lr_scale < 1
    assert NOISE[1] < calm.noise[0] < NOISE[0]
    assert calm.noise[1] == NOISE[1]
    assert 1 <= calm.warm_up < WARM_UP
    assert calm.temperature == TEMPERATURE


@pytest.mark.parametrize("epochs", [5, 15])
def test_a_short_fit_from_an_analysis_moves_latents_and_relaxes_them_less(epochs: int) -> None:
    calm = Schedule(epochs, NUM_PIXELS).for_start(NUM_PIXELS, "analysis")
    assert calm.network_lr_scale == epochs / FEW_EPOCHS
    assert calm.latent_lr_scale == epochs / MANY_EPOCHS
    assert TEMPERATURE[1] < calm.temperature[0] < TEMPERATURE[0]
    assert (calm.noise, calm.warm_up) == (NOISE, WARM_UP)


def test_a_start_is_no_calmer_for_being_asked_for_twice() -> None:
    calm = Schedule(5, NUM_PIXELS).for_start(NUM_PIXELS, "pyramids")
    assert calm.for_start(NUM_PIXELS, "pyramids") == calm


def test_long_fits_have_trials() -> None:
    assert schedule_for(3, "grid").has_trials(NUM_PIXELS)
    for pixels in (100, USUAL_PIXELS, 1 << 21, 1 << 24):
        assert not of_size(1, 1024, -(-pixels // 1024)).has_trials(pixels)


@pytest.mark.parametrize("model", ["gated", "grid"])
@pytest.mark.parametrize("effort", [0, 10, -1])
def test_other_efforts_are_refused(effort: int, model: str) -> None:
    with pytest.raises(UsageError, match=rf"effort {effort} is not in 1\.\.9"):
        schedule_for(effort, model)

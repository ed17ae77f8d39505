from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import imgnet
from imgnet import api
from imgnet.arrays import Parameters
from imgnet.codec.format import grid_stream
from imgnet.codec.format.grid_stream import LARGEST_INTEGER
from imgnet.codec.format.quantized import q_index_of_bits, q_step_of
from imgnet.codec.render.grid import render
from imgnet.errors import UsageError
from imgnet.fit.grid import schedule
from imgnet.fit.grid.fit import fit_grid
from imgnet.fit.grid.schedule import FINE, FINE_AT_END, GridFit
from imgnet.fit.grid.start import latent_q_step_at
from imgnet.fit.grid.state import GridState
from imgnet.fit.rounding import rounded
from imgnet.image.files import read_image
from imgnet.image.masks import sample_mask
from imgnet.metrics.psnr import psnr_db
from imgnet.progress import Progress
from imgnet.request.efforts import VERY_FEW_EPOCHS, Schedule
from imgnet.request.options import LEAST_STEPS, Options, Result
from imgnet.spec import MAX_LEVELS, Spec
from support.paths import SAMPLES
from support.pictures import Pixels, picture

pytestmark = pytest.mark.usefixtures("one_thread")

LMBDA = 6e-4
SPEC = Spec("grid", 48, 40, 0, 8, 1, num_levels=3, chroma_level=1, dim_context=6)
SHORT = Schedule(steps=40, pixels_per_step=4096, quantized=0.2)
QUICK = Options(SHORT, device="cpu")
TINY = replace(QUICK, schedule=replace(SHORT, steps=8))


def small_spec(width: int, height: int, channels: int) -> Spec:
    num_levels = 2 if min(width, height) > 1 else 1
    return Spec(
        "grid", width, height, 0, 4, 1,
        dim_out=channels, num_levels=num_levels, chroma_level=num_levels - 1, dim_context=3,
    )  # fmt: skip


SMALL, PIXELS = small_spec(24, 20, 3), picture(24, 20)


@pytest.fixture(scope="module")
def fitted() -> Result:
    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    result = fit_grid(SPEC, picture(), QUICK, LMBDA)
    torch.set_num_threads(num_threads)
    return result


def stored(spec: Spec, result: Result) -> bytes:
    assert result.quantized is not None
    return grid_stream.pack(spec, result.quantized, 0)


def flat_psnr_db(pixels: Pixels) -> float:
    mean = pixels.mean(axis=(0, 1)).round().astype(np.uint8)
    return psnr_db(pixels, np.broadcast_to(mean, pixels.shape))


def drawn_psnr_db(spec: Spec, result: Result, pixels: Pixels) -> float:
    return psnr_db(pixels, render(spec, result.parameters))


def test_a_short_fit_learns(fitted: Result) -> None:
    assert drawn_psnr_db(SPEC, fitted, picture()) > flat_psnr_db(picture()) + 12
    # So few steps differ much from seed to seed.
    others = [fit_grid(SPEC, picture(), replace(QUICK, seed=seed), LMBDA) for seed in (1, 2)]
    num_bytes = [len(stored(SPEC, result)) for result in (fitted, *others)]
    assert sum(num_bytes) / 3 < picture().size / 5
    assert {name: array.shape for name, array in fitted.parameters.items()} == SPEC.shapes()
    assert (fitted.steps, fitted.device) == (SHORT.steps, "cpu")


def test_what_is_stored_is_what_was_fitted(fitted: Result) -> None:
    again = grid_stream.unpack(SPEC, stored(SPEC, fitted))
    assert again.keys() == fitted.parameters.keys()
    for name, tensor in again.items():
        np.testing.assert_array_equal(tensor.dequantize(), fitted.parameters[name])


def test_rounded_weights_cost_little(monkeypatch: pytest.MonkeyPatch) -> None:
    costs: list[float] = []

    def keep_cost(fit: GridFit) -> None:
        error, bits = fit.state.measure()
        costs.append(error + LMBDA * bits)
        finish(fit)
        with rounded(fit.state.parameters, fit.q_steps, fit.state.prior):
            error, bits = fit.state.measure()
        costs.append(error + LMBDA * bits)

    finish = GridFit.finish
    monkeypatch.setattr(GridFit, "finish", keep_cost)
    fit_grid(SPEC, picture(), replace(QUICK, schedule=replace(SHORT, steps=400)), LMBDA)
    assert costs[1] < 1.4 * costs[0]  # of so few pixels bits of weights are dear


@pytest.mark.parametrize(
    ("runs", "epochs", "wanted"),
    [
        (1, VERY_FEW_EPOCHS, [(1.0, MAX_LEVELS, True)]),
        (1, VERY_FEW_EPOCHS - 1, [(1.0, FINE_AT_END, True)]),
        (2, VERY_FEW_EPOCHS, [(0.95, FINE, False), (1.0, MAX_LEVELS, True)]),
    ],
)
def test_weights_are_rounded_when_the_network_has_settled(
    runs: int,
    epochs: int,
    wanted: list[tuple[float, int, bool]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found: list[tuple[float, int, bool]] = []
    steps, pixels = 20 * epochs, SMALL.width * SMALL.height // 20
    schedule = replace(
        SHORT, steps=steps, pixels_per_step=pixels, quantized=0.1, latent_rdoq_runs=runs
    )

    def note(fit: GridFit, coarsest: int = MAX_LEVELS, *, is_short: bool = False) -> None:
        assert is_short == (coarsest == FINE_AT_END)
        found.append((fit.state.step / steps, coarsest, bool(fit.q_steps)))

    monkeypatch.setattr(GridFit, "run_latent_rdoq", note)
    fit_grid(SMALL, PIXELS, replace(QUICK, schedule=schedule), LMBDA)
    assert found == [(pytest.approx(done, abs=1 / steps), *rest) for done, *rest in wanted]


def test_dear_bits_give_small_files(fitted: Result) -> None:
    dear = fit_grid(SPEC, picture(), QUICK, 30 * LMBDA)
    assert len(stored(SPEC, dear)) < 0.8 * len(stored(SPEC, fitted))
    assert drawn_psnr_db(SPEC, dear, picture()) < drawn_psnr_db(SPEC, fitted, picture()) - 2
    assert latent_q_step_at(30 * LMBDA, False) > 5 * latent_q_step_at(LMBDA, False)


@pytest.mark.parametrize("threads", [1, 3])
def test_the_same_seed_gives_the_same_bytes(threads: int) -> None:
    torch.set_num_threads(threads)
    first, again, other = (
        stored(SMALL, fit_grid(SMALL, PIXELS, replace(TINY, seed=seed), LMBDA))
        for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other
    assert torch.get_num_threads() == threads


def ticks() -> Callable[[], float]:
    """Return a clock that is a second later at every look."""
    return count().__next__


def test_a_fit_keeps_to_its_time() -> None:
    endless = replace(QUICK, schedule=replace(SHORT, steps=100_000), time_limit_s=300.0)
    result = fit_grid(SMALL, PIXELS, replace(endless, clock=ticks()), LMBDA)
    assert 60 < result.steps <= 100
    assert drawn_psnr_db(SMALL, result, PIXELS) > flat_psnr_db(PIXELS) + 5


def test_a_fit_without_time_still_gives_a_likeness() -> None:
    endless = replace(QUICK, schedule=replace(SHORT, steps=100_000), time_limit_s=1e-6)
    result = fit_grid(SMALL, PIXELS, endless, LMBDA)
    assert result.steps == LEAST_STEPS
    assert drawn_psnr_db(SMALL, result, PIXELS) > flat_psnr_db(PIXELS) + 5


def test_a_slow_start_is_a_part_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now, init = [0.0], GridState.__init__

    def slow(*args: Any, **options: Any) -> None:
        now[0] += 90
        init(*args, **options)

    monkeypatch.setattr(GridState, "__init__", slow)
    endless = replace(QUICK, schedule=replace(SHORT, steps=100_000), time_limit_s=80.0)
    result = fit_grid(SMALL, PIXELS, replace(endless, clock=lambda: now[0]), LMBDA)
    assert result.steps == LEAST_STEPS


@pytest.mark.parametrize(
    ("width", "height", "channels"),
    [(1, 1, 3), (1, 1, 1), (1, 9, 2), (9, 1, 4), (17, 5, 1), (17, 5, 2), (17, 5, 4)],
)
def test_pictures_of_any_shape(width: int, height: int, channels: int) -> None:
    spec, pixels = small_spec(width, height, channels), picture(width, height, channels)
    result = fit_grid(spec, pixels, replace(TINY, schedule=replace(SHORT, steps=3)), LMBDA)
    drawn = render(spec, {n: t.dequantize() for n, t in
                        grid_stream.unpack(spec, stored(spec, result)).items()})  # fmt: skip
    assert drawn.shape == pixels.shape
    assert np.abs(drawn.astype(int) - pixels).mean() < 25


HARD = {
    "black": np.zeros((20, 24, 3), np.uint8),
    "white": np.full((20, 24, 3), 255, np.uint8),
    "bright": 255 - picture(24, 20) // 4,
    "checkers": np.repeat(255 * (np.indices((20, 24)).sum(0) % 2)[..., None], 3, 2).astype("u1"),
    "noise": np.random.default_rng(0).integers(0, 256, (20, 24, 3), np.uint8),
}


@pytest.mark.parametrize("name", HARD)
def test_hard_pictures_neither_raise_nor_collapse(name: str) -> None:
    pixels, spec = HARD[name], small_spec(24, 20, 3)
    result = fit_grid(spec, pixels, replace(QUICK, schedule=replace(SHORT, steps=25)), LMBDA)
    assert stored(spec, result)
    drawn = render(spec, result.parameters)
    if len(np.unique(pixels)) == 1:
        assert psnr_db(pixels, drawn) > 45
    else:
        assert psnr_db(pixels, drawn) > flat_psnr_db(pixels) + 3
        assert drawn.std() > 0.5 * pixels.std()


@pytest.mark.parametrize("kind", ["random", "one"])
def test_unseen_pixels_have_no_influence(kind: str) -> None:
    rng = np.random.default_rng(0)
    mask = rng.random((20, 24)) < 0.4
    if kind == "one":
        mask = np.zeros((20, 24), bool)
        mask[15, 3] = True
    changed = np.where(mask[:, :, None], PIXELS, rng.integers(0, 256, (20, 24, 3), np.uint8))
    results = [fit_grid(SMALL, p, TINY, LMBDA, mask) for p in (PIXELS, changed)]
    assert stored(SMALL, results[0]) == stored(SMALL, results[1])
    if kind == "random":
        darker = np.where(mask[:, :, None], changed // 2, changed)
        assert stored(SMALL, fit_grid(SMALL, darker, TINY, LMBDA, mask)) != stored(
            SMALL, results[0]
        )


def test_the_best_quality_keeps_the_finest_colours() -> None:
    y, x = np.mgrid[0:48, 0:64]
    texture = 30 * np.sin(np.stack([x * 2.1 + y, y * 1.9 - x, x + y * 2.3], axis=2))
    pixels = np.clip(picture(64, 48) * 0.7 + 40 + texture, 0, 255).astype(np.uint8)
    encoded = imgnet.encode(pixels, quality=100, effort=1)
    assert encoded.report is not None
    assert encoded.report.psnr_db > 44


def test_seen_pixels_are_fitted() -> None:
    mask = np.random.default_rng(0).random((20, 24)) < 0.5
    noise = np.random.default_rng(1).integers(0, 256, (20, 24, 3), np.uint8)
    mixed = np.where(mask[:, :, None], PIXELS, noise)
    drawn = render(SMALL, fit_grid(SMALL, mixed, QUICK, LMBDA, mask).parameters)
    assert psnr_db(PIXELS, drawn, mask) > flat_psnr_db(PIXELS) + 8


def test_snapshots_come_every_n_steps_and_are_all_but_what_is_stored() -> None:
    taken: dict[int, Parameters] = {}

    def keep(spec: Spec, step: int, parameters: Parameters) -> None:
        assert spec == SMALL
        taken[step] = parameters

    watched = replace(QUICK, snapshot_every=10, on_snapshot=keep)
    result = fit_grid(SMALL, PIXELS, watched, LMBDA)
    assert list(taken) == [10, 20, 30, 40]
    assert {name: array.shape for name, array in taken[10].items()} == SMALL.shapes()
    assert result.quantized is not None
    for name, tensor in result.quantized.items():
        error = np.abs(tensor.dequantize() - taken[40][name]).max()
        # Weights are rounded behind the last step.
        most = 0 if name.startswith("latents.") else 0.5001 * q_step_of(tensor.q_index)
        assert error <= most, name
    assert psnr_db(PIXELS, render(SMALL, taken[10])) > flat_psnr_db(PIXELS) + 5


@pytest.mark.parametrize("masked", [False, True])
def test_progress_counts_up(masked: bool) -> None:
    told: list[Progress] = []
    drawn: list[Pixels] = []
    mask = np.random.default_rng(0).random((20, 24)) < 0.1 if masked else None
    watched = replace(
        QUICK,
        on_progress=told.append,
        clock=ticks(),
        snapshot_every=SHORT.steps,
        on_snapshot=lambda spec, _, parameters: drawn.append(render(spec, parameters)),
    )
    fit_grid(SMALL, PIXELS, watched, LMBDA, mask)
    assert [p.step for p in told] == list(range(1, SHORT.steps + 1))
    assert all(p.steps == pytest.approx(SHORT.steps, abs=2) for p in told)
    # That of the pixels seen, however few they are, before the weights are rounded.
    assert told[-1].psnr_db == pytest.approx(psnr_db(PIXELS, drawn[-1], mask), abs=0.5)
    assert 0 < told[-1].bpp < 24
    elapsed = [p.elapsed_s for p in told]
    assert elapsed == sorted(elapsed)
    assert told[-1].remaining_s < told[0].remaining_s + 1


def test_weights_stay_where_a_file_can_hold_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where training goes on until they outgrow the steps that were chosen for them."""

    def much_too_fine(_spec: object, parameters: dict[str, Any], *_rest: object) -> dict[str, int]:
        return dict.fromkeys(parameters, q_index_of_bits(12))

    monkeypatch.setattr(schedule, "choose_q_steps", much_too_fine)
    result = fit_grid(SMALL, PIXELS, TINY, LMBDA)
    assert stored(SMALL, result)
    largest = LARGEST_INTEGER * q_step_of(q_index_of_bits(12))
    assert np.abs(result.parameters["hidden.weight"]).max() == pytest.approx(largest)


def test_tall_pictures_are_seen_in_parts_and_learned_as_a_whole() -> None:
    spec = Spec("grid", 8, 300, 0, 4, 0, num_levels=2, chroma_level=1, dim_context=3)
    pixels = picture(8, 300)
    parts = Options(replace(SHORT, steps=50, pixels_per_step=64 * 8), device="cpu")
    drawn = render(spec, fit_grid(spec, pixels, parts, LMBDA).parameters)
    for top in range(0, 300, 60):
        rows = slice(top, top + 60)
        assert psnr_db(pixels[rows], drawn[rows]) > 25


def test_an_interrupt_passes_through() -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_grid(SMALL, PIXELS, replace(QUICK, snapshot_every=3, on_snapshot=interrupt), LMBDA)
    assert torch.get_num_threads() == 1


def test_an_unknown_device_is_refused() -> None:
    with pytest.raises(UsageError, match="abacus"):
        fit_grid(SMALL, PIXELS, replace(QUICK, device="abacus"), LMBDA)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_a_fit_on_cuda_gives_the_same_kind_of_file() -> None:
    result = fit_grid(SMALL, PIXELS, replace(QUICK, device="cuda"), LMBDA)
    assert result.device == "cuda"
    assert drawn_psnr_db(SMALL, result, PIXELS) > flat_psnr_db(PIXELS) + 8


def with_alpha(pixels: NDArray[np.uint8], hidden: int) -> NDArray[np.uint8]:
    """Make the right half of a picture transparent, with colours that nobody sees."""
    alpha = np.full_like(pixels[..., :1], 255)
    rgba = np.concatenate([pixels, alpha], axis=2)
    rgba[:, pixels.shape[1] // 2 :] = [hidden, 255 - hidden, hidden, 0]
    return rgba


def test_colours_that_nobody_sees_have_no_influence() -> None:
    spec = small_spec(24, 20, 4)
    rgba = with_alpha(PIXELS, 0)
    counted = sample_mask(rgba, None)
    result, other = (
        fit_grid(spec, with_alpha(PIXELS, hidden), TINY, LMBDA, counted) for hidden in (0, 200)
    )
    assert stored(spec, result) == stored(spec, other)
    drawn = render(spec, fit_grid(spec, rgba, QUICK, LMBDA, counted).parameters)
    assert psnr_db(rgba, drawn, counted) > flat_psnr_db(PIXELS)
    assert drawn[:, :10, 3].min() > 200
    assert drawn[:, 14:, 3].max() < 50


def test_16_bits_are_fitted_like_8() -> None:
    deep = fit_grid(SMALL, PIXELS.astype(np.uint16) * 257, TINY, LMBDA)
    shallow = fit_grid(SMALL, PIXELS, TINY, LMBDA)
    assert stored(SMALL, deep) == stored(SMALL, shallow)


def test_16_bits_are_more_than_8() -> None:
    """A slope that is flat in 8 bits comes back as a slope."""
    ramp = np.rint(np.linspace(30000, 30400, 24)).astype(np.uint16)
    pixels = np.broadcast_to(ramp[None, :, None], (20, 24, 3)).copy()
    drawn = render(SMALL, fit_grid(SMALL, pixels, QUICK, 1e-9).parameters, depth=16)
    assert np.corrcoef(drawn[10, :, 0], ramp)[0, 1] > 0.9


def test_a_psnr_that_is_asked_for_is_reached() -> None:
    chelsea = SAMPLES / "chelsea.png"
    pixels = read_image(chelsea)[0][90:122, 150:198]
    encoded = api.encode(pixels, target_psnr=32.0, effort=1, device="cpu")
    assert encoded.report is not None
    assert encoded.report.psnr_db == pytest.approx(32.0, abs=0.1)


def test_refined_weights_cost_less() -> None:
    costs = []
    for passes in (0, 2):
        options = replace(QUICK, schedule=replace(SHORT, weight_rdoq_passes=passes))
        result = fit_grid(SPEC, picture(), options, LMBDA)
        error = 10 ** (-drawn_psnr_db(SPEC, result, picture()) / 10)
        costs.append(error + LMBDA * 8 * len(stored(SPEC, result)) / (SPEC.width * SPEC.height))
    assert costs[1] < 0.97 * costs[0]


@pytest.mark.parametrize("limit", [{"time_limit_s": 1e-6}, {"should_stop": lambda: True}])
def test_nothing_is_refined_when_time_is_up(
    limit: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "WeightRDOQ", None)
    options = replace(QUICK, schedule=replace(SHORT, weight_rdoq_passes=1), **limit)
    assert fit_grid(SMALL, PIXELS, options, LMBDA).quantized


def test_the_weights_of_large_networks_are_left_as_they_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(schedule, "WeightRDOQ", None)
    monkeypatch.setattr(schedule, "MOST_WEIGHTS", SPEC.num_parameters // 100)
    options = replace(TINY, schedule=replace(TINY.schedule, weight_rdoq_passes=1))
    assert fit_grid(SMALL, PIXELS, options, LMBDA).quantized

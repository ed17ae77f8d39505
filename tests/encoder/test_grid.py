"""From request to encoded image; `grid` first of all, for `gated` and `mlp` see test_api.py."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from imgnet.codec.format.container import Encoded, from_bytes, to_bytes
from imgnet.codec.format.header import MODES
from imgnet.codec.render.grid import render
from imgnet.codec.render.resize import checksum
from imgnet.encoder.encode import fitted
from imgnet.errors import UsageError
from imgnet.fit.grid import pace
from imgnet.image.picture import Original, Profile
from imgnet.metrics.psnr import psnr_db
from imgnet.request.efforts import PLAIN_STEPS, Schedule, schedule_for
from imgnet.request.options import Options, Result
from imgnet.request.request import Request, Shape
from imgnet.request.target import PsnrTarget, SizeTarget
from support.paths import SAMPLES
from support.pictures import Pixels, picture

pytestmark = pytest.mark.usefixtures("one_thread")

QUICK = Options(Schedule(4, 4096, 0.25), device="cpu")


def encoded_with(
    pixels: Pixels | None = None, options: Options = QUICK, **request: Any
) -> tuple[Encoded, Result]:
    pixels = picture(24, 20) if pixels is None else pixels
    wanted = Request(**{"model": "grid", "shape": Shape(dim_hidden=6), **request})
    profile = Profile(next(mode for mode, count in MODES.items() if count == pixels.shape[2]))
    return fitted(wanted, Original(pixels, profile), options)


@pytest.fixture(scope="module")
def coded() -> tuple[Encoded, Result]:
    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    both = encoded_with()
    torch.set_num_threads(num_threads)
    return both


def test_the_stream_holds_the_fitted_network_and_the_checksum_of_its_pixels(
    coded: tuple[Encoded, Result],
) -> None:
    encoded, result = coded
    read = from_bytes(to_bytes(encoded))
    parameters = read.parameters()
    assert parameters.keys() == result.parameters.keys()
    for name, array in parameters.items():
        assert np.array_equal(array, result.parameters[name])
    assert read.pixels_crc == checksum(render(read.spec, parameters))
    assert read.spec.dim_hidden == 6


@pytest.mark.parametrize("weights", ["float16", "float32"])
def test_plain_weights_draw_the_same_pixels_and_say_nothing_of_them(
    weights: str, coded: tuple[Encoded, Result]
) -> None:
    encoded, _ = encoded_with(weights=weights)
    assert encoded.weights == weights
    assert encoded.pixels_crc is None
    read = from_bytes(to_bytes(encoded))
    assert np.array_equal(
        render(read.spec, read.parameters()), render(read.spec, coded[0].parameters())
    )


def test_low_quality_makes_small_files() -> None:
    pixels = np.random.default_rng(0).integers(60, 200, (24, 32, 3), np.uint8)
    sizes = [len(to_bytes(encoded_with(pixels, quality=q)[0])) for q in (10, 50, 90)]
    assert sizes == sorted(sizes)
    assert sizes[2] > 1.5 * sizes[0]


def test_a_target_is_never_exceeded() -> None:
    """Also where a short fit lands above it: latents move towards zero until it holds."""
    pixels = np.random.default_rng(0).integers(90, 160, (24, 24, 3), np.uint8)
    short = replace(QUICK, schedule=Schedule(100, 4096, 0.2))
    usual, _ = encoded_with(pixels, short)
    target = int(0.8 * len(to_bytes(usual)))
    encoded, result = encoded_with(pixels, short, target=SizeTarget(target))
    assert 0.93 * target < len(to_bytes(encoded)) <= target
    assert encoded.pixels_crc == checksum(render(encoded.spec, encoded.parameters()))
    assert all(np.array_equal(a, result.parameters[n]) for n, a in encoded.parameters().items())


@pytest.mark.slow
def test_a_picture_is_as_good_at_a_target_as_at_the_quality_that_gives_it() -> None:
    pixels = np.array(Image.open(SAMPLES / "chelsea.png").convert("RGB"))[60:100, 100:148]
    sizes: dict[type, list[float]] = {SizeTarget: [], PsnrTarget: []}
    gains: dict[type, list[float]] = {SizeTarget: [], PsnrTarget: []}
    for seed in (0, 1):  # so short a fit differs from seed to seed
        effort = replace(QUICK, schedule=schedule_for(1, "grid"), seed=seed)
        usual, _ = encoded_with(pixels, effort, shape=Shape(), quality=65)
        num_bytes = len(to_bytes(usual))
        for target in (SizeTarget(num_bytes), PsnrTarget(psnr_of(usual, pixels))):
            encoded, _ = encoded_with(pixels, effort, shape=Shape(), target=target)
            sizes[type(target)].append(len(to_bytes(encoded)) / num_bytes)
            gains[type(target)].append(psnr_of(encoded, pixels) - psnr_of(usual, pixels))
    assert max(map(np.mean, sizes.values())) < 1.12
    assert min(map(np.mean, gains.values())) > -0.8


def psnr_of(encoded: Encoded, pixels: Pixels) -> float:
    return psnr_db(pixels, render(encoded.spec, encoded.parameters()))


@pytest.mark.parametrize("model", ["grid", "gated", "mlp"])
def test_a_target_below_any_network_gives_a_small_file(model: str) -> None:
    small, usual = (
        encoded_with(model=model, shape=Shape(), target=SizeTarget(size))[0] for size in (9, 2000)
    )
    assert 9 < len(to_bytes(small)) < 0.5 * len(to_bytes(usual))


def test_plain_weights_of_grid_take_no_target() -> None:
    with pytest.raises(UsageError, match="float16"):
        encoded_with(weights="float16", target=SizeTarget(9000))


@pytest.mark.parametrize("model", ["gated", "mlp"])
def test_the_other_families_come_by_the_same_way(model: str) -> None:
    encoded, result = encoded_with(model=model, shape=Shape(), target=SizeTarget(900))
    assert encoded.spec.family == model
    assert encoded.pixels_crc is None
    assert len(to_bytes(encoded)) <= 900
    assert all(np.array_equal(a, result.parameters[n]) for n, a in encoded.parameters().items())


@pytest.mark.parametrize("colour", [(0, 0, 0), (17, 93, 201)])
def test_pictures_of_one_colour_are_nearly_exact_and_small(colour: tuple[int, int, int]) -> None:
    pixels = np.empty((40, 40, 3), np.uint8)
    pixels[:] = colour
    options = Options(schedule_for(1, "grid"), device="cpu")
    encoded, result = encoded_with(
        pixels,
        options,
        shape=Shape(),
        quality=50,
    )
    drawn = render(encoded.spec, result.parameters)
    # On so few pixels, two levels cost less than the bits of a finer bias.
    assert np.abs(drawn.astype(int) - pixels).max() <= 2
    assert len(to_bytes(encoded)) < 255


def test_short_fits_without_detail_take_more_steps() -> None:
    smooth, noise = (
        np.random.default_rng(0).integers(0, n, (24, 32, 3), np.uint8) for n in (2, 256)
    )
    steps = [encoded_with(pixels)[1].steps for pixels in (smooth, noise)]
    assert steps[0] >= PLAIN_STEPS * steps[1]


def test_the_pace_is_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[float] = []

    def symbol_seconds(clock: Callable[[], float]) -> float:
        measured.append(clock())
        return 1e-6

    monkeypatch.setattr(pace, "symbol_seconds", symbol_seconds)
    encoded_with(options=replace(QUICK, time_limit_s=5.0), target=SizeTarget(900))
    assert len(measured) == 1

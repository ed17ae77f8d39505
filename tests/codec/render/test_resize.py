from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest
import torch
from PIL import Image

import imgnet
from imgnet.arrays import Parameters
from imgnet.codec.render.grid import render
from imgnet.codec.render.resize import (
    LANCZOS,
    NEURAL,
    ZOOMS,
    checksum,
    fitted,
    needed_level,
    needed_part,
)
from imgnet.codec.render.zoom import LARGEST
from imgnet.errors import UsageError
from imgnet.fit.grid.state import GridState
from imgnet.image.geometry import Crop, Size
from imgnet.metrics.psnr import psnr_db
from imgnet.request.efforts import Schedule
from imgnet.spec import Spec
from support.networks import SPECS, grid_spec, random_tensors, real
from support.paths import SAMPLES
from support.pictures import Pixels, picture

SPEC = Spec("grid", 97, 73, 0, 8, 2, num_levels=4, chroma_level=2, dim_context=4)


def drawn(
    parameters: Parameters,
    size: Size | None = None,
    crop: Crop | None = None,
    spec: Spec = SPEC,
    zoom: str = NEURAL,
) -> Pixels:
    level, part = needed_level(spec, size, crop), needed_part(spec, size, crop)
    pixels = render(spec, parameters, level, part=part)
    return fitted(spec, pixels, size, crop, zoom)


@pytest.fixture(scope="module")
def smooth() -> Parameters:
    """A network fitted to a smooth picture, its weights not yet rounded."""
    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    pool = ThreadPoolExecutor(1, initializer=torch.set_num_threads, initargs=(1,))
    with pool as workers:
        cpu, schedule = torch.device("cpu"), Schedule(40, 1 << 20)
        state = GridState(SPEC, picture(97, 73), schedule, 6e-4, None, workers, cpu, seed=0)
        for step in range(36):
            state.take_step(step / 40, step / 36, 6e-4)
        parameters = state.snapshot({})
    torch.set_num_threads(num_threads)
    return parameters


@pytest.mark.parametrize(
    ("size", "crop", "level"),
    [
        (None, None, 0),
        ("200%", None, 0),
        ("26%", None, 0),
        ("24x18", None, 1),
        ("25x18", None, 0),
        ("24x19", None, 0),
        ("12x9", None, 1),
        ("1x1", None, 1),
        ("5x18", None, 1),
        (None, Crop(5, 5, 40, 20), 0),
        ("10x5", Crop(5, 5, 40, 20), 1),
        ("10x5", Crop(5, 5, 39, 20), 0),
        ("40x20", Crop(5, 5, 40, 20), 0),
    ],
)
def test_the_coarsest_level_that_is_fine_enough(
    size: Size | None, crop: Crop | None, level: int
) -> None:
    assert needed_level(SPEC, size, crop) == level


@pytest.mark.parametrize(("finest", "level"), [(0, 1), (1, 1), (2, 2)])
def test_a_level_that_may_lack_brightness_is_too_coarse(finest: int, level: int) -> None:
    assert needed_level(replace(SPEC, finest=finest), "1x1", None) == level


def test_a_network_of_one_level_is_read_whole() -> None:
    assert needed_level(replace(SPEC, num_levels=1, chroma_level=0), "1x1", None) == 0


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.inr")), ids=lambda path: path.stem)
def test_small_photographs_are_averages_of_the_whole(path: Path) -> None:
    with Image.fromarray(imgnet.decode(path)) as whole:
        size = whole.width // 8, whole.height // 8
        expected = np.asarray(whole.resize(size, Image.Resampling.LANCZOS))
    assert psnr_db(imgnet.decode(path, size=size), expected) > 25


@pytest.mark.parametrize("zoom", ZOOMS)
@pytest.mark.parametrize("crop", [Crop(30, 20, 24, 16), Crop(40, 0, 57, 40), Crop(0, 41, 40, 32)])
@pytest.mark.parametrize("size", ["25%", "70%", "130%", "450%", "90x9", "7x90"])
def test_no_sample_outside_the_needed_part_is_read(size: Size, crop: Crop, zoom: str) -> None:
    parameters = real(random_tensors(SPEC))
    whole = render(SPEC, parameters, needed_level(SPEC, size, crop))
    assert needed_part(SPEC, size, crop) is not None
    assert np.array_equal(
        drawn(parameters, size, crop, zoom=zoom), fitted(SPEC, whole, size, crop, zoom)
    )


@pytest.mark.parametrize("crop", [None, Crop(0, 0, 97, 73)])
def test_of_a_whole_image_everything_is_needed(crop: Crop | None) -> None:
    assert needed_part(SPEC, None, crop) is None


@pytest.mark.parametrize("crop", [Crop(90, 0, 8, 5), Crop(0, 0, 0, 1)])
def test_crops_outside_are_refused(crop: Crop) -> None:
    with pytest.raises(UsageError):
        needed_level(SPEC, None, crop)


@pytest.mark.parametrize("size", ["0", "1e9", (10**6, 10**6)])
def test_sizes_out_of_reach_are_refused(size: Size) -> None:
    with pytest.raises(UsageError):
        needed_level(SPEC, size, None)


@pytest.mark.parametrize("crop", [Crop(0, 0, 97, 73), Crop(96, 72, 1, 1), Crop(13, 7, 50, 31)])
def test_a_crop_is_the_part_of_the_whole(crop: Crop) -> None:
    parameters = real(random_tensors(SPEC))
    whole = drawn(parameters)
    part = whole[crop.y : crop.y + crop.height, crop.x : crop.x + crop.width]
    assert np.array_equal(drawn(parameters, crop=crop), part)


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_sizes_come_out_as_asked_for(spec: Spec) -> None:
    parameters = real(random_tensors(spec))
    for width, height in ((1, 1), (3, 200), (130, 2), (spec.width, 2 * spec.height)):
        shape = drawn(parameters, (width, height), spec=spec).shape
        assert shape == (height, width, spec.dim_out)


def averaged(pixels: Pixels, factor: int) -> Pixels:
    """Return the averages over squares of pixels."""
    height, width = (n // factor for n in pixels.shape[:2])
    squares = pixels[: height * factor, : width * factor].reshape(
        height, factor, width, factor, pixels.shape[2]
    )
    return squares.mean(axis=(1, 3)).round().astype(np.uint8)


def test_a_fitted_picture_looks_like_the_picture(smooth: Parameters) -> None:
    assert psnr_db(picture(97, 73), drawn(smooth)) > 28


@pytest.mark.parametrize(("factor", "least_db"), [(2, 50), (4, 35), (8, 33)])
def test_smaller_pictures_are_about_averages_of_the_whole(
    factor: int, least_db: float, smooth: Parameters
) -> None:
    """Though the levels that are finer than they are never decoded."""
    whole = drawn(smooth)
    crop = Crop(0, 0, 97 // factor * factor, 73 // factor * factor)
    size = crop.width // factor, crop.height // factor
    assert needed_level(SPEC, size, crop) == min(factor.bit_length() - 2, 1)
    small = drawn(smooth, size, crop)
    assert psnr_db(averaged(whole, factor), small) > least_db


@pytest.mark.parametrize("factor", [4, 8])
def test_a_small_crop_at_the_far_edge_shows_that_edge(factor: int, smooth: Parameters) -> None:
    """Sides of 97 and 73 are no multiples of any level's step."""
    crop = Crop(97 - 48, 73 - 40, 48, 40)
    part = drawn(smooth)[crop.y :, crop.x :]
    small = drawn(smooth, (48 // factor, 40 // factor), crop)
    assert needed_level(SPEC, (48 // factor, 40 // factor), crop) > 0
    assert psnr_db(averaged(part, factor), small) > 31


def test_larger_pictures_keep_the_whole(smooth: Parameters) -> None:
    whole = drawn(smooth)
    assert psnr_db(whole, averaged(drawn(smooth, "300%"), 3)) > 38


@pytest.mark.parametrize("size", [None, "50%", (97, 20), (20, 200), (97, 73)])
def test_where_a_side_shrinks_or_none_grows_the_zoom_plays_no_role(
    size: Size | None, smooth: Parameters
) -> None:
    assert np.array_equal(drawn(smooth, size), drawn(smooth, size, zoom=LANCZOS))


def test_lanczos_is_that_of_pillow(smooth: Parameters) -> None:
    image = Image.fromarray(drawn(smooth)).resize((200, 190), Image.Resampling.LANCZOS)
    assert np.array_equal(drawn(smooth, (200, 190), zoom=LANCZOS), np.asarray(image))
    assert not np.array_equal(drawn(smooth, (200, 190)), np.asarray(image))


@pytest.mark.parametrize("zoom", ZOOMS)
@pytest.mark.parametrize("scale", [2, 3, 6])
def test_a_crop_drawn_larger_is_the_part_of_the_whole(scale: int, zoom: str) -> None:
    parameters = real(random_tensors(SPEC))
    crop = Crop(13, 7, 50, 31)
    part = drawn(parameters, f"{scale}00%", crop, zoom=zoom)
    left, top, right, bottom = (scale * edge for edge in (13, 7, 13 + 50, 7 + 31))
    whole = drawn(parameters, f"{scale}00%", zoom=zoom)[top:bottom, left:right]
    assert np.abs(part.astype(int) - whole).max() <= (scale > LARGEST or zoom == LANCZOS)


@pytest.mark.parametrize("size", [(97 * 5, 73 * 5), (97 * 9, 73 * 2), (97 * 2, 73 * 7)])
def test_beyond_its_largest_factor_the_zoom_prior_is_enlarged_by_lanczos(
    size: tuple[int, int], smooth: Parameters
) -> None:
    large = drawn(smooth, size)
    assert large.shape[:2] == size[::-1]
    prior = drawn(smooth, (min(size[0], 4 * 97), min(size[1], 4 * 73)))
    image = Image.fromarray(prior).resize(size, Image.Resampling.LANCZOS)
    assert np.array_equal(large, np.asarray(image))


def test_alpha_is_enlarged_by_lanczos() -> None:
    pixels = np.random.default_rng(4).integers(0, 256, (13, 21, 4)).astype(np.uint8)
    spec = grid_spec(21, 13, dim_out=4)
    ways = [fitted(spec, pixels, (63, 39), None, zoom) for zoom in ZOOMS]
    assert np.array_equal(ways[0][..., 3], ways[1][..., 3])
    assert not np.array_equal(ways[0][..., :3], ways[1][..., :3])


def test_one_axis_may_grow_while_the_other_shrinks(smooth: Parameters) -> None:
    odd = drawn(smooth, (2 * 97, 73 // 2))
    assert odd.shape == (36, 194, 3)
    assert psnr_db(averaged(drawn(smooth), 2)[:, :48], averaged_across(odd)[:, :48]) > 25


def averaged_across(pixels: Pixels) -> Pixels:
    groups = pixels[:, :192].reshape(len(pixels), 48, 4, 3)
    return groups.mean(axis=2).round().astype(np.uint8)


def test_checksum_is_that_of_the_samples_row_by_row() -> None:
    pixels = picture(5, 4)
    assert checksum(pixels) == crc32(pixels.tobytes())
    assert checksum(pixels[:, ::-1]) == crc32(pixels[:, ::-1].tobytes()) != checksum(pixels)


@pytest.mark.parametrize("size", [(30, 20), (7, 5), (40, 3)])
@pytest.mark.parametrize("channels", [1, 3])
def test_16_bits_are_resized_like_8(size: tuple[int, int], channels: int) -> None:
    y, x = np.mgrid[0:13, 0:21]
    wave = 128 + 60 * np.sin(x / 4) + 50 * np.cos(y / 3)
    pixels = np.repeat(np.rint(wave)[..., None], channels, axis=2)
    spec = grid_spec(21, 13, dim_out=channels)
    deep = fitted(spec, (pixels * 257).astype(np.uint16), size, None)
    assert deep.dtype == np.uint16
    assert np.abs(deep / 257 - fitted(spec, pixels.astype(np.uint8), size, None)).max() <= 1.01


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("size", [(42, 26), (9, 7), (50, 6), (105, 130)])
def test_transparent_colours_do_not_bleed(dtype: type, size: tuple[int, int]) -> None:
    peak = int(np.iinfo(dtype).max)
    pixels = np.zeros((13, 21, 4), dtype)
    pixels[:, :10] = [peak // 4, peak // 2, peak // 8, peak]
    pixels[:, 10:] = [peak, 0, peak, 0]
    resized = fitted(grid_spec(21, 13, dim_out=4), pixels, size, None)
    visible = resized[resized[..., 3] > peak // 50]
    assert visible.shape[0] > 10
    assert np.abs(visible[:, :3].astype(int) - pixels[0, 0, :3]).max() <= peak // 100

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from imgnet.codec.render import grid as synthesis
from imgnet.codec.render.grid import (
    eight_bits,
    needed_wavefronts,
    quantize_colours,
    render,
    upsample,
)
from imgnet.image.geometry import Crop
from imgnet.spec import Spec, edge_margin, latents_name
from support.networks import SPECS, Tensors, grid_spec, random_tensors, real
from support.pictures import Pixels

Array = NDArray[np.float64]

_ONE = 1 << 12


def floor_product(weights: Array, x: Array) -> Array:
    return np.floor(np.einsum("oi,ihw->ohw", weights, x) / 2**15)


def fixed(tensors: Tensors, name: str) -> Array:
    """Return a tensor as whole numbers: biases in units of 2**-12, weights of 2**-15."""
    return tensors[name].dequantize().astype(np.float64) * 2 ** (12 if "bias" in name else 15)


def doubled(features: Array, taps: Array) -> Array:
    """Double both axes sample by sample, rows first; edges lose two samples on each side."""
    for axis in (1, 2):
        x = np.moveaxis(features, axis, 0)
        rows = []
        for i in range(2, len(x) - 2):
            # A quarter before sample i those around it are 1.75, 0.75, 0.25 and 1.25 away.
            rows.append(sum(taps[3 - k] * x[i - 2 + k] for k in range(4)))
            rows.append(sum(taps[k] * x[i - 1 + k] for k in range(4)))
        features = np.moveaxis(np.floor(np.array(rows) / 2**15), 0, axis)
    return features


def drawn_at_once(spec: Spec, tensors: Tensors) -> Pixels:
    """Draw the whole picture in one piece, as the format says, with nothing shared."""
    m, n = edge_margin(spec.num_layers), spec.num_layers
    features: Array | None = None
    for level in reversed(range(spec.num_levels)):
        height, width = spec.grid_size(level)
        size = height + 2 * m, width + 2 * m
        if features is None:
            features = np.zeros((spec.dim_out - 1, *size))
        else:
            # Sample 0 of a level lies where sample 0 of the coarser one does: at index m of both.
            above = doubled(features, fixed(tensors, f"upsample.{level}"))
            features = above[:, m - 4 :, m - 4 :][:, : size[0], : size[1]].copy()
        for pyramid in range(spec.dim_out):
            if (pyramid, level) in spec.grids():
                grid = tensors[latents_name(pyramid, level)].values * float(_ONE)
                grid = np.pad(grid, m, mode="edge")
                if pyramid:
                    features[pyramid - spec.dim_out] += grid
                else:
                    features = np.concatenate([grid[None], features])
    assert features is not None
    features = features[:, m - n : features.shape[1] - m + n, m - n : features.shape[2] - m + n]
    hidden = floor_product(fixed(tensors, "hidden.weight"), features)
    hidden = np.maximum(hidden + fixed(tensors, "hidden.bias")[:, None, None], 0)
    colours = floor_product(fixed(tensors, "linear.weight"), features)
    colours += fixed(tensors, "linear.bias")[:, None, None]
    colours += floor_product(fixed(tensors, "output.weight"), hidden)
    for i in range(n):
        weight = fixed(tensors, f"residuals.{i}.weight").reshape(spec.dim_out, 9, spec.dim_out)
        height, width = colours.shape[1] - 2, colours.shape[2] - 2
        inner = np.zeros((spec.dim_out, height, width))
        for k in range(9):
            shifted = colours[:, k // 3 :, k % 3 :][:, :height, :width]
            inner += np.einsum("oi,ihw->ohw", weight[:, k], shifted)
        inner = np.floor(inner / 2**15) + fixed(tensors, f"residuals.{i}.bias")[:, None, None]
        alpha = fixed(tensors, f"residuals.{i}.alpha")[:, None, None]
        colours = colours[:, 1:-1, 1:-1] + np.floor(alpha * np.maximum(inner, 0) / 2**15)
    levels = np.floor((colours * 255 + _ONE / 2) / _ONE).clip(0, 255)
    return levels.astype(np.uint8).transpose(1, 2, 0)


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_pixels_are_those_of_the_format_to_the_bit(spec: Spec) -> None:
    tensors = random_tensors(spec)
    assert np.array_equal(render(spec, real(tensors)), drawn_at_once(spec, tensors))


@pytest.mark.parametrize("spec", SPECS, ids=str)
@pytest.mark.parametrize("level", [0, 1, 2])
@pytest.mark.parametrize("side", [5, 40])
def test_tiles_do_not_show(
    spec: Spec, level: int, side: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if level >= spec.num_levels:
        pytest.skip("there is no such level")
    parameters = real(random_tensors(spec))
    whole = render(spec, parameters, level)
    assert whole.shape == (*spec.grid_size(level), spec.dim_out)
    monkeypatch.setattr(synthesis, "_TILE_ROWS", side)
    monkeypatch.setattr(synthesis, "_TILE_COLUMNS", side)
    assert np.array_equal(render(spec, parameters, level), whole)


@pytest.mark.parametrize("spec", SPECS, ids=str)
@pytest.mark.parametrize("level", [0, 1])
def test_a_part_needs_no_latents_of_later_wavefronts(spec: Spec, level: int) -> None:
    if level >= spec.num_levels:
        pytest.skip("there is no such level")
    parameters, fewer = real(random_tensors(spec)), 0
    whole = render(spec, parameters, level)
    rng = np.random.default_rng(3)
    finest = max(level, spec.finest)
    y, x = np.indices(spec.grid_size(finest))
    for _ in range(8):
        top, left = (int(rng.integers(side)) for side in whole.shape[:2])
        height, width = (
            int(rng.integers(1, side - at + 1))
            for side, at in zip(whole.shape, (top, left), strict=False)
        )
        part = Crop(left, top, width, height)
        count = needed_wavefronts(spec, level, part)
        changed = dict(parameters)
        for pyramid in spec.pyramids(finest) if count is not None else ():
            name = latents_name(pyramid, finest)
            changed[name] = np.where(x + 2 * y < count, parameters[name], np.float32(99))
            fewer += 1
        x_hat = render(spec, changed, level, part=part)
        inside = slice(top, top + height), slice(left, left + width)
        assert np.array_equal(x_hat[inside], whole[inside])
    assert fewer or min(whole.shape[:2]) < 20


@pytest.mark.parametrize("level", [1, 2, 3])
def test_smaller_pictures_need_no_finer_latents(level: int) -> None:
    spec = SPECS[0]
    parameters = real(random_tensors(spec))
    finer = [latents_name(*grid) for grid in spec.grids() if grid[1] < level]
    kept = {name: array for name, array in parameters.items() if name not in finer}
    assert finer
    assert np.array_equal(render(spec, kept, level), render(spec, parameters, level))


@pytest.mark.parametrize("gain", [0.8, 1.0])
def test_a_smaller_picture_shows_the_same_scene(gain: float) -> None:
    """Without fine latents, every smaller picture is the average of the large one.

    Also where upsampling has learned to weaken or to strengthen what it doubles.
    """
    spec = Spec("grid", 64, 48, 0, 4, 0, num_levels=6, chroma_level=2, dim_context=4)
    parameters = real(random_tensors(spec, spread=3))
    for name, array in parameters.items():
        if name in {"latents.0.0", "latents.0.1"}:
            array[:] = 0
    for level in range(5):
        parameters[f"upsample.{level}"] *= gain / parameters[f"upsample.{level}"].sum()
    parameters["hidden.weight"][:] = 0  # what bends does not average
    parameters["linear.weight"][:] *= 0.3  # nor what is clipped
    large = render(spec, parameters).astype(float)
    for level in (1, 2):
        step = 1 << level
        average = large.reshape(48 // step, step, 64 // step, step, 3).mean(axis=(1, 3))
        small = render(spec, parameters, level).astype(float)
        assert np.sqrt(np.square(small - average).mean()) < 6
        shifted = np.roll(small, 1, axis=1)
        assert np.square(shifted - average).mean() > 4 * np.square(small - average).mean()


def test_upsampling_a_flat_field_keeps_it_where_the_taps_add_up_to_one() -> None:
    taps = np.array([-3456, 28800, 8576, -1152], float)
    assert taps.sum() == 1 << 15
    assert (upsample(np.full((2, 7, 9), 777.0), taps) == 777).all()
    assert upsample(np.zeros((2, 7, 9)), taps).shape == (2, 6, 10)


def test_features_are_limited() -> None:
    taps = np.array([0, 1 << 20, 0, 0], float)
    large = upsample(np.full((1, 5, 5), 2.0**24), taps)
    assert (large == synthesis.LARGEST_FEATURE).all()
    assert (upsample(np.full((1, 5, 5), -(2.0**24)), taps) == -synthesis.LARGEST_FEATURE).all()


def test_wild_weights_still_draw_a_picture() -> None:
    spec = SPECS[0]
    rng = np.random.default_rng(0)
    wild = {
        name: (rng.choice([-1, 1], shape) * 1e6).astype(np.float32)
        for name, shape in spec.shapes().items()
    }
    drawn = render(spec, wild)
    assert drawn.shape == (spec.height, spec.width, 3)


def test_16_bits_are_the_same_colours_rounded_more_finely() -> None:
    colours = np.arange(-5000, 9000, dtype=np.float64).reshape(1, 100, 140)
    for depth, peak in ((8, 255), (16, 65535)):
        pixels = quantize_colours(colours.copy(), depth)
        expected = [min(max((c * peak + 2048) >> 12, 0), peak) for c in range(-5000, 9000)]
        assert pixels.ravel().tolist() == expected


def test_8_bits_follow_from_16() -> None:
    colours = np.arange(-5000, 9000, dtype=np.float64).reshape(1, 100, 140)
    eight = quantize_colours(colours.copy(), 8)
    assert np.array_equal(eight_bits(quantize_colours(colours.copy(), 16)), eight)
    assert eight_bits(eight) is not None


def test_a_picture_is_drawn_with_either_depth() -> None:
    spec = grid_spec(21, 13)
    parameters = real(random_tensors(spec))
    deep = render(spec, parameters, depth=16)
    assert deep.dtype == np.uint16
    assert np.array_equal(eight_bits(deep), render(spec, parameters))
    assert len(np.unique(deep)) > 256
    assert render(spec, parameters, 1, 16).shape == (7, 11, 3)

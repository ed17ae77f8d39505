"""No number between latents and pixels is too large for float64 to be exact."""

from __future__ import annotations

import numpy as np
import pytest

from imgnet.codec.entropy.context import LARGEST_LATENT
from imgnet.codec.entropy.fixed_point import FRACTION_BITS, LARGEST_WEIGHT, WEIGHT_BITS
from imgnet.codec.render import grid as synthesis
from imgnet.codec.render.grid import (
    LARGEST_COLOUR,
    LARGEST_FEATURE,
    LARGEST_HIDDEN,
    render,
    upsample,
)
from imgnet.spec import MAX_GRID_DIM, MAX_LEVELS, RANGES, UPSAMPLING_TAPS
from support.networks import extreme_tensors, grid_spec, random_tensors, real

EXACT = 1 << 53  # all whole numbers up to here are floats
MOST_CHANNELS = 4

LATENT = LARGEST_LATENT << FRACTION_BITS
# A feature is what was doubled, which is limited, and maybe a latent of its level.
FEATURE = LARGEST_FEATURE + LATENT


def test_doubling_is_exact() -> None:
    along_y = UPSAMPLING_TAPS * LARGEST_WEIGHT * FEATURE
    along_x = UPSAMPLING_TAPS * LARGEST_WEIGHT * LARGEST_FEATURE
    assert max(along_y, along_x) < EXACT


def test_colours_are_exact() -> None:
    num_features = MAX_LEVELS + MOST_CHANNELS - 1
    dim = RANGES["grid"]["dim_hidden"].stop - 1
    from_features = num_features * LARGEST_WEIGHT * FEATURE
    from_hidden = dim * LARGEST_WEIGHT * LARGEST_HIDDEN
    assert max(from_features, from_hidden) < EXACT
    assert from_features + from_hidden + LARGEST_WEIGHT < EXACT  # even undivided


def test_residuals_are_exact() -> None:
    windows = 9 * MOST_CHANNELS * LARGEST_WEIGHT * LARGEST_COLOUR + LARGEST_WEIGHT
    scaled = LARGEST_WEIGHT * LARGEST_HIDDEN
    assert max(windows, scaled) < EXACT
    assert (scaled >> WEIGHT_BITS) + LARGEST_COLOUR < EXACT


def test_pixels_are_exact() -> None:
    assert LARGEST_COLOUR * 255 + (1 << FRACTION_BITS) < EXACT


def test_much_wider_networks_would_not_be_exact() -> None:
    assert 4 * MAX_GRID_DIM * LARGEST_WEIGHT * LARGEST_HIDDEN > EXACT


def test_the_largest_features_are_doubled_as_integers_are() -> None:
    rng = np.random.default_rng(8)
    padded = (FEATURE - rng.integers(0, 999, (2, 9, 8))) * rng.choice([-1, 1], (2, 9, 8))
    taps = np.array([-LARGEST_WEIGHT + 1, LARGEST_WEIGHT - 3, 12345, -777])
    x = padded.astype(object)
    for axis in (1, 2):
        x = doubled_in_integers(np.moveaxis(x, axis, 0), taps.tolist())
        x = np.moveaxis(x, 0, axis)
    assert upsample(padded * 1.0, taps * 1.0).tolist() == x.tolist()


def doubled_in_integers(x: np.ndarray, taps: list[int]) -> np.ndarray:
    doubled = []
    for i in range(2, len(x) - 2):
        even = sum(t * x[i + k] for t, k in zip(taps, (1, 0, -1, -2), strict=True))
        odd = sum(t * x[i + k] for t, k in zip(taps, (-1, 0, 1, 2), strict=True))
        doubled += [even >> WEIGHT_BITS, odd >> WEIGHT_BITS]
    return np.clip(np.stack(doubled), -LARGEST_FEATURE, LARGEST_FEATURE)


@pytest.mark.parametrize("level", [0, 1])
@pytest.mark.parametrize("num_layers", [0, 2, 7])
def test_tiles_make_no_difference(
    level: int, num_layers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = grid_spec(21, 33, num_layers=num_layers, num_levels=4)
    for tensors in (random_tensors(spec), extreme_tensors(spec)):
        whole = render(spec, real(tensors), level)
        assert whole.std() > 10
        for rows, columns in ((1, 1), (5, 16), (100, 3)):
            monkeypatch.setattr(synthesis, "_TILE_ROWS", rows)
            monkeypatch.setattr(synthesis, "_TILE_COLUMNS", columns)
            assert np.array_equal(render(spec, real(tensors), level), whole)
        monkeypatch.undo()


def test_latents_that_no_stream_holds_are_rounded_and_limited() -> None:
    spec = grid_spec(9, 7)
    whole = real(random_tensors(spec))
    near, far = dict(whole), dict(whole)
    for name, array in whole.items():
        if name.startswith("latents."):
            near[name] = array + np.float32(0.4)
            far[name] = np.where(array > 2, np.float32(3e38), array)
            whole[name] = np.where(array > 2, np.float32(LARGEST_LATENT), array)
    assert np.array_equal(render(spec, near), render(spec, real(random_tensors(spec))))
    assert np.array_equal(render(spec, far), render(spec, whole))
    assert not np.array_equal(render(spec, far), render(spec, near))

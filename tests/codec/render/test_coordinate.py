from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from numpy.typing import NDArray

from imgnet.codec.render.coordinate import TILE, average_samples, render
from imgnet.errors import UsageError
from imgnet.image.geometry import Crop
from imgnet.spec import Spec

Pixels = NDArray[np.uint8]
SPECS = [Spec("gated", 48, 33, 8, 12, 1), Spec("mlp", 48, 33, 0, 12, 2)]


def parameters(spec: Spec) -> dict[str, NDArray[np.float32]]:
    """Draw random weights of a lively picture."""
    rng = np.random.default_rng(2)
    weights = {}
    for name, shape in spec.shapes().items():
        scale = 1.5 / np.sqrt(shape[-1]) if len(shape) == 2 else 0.5
        weights[name] = (rng.normal(size=shape) * scale).astype(np.float32)
    weights["output.weight"] *= 4
    return weights


def rendered(
    spec: Spec, size: str | tuple[int, int] | None = None, crop: Crop | None = None
) -> Pixels:
    return render(spec, parameters(spec), size=size, crop=crop)


def assert_same(a: Pixels, b: Pixels) -> None:
    """Allow what another order of summation may do to a sample in a thousand."""
    assert a.shape == b.shape
    difference = np.abs(a.astype(int) - b)
    assert difference.max() <= 1
    assert np.count_nonzero(difference) <= max(1, 0.001 * difference.size)


def box_mean(pixels: Pixels, width: int, height: int) -> NDArray[np.float64]:
    cells = pixels.reshape(height, pixels.shape[0] // height, width, -1, pixels.shape[2])
    return np.asarray(cells.mean(axis=(1, 3), dtype=np.float64))


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.family)
def test_native_size(spec: Spec) -> None:
    x_hat = rendered(spec)
    assert x_hat.shape == (33, 48, 3)
    assert x_hat.dtype == np.uint8
    assert x_hat.std() > 10
    assert np.array_equal(x_hat, rendered(spec, "48x33"))


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.family)
def test_enlarged_picture_goes_through_the_native_pixels(spec: Spec) -> None:
    enlarged = rendered(spec, "300%")
    assert enlarged.shape == (99, 144, 3)
    assert_same(enlarged[1::3, 1::3], rendered(spec))
    between = enlarged[1::3, 2:-3:3].astype(int)
    assert np.abs(between - rendered(spec)[:, :-1]).max() > 3  # sampled anew, not repeated


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.family)
@pytest.mark.parametrize(
    ("width", "height", "samples_x", "samples_y"),
    [
        (24, 16, 2, 3),  # 33 / 16 is a little above 2
        (24, 33, 2, 1),
        (19, 13, 3, 3),
        (47, 33, 2, 1),
        (5, 50, 10, 1),
        (1, 1, 48, 33),
    ],
)
def test_reduced_picture_is_the_mean_of_a_finer_one(
    spec: Spec, width: int, height: int, samples_x: int, samples_y: int
) -> None:
    fine = render(spec, parameters(spec), size=(width * samples_x, height * samples_y), crop=None)
    reduced = rendered(spec, (width, height))
    assert np.abs(reduced - box_mean(fine, width, height)).max() <= 1  # both are rounded


def test_reduced_picture_has_no_aliases() -> None:
    """The mean over areas is what a far finer picture gives; a pick of single points is not."""
    spec = SPECS[0]
    weights = parameters(spec)
    for axis in ("axis_x", "axis_y"):  # as in a photo, nothing finer than a pixel
        weights[f"{axis}.weight"][:, 0] = 0
    fine = render(spec, weights, size=(19 * 16, 13 * 16))
    truth = box_mean(fine, 19, 13)
    picked_error = np.abs(fine[8::16, 8::16] - truth).mean()
    reduced_error = np.abs(render(spec, weights, size=(19, 13)) - truth).mean()
    assert reduced_error < 1.5
    assert reduced_error < picked_error / 4


def test_half_size_is_the_mean_of_four() -> None:
    spec = Spec("gated", 48, 32, 8, 12, 1)
    assert np.abs(rendered(spec, "50%") - box_mean(rendered(spec), 24, 16)).max() <= 1


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.family)
@pytest.mark.parametrize("crop", [Crop(0, 0, 48, 33), Crop(47, 32, 1, 1), Crop(5, 7, 20, 9)])
def test_a_crop_is_the_cut_out_of_the_whole(spec: Spec, crop: Crop) -> None:
    whole = rendered(spec)[crop.y : crop.y + crop.height, crop.x : crop.x + crop.width]
    assert_same(rendered(spec, crop=crop), whole)


@pytest.mark.parametrize("percent", [50, 200])
def test_a_crop_keeps_its_place_at_other_sizes(percent: int) -> None:
    spec = Spec("gated", 48, 32, 8, 12, 1)
    crop = Crop(8, 6, 20, 10)
    top, left, height, width = (v * percent // 100 for v in (6, 8, 10, 20))
    whole = rendered(spec, f"{percent}%")[top : top + height, left : left + width]
    assert_same(rendered(spec, f"{percent}%", crop), whole)


def test_a_long_side_is_that_of_the_crop() -> None:
    assert rendered(SPECS[0], "40", Crop(0, 0, 10, 20)).shape == (40, 20, 3)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [(1, 1), (1, 17), (17, 1), (5, 3)])
@pytest.mark.parametrize("family", ["gated", "mlp"])
def test_small_pictures(family: str, size: tuple[int, int], channels: int) -> None:
    spec = Spec(family, *size, 3 if family == "gated" else 0, 4, 1, dim_out=channels)
    assert rendered(spec).shape == (size[1], size[0], channels)
    assert rendered(spec, "200%").shape == (2 * size[1], 2 * size[0], channels)
    assert rendered(spec, (1, 1)).shape == (1, 1, channels)


def test_tiles_do_not_show() -> None:
    """Pictures larger than a tile, in both directions, match their crops."""
    spec = Spec("mlp", TILE + 100, 3, 0, 4, 1)
    whole = rendered(spec)
    parts = [
        rendered(spec, crop=Crop(x, 0, min(500, spec.width - x), 3))
        for x in range(0, spec.width, 500)
    ]
    assert_same(whole, np.concatenate(parts, axis=1))


def _peak_bytes(spec: Spec, size: str) -> int:
    weights = parameters(spec)
    tracemalloc.start()
    try:
        render(spec, weights, size=size)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_picture() -> None:
    spec = Spec("gated", 256, 192, 16, 24, 1)
    height, width, channels = 4 * 192, 4 * 256, 3
    whole_layer = 4 * 3 * 24 * height * width  # what a single layer at full size would take
    peak = _peak_bytes(spec, "400%")
    assert peak < height * width * channels + 24 * 2**20
    assert peak < whole_layer / 5


def test_memory_does_not_grow_when_a_large_picture_is_reduced() -> None:
    spec = Spec("gated", 1024, 768, 4, 8, 0)
    assert _peak_bytes(spec, "1x1") < 24 * 2**20


@pytest.mark.parametrize("crop", [Crop(40, 0, 20, 5), Crop(0, 0, 0, 1)])
def test_crops_outside_are_refused(crop: Crop) -> None:
    with pytest.raises(UsageError):
        rendered(SPECS[0], crop=crop)


def test_sizes_out_of_reach_are_refused() -> None:
    with pytest.raises(UsageError):
        rendered(SPECS[0], (10**6, 10**6))


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.family)
@pytest.mark.parametrize("size", [None, "50%", "200%"])
def test_16_bits_are_the_same_picture(spec: Spec, size: str | None) -> None:
    deep = render(spec, parameters(spec), size=size, depth=16)
    assert deep.dtype == np.uint16
    assert np.abs(deep / 257 - rendered(spec, size)).max() <= 0.51
    assert len(np.unique(deep)) > 1000


def test_transparent_colours_do_not_bleed_into_a_smaller_picture() -> None:
    x_hat = np.zeros((4, 2, 4), np.float32)
    x_hat[0], x_hat[1] = 0.2, 1.0
    x_hat[3, 0, 0] = x_hat[3, :, 2] = 1.0
    x_hat[0, 0, 1] = x_hat[0, 1] = 0.9  # where alpha is 0, but for one column
    x_hat[0, :, 2] = 0.2
    reduced = average_samples(x_hat, 2, 2)
    assert reduced[0, 0].tolist() == pytest.approx([0.2, 0.2])
    assert reduced[3, 0].tolist() == [0.25, 0.5]

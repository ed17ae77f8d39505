from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from imgnet.codec.render import zoom
from imgnet.codec.render.cosine import Axis
from imgnet.codec.render.zoom import zoomed
from imgnet.image.files import Pixels, read_image
from imgnet.image.picture import Samples
from imgnet.metrics.psnr import psnr_db
from imgnet.research.zoom_pairs import area_means
from support.paths import SAMPLES


def photo(name: str = "coffee", side: int = 240) -> Pixels:
    pixels, _ = read_image(SAMPLES / f"{name}.png")
    return pixels[40 : 40 + side, 100 : 100 + side]


def whole(pixels: Samples, height: int, width: int) -> Samples:
    return zoomed(pixels, Axis(0, pixels.shape[0], height), Axis(0, pixels.shape[1], width))


def lanczos(pixels: Pixels, height: int, width: int) -> Pixels:
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS))


def lattice_error(enlarged: Samples, pixels: Samples) -> float:
    """Return the RMS of the averages of an enlarged picture less the picture, in levels."""
    error = area_means(enlarged, pixels.shape[:2]) - pixels.astype(np.float32)
    return float(np.sqrt(np.mean(error**2)))


@pytest.mark.parametrize(("height", "width"), [(150, 140), (225, 210), (300, 280), (187, 175)])
def test_averages_are_the_picture(height: int, width: int) -> None:
    pixels = photo()[:75, :70]
    assert lattice_error(whole(pixels, height, width), pixels) < 0.7
    assert lattice_error(lanczos(pixels, height, width), pixels) > 1


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee"])
def test_photographs_come_out_closer_than_by_lanczos(name: str, scale: int) -> None:
    original = photo(name)
    side = len(original)
    smaller = np.rint(area_means(original, (side // scale, side // scale))).astype(np.uint8)
    classical = psnr_db(original, lanczos(smaller, side, side))
    assert psnr_db(original, whole(smaller, side, side)) > classical + 0.2


@pytest.mark.parametrize("scale", [2, 2.5])
def test_mirrored_pictures_come_out_mirrored(scale: float) -> None:
    pixels = photo()[:66, :70]
    height, width = round(66 * scale), round(70 * scale)
    enlarged = whole(pixels, height, width).astype(int)
    for down, across in ((-1, 1), (1, -1), (-1, -1)):
        mirrored = whole(np.ascontiguousarray(pixels[::down, ::across]), height, width)
        assert np.abs(mirrored[::down, ::across] - enlarged).max() <= 1  # a sum in another order


@pytest.mark.parametrize("scale", [1.5, 2.25, 3.5])
def test_other_scales_come_out_closer_too(scale: float) -> None:
    original = photo("astronaut", 252)
    side = round(252 / scale)
    smaller = np.rint(area_means(original, (side, side))).astype(np.uint8)
    classical = psnr_db(original, lanczos(smaller, 252, 252))
    assert psnr_db(original, whole(smaller, 252, 252)) > classical + 0.2


def test_a_crop_has_the_pixels_of_the_whole() -> None:
    pixels = photo()[:140, :150]
    enlarged = whole(pixels, 280, 450)
    part = zoomed(pixels, Axis(50, 83, 166), Axis(60, 77, 231))
    assert np.array_equal(part, enlarged[100:266, 180:411])


def test_a_crop_between_whole_scales_has_the_pixels_of_the_whole() -> None:
    pixels = photo()[:140, :150]
    part = zoomed(pixels, Axis(50, 84, 210), Axis(60, 80, 120))
    different = part.astype(int) - whole(pixels, 350, 225)[125:335, 90:210]
    assert np.abs(different).max() <= 1
    assert np.mean(different != 0) < 1e-3


def test_tiles_leave_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = photo()[:100, :100]
    small = whole(pixels, 190, 250).astype(int)
    monkeypatch.setattr(zoom, "_TILE", 256)
    assert np.abs(small - whole(pixels, 190, 250)).max() <= 1


def test_grey_is_enlarged_like_a_colour_picture_without_colour() -> None:
    grey = photo()[:50, :60, :1]
    enlarged = whole(grey, 100, 120)
    coloured = whole(grey.repeat(3, axis=2), 100, 120)
    assert enlarged.shape == (100, 120, 1)
    assert np.abs(enlarged - coloured.mean(axis=2, keepdims=True)).max() <= 1.5


def test_16_bits_are_not_rounded_to_8() -> None:
    pixels = photo()[:50, :60]
    deep = whole(pixels.astype(np.uint16) * 257, 100, 120)
    assert deep.dtype == np.uint16
    assert np.abs(deep / 257 - whole(pixels, 100, 120)).max() <= 0.51
    assert np.mean(deep % 257 == 0) < 0.1


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (5, 2)])
def test_pictures_of_few_pixels(size: tuple[int, int]) -> None:
    pixels = np.full((*size, 3), 100, np.uint8)
    for scale in (1, 2, 4):
        enlarged = whole(pixels, scale * size[0], 2 * size[1])
        assert enlarged.shape == (scale * size[0], 2 * size[1], 3)
        assert np.abs(enlarged - 100.0).max() <= 3

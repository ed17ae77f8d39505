"""The zoom prior on the page, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import imgnet
from imgnet.codec.format.container import to_bytes
from imgnet.viewer.embedded_zoom import zoom_prior
from support.browser import Browser, needs_browser
from support.networks import encoded, grid_spec, random_tensors
from support.page import picture_on, press, scale, show
from support.paths import GOLDEN

pytestmark = [needs_browser, pytest.mark.slow]

RGB = (GOLDEN / "v1-grid-fine.inr").read_bytes()  # 48 x 32, of a photograph
RGBA = (GOLDEN / "v1-grid-deep.inr").read_bytes()
GREY = to_bytes(encoded(grid_spec(48, 32, dim_out=1), random_tensors(grid_spec(48, 32, dim_out=1))))
WIDE = to_bytes(encoded(grid_spec(70, 8), random_tensors(grid_spec(70, 8))))  # two tiles

NO_FLOATS = """
const all = WebGL2RenderingContext.prototype.getExtension;
WebGL2RenderingContext.prototype.getExtension = function (name) {
    return name.startsWith("EXT_color_buffer") ? null : all.call(this, name);
};
"""
NEVER_DONE = "WebGL2RenderingContext.prototype.getSyncParameter = () => 0;"
PATIENCE_S = 60  # an emulated GPU is slow


@pytest.fixture
def gpu(window: Browser, request: pytest.FixtureRequest) -> Iterator[None]:
    """What pages run first, to change what the GPU does."""
    added = window.send("Page.addScriptToEvaluateOnNewDocument", source=request.param)
    yield
    window.send("Page.removeScriptToEvaluateOnNewDocument", **added)


def open_at_native_size(window: Browser, folder: Path, data: bytes) -> None:
    """Open a page with the zoom prior."""
    show(window, folder, data, zoom=zoom_prior())
    press(window, "one")


def enlarge(window: Browser) -> None:
    """Go from native size to 400 %."""
    press(window, "wipe")
    press(window, "wipe")
    assert scale(window) == 400


def sharp_picture(window: Browser) -> NDArray[np.uint8]:
    """Return what is drawn when the zoom prior has done all of it."""
    done = "document.getElementById('stage').dataset.zoom === 'neural'"
    window.wait(done, PATIENCE_S)
    return picture_on(window)


def has_switch(window: Browser) -> bool:
    text: str = window.run("document.getElementById('parts').textContent")
    return "Zoom prior" in text


def labels(window: Browser) -> list[str]:
    """Return what the two sides of the wipe are called."""
    texts: list[str] = window.run(
        "[...document.querySelectorAll('#wipe span')].map((span) => span.textContent)"
    )
    return texts


def psnr(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    squares = (one.astype(float) - other) ** 2
    return float(10 * np.log10(255**2 / squares.mean()))


def bicubic(pixels: NDArray[np.uint8], factor: int) -> NDArray[np.float64]:
    """Enlarge an image as the page does without the zoom prior."""
    size = factor * pixels.shape[1], factor * pixels.shape[0]
    planes = [Image.fromarray(plane.astype(np.float32)) for plane in np.moveaxis(pixels, 2, 0)]
    resized = [np.asarray(plane.resize(size, Image.Resampling.BICUBIC)) for plane in planes]
    return np.dstack(resized).astype(float).clip(0, 255)


@pytest.mark.parametrize("data", [RGB, WIDE], ids=["a tile", "two tiles"])
def test_a_picture_at_400_percent_is_that_of_decode(
    window: Browser, tmp_path: Path, data: bytes
) -> None:
    open_at_native_size(window, tmp_path, data)
    enlarge(window)
    picture = sharp_picture(window)[..., :3]
    neural = imgnet.decode(data, size="400%")
    assert psnr(picture, neural) > 55
    assert psnr(neural, imgnet.decode(data, size="400%", zoom="lanczos")) < 40


def test_footprints_over_several_pixels(window: Browser, tmp_path: Path) -> None:
    open_at_native_size(window, tmp_path, RGB)
    window.send("Input.dispatchKeyEvent", type="keyDown", key="+")
    assert scale(window) == 150
    picture = sharp_picture(window)[..., :3]
    neural = imgnet.decode(RGB, size="150%")
    assert psnr(picture, neural) > 42
    assert psnr(picture, neural) > psnr(picture, imgnet.decode(RGB, size="150%", zoom="lanczos"))


def test_a_grey_picture_stays_grey(window: Browser, tmp_path: Path) -> None:
    open_at_native_size(window, tmp_path, GREY)
    enlarge(window)
    picture = sharp_picture(window)[..., :3]
    assert (picture == picture[..., :1]).all()
    assert psnr(picture[..., :1], imgnet.decode(GREY, size="400%")) > 55


def test_transparent_pixels_have_no_part_in_what_is_visible(
    window: Browser, tmp_path: Path
) -> None:
    open_at_native_size(window, tmp_path, RGBA)
    enlarge(window)
    picture, neural = sharp_picture(window), imgnet.decode(RGBA, size="400%", depth=8)
    opaque = (neural[..., 3] == 255) & (bicubic(imgnet.decode(RGBA, depth=8), 4)[..., 3] == 255)
    assert opaque.mean() > 0.2
    assert psnr(picture[opaque][:, :3], neural[opaque][:, :3]) > 55


def test_the_zoom_prior_can_be_switched_off(window: Browser, tmp_path: Path) -> None:
    open_at_native_size(window, tmp_path, RGB)
    enlarge(window)
    before = sharp_picture(window)
    native = imgnet.decode(RGB)
    switch = "[...document.querySelectorAll('#parts label')].at(-1).click()"
    window.run(switch)
    assert np.array_equal(picture_on(window)[..., :3], native.repeat(4, 0).repeat(4, 1))
    window.run(switch)
    assert np.array_equal(sharp_picture(window), before)


def test_the_wipe_compares_the_zoom_prior_with_bicubic(window: Browser, tmp_path: Path) -> None:
    open_at_native_size(window, tmp_path, RGB)
    enlarge(window)
    press(window, "wipe")
    assert labels(window) == ["zoom prior", "bicubic"]
    picture = sharp_picture(window)[..., :3]
    left, right = slice(0, 95), slice(97, -12)
    neural, plain = imgnet.decode(RGB, size="400%"), bicubic(imgnet.decode(RGB), 4)
    assert psnr(picture[:, left], neural[:, left]) > 55
    inner = slice(12, -12)
    assert np.abs(picture[inner, right] - plain[inner, right]).max() < 1


def test_a_rate_map_is_no_photograph(window: Browser, tmp_path: Path) -> None:
    open_at_native_size(window, tmp_path, RGB)
    enlarge(window)
    press(window, "rates")
    window.wait("!document.getElementById('legend').hidden")
    assert window.run("document.getElementById('stage').dataset.zoom") == ""


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize("gpu", [NEVER_DONE], ids=["slow"], indirect=True)
def test_what_is_not_computed_yet_is_bicubic(window: Browser, tmp_path: Path) -> None:
    open_at_native_size(window, tmp_path, RGB)
    enlarge(window)
    inner = slice(12, -12)
    difference = picture_on(window)[..., :3] - bicubic(imgnet.decode(RGB), 4)
    assert np.abs(difference[inner, inner]).max() < 1


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize("gpu", [NO_FLOATS], ids=["no-floats"], indirect=True)
def test_a_gpu_without_floats_shows_pixels_and_bicubic(window: Browser, tmp_path: Path) -> None:
    open_at_native_size(window, tmp_path, RGB)
    enlarge(window)
    assert window.run("document.getElementById('stage').dataset.painter") == "webgl2"
    assert not has_switch(window)
    native = imgnet.decode(RGB)
    assert np.array_equal(picture_on(window)[..., :3], native.repeat(4, 0).repeat(4, 1))
    press(window, "wipe")
    assert labels(window) == ["pixels", "bicubic"]


def test_without_webgl2_there_is_no_switch(window: Browser, tmp_path: Path, painter: str) -> None:
    open_at_native_size(window, tmp_path, RGB)
    assert has_switch(window) == (painter == "webgl2")


def test_functions_of_the_coordinate_have_no_zoom_prior(window: Browser, tmp_path: Path) -> None:
    open_at_native_size(window, tmp_path, (GOLDEN / "v1-gated.inr").read_bytes())
    enlarge(window)
    press(window, "wipe")
    assert labels(window) == ["pixels", "bicubic"]

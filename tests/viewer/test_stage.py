"""The picture on the stage, enlarged, reduced and moved, by each painter."""

from __future__ import annotations

from pathlib import Path
from time import sleep

import numpy as np
import pytest
from PIL import Image

import imgnet
from imgnet.codec.format.container import to_bytes
from support.browser import Browser, needs_browser
from support.networks import encoded, grid_spec, random_tensors
from support.page import picture_on, press, scale, show, stage
from support.paths import SAMPLES

pytestmark = [needs_browser, pytest.mark.slow]

SMALL = to_bytes(encoded(grid_spec(90, 60), random_tensors(grid_spec(90, 60))))
RGBA = grid_spec(90, 60, dim_out=4)


def painter_of(window: Browser) -> str:
    name: str = window.run("document.getElementById('stage').dataset.painter")
    return name


def test_pixels_are_those_of_the_file(window: Browser, tmp_path: Path, painter: str) -> None:
    data = (SAMPLES / "chelsea.inr").read_bytes()
    show(window, tmp_path, data)
    assert painter_of(window) == painter
    press(window, "one")
    assert np.array_equal(picture_on(window)[..., :3], imgnet.decode(data))


def test_transparent_pixels_lie_on_squares(window: Browser, tmp_path: Path, painter: str) -> None:
    file = encoded(RGBA, random_tensors(RGBA))
    show(window, tmp_path, to_bytes(file))
    assert painter_of(window) == painter
    press(window, "one")
    drawn, pixels = picture_on(window).astype(float), imgnet.decode(file).astype(float)
    alpha = pixels[..., 3:] / 255
    without_square = np.abs(drawn[..., 3:] - pixels[..., 3:]).max(axis=2) <= 1
    assert 0.4 < without_square.mean() < 0.6
    difference = np.abs(drawn - pixels)[..., :3] * alpha
    assert difference[without_square].max() <= 2


def test_a_reduced_picture_has_the_means_of_its_pixels(
    window: Browser, tmp_path: Path, painter: str
) -> None:
    data = (SAMPLES / "chelsea.inr").read_bytes()
    show(window, tmp_path, data)
    assert painter_of(window) == painter
    press(window, "out")
    press(window, "out")
    drawn = picture_on(window)[1:-1, 1:-1, :3].astype(float)
    native = Image.fromarray(imgnet.decode(data))
    expected = np.asarray(native.resize((226, 150), Image.Resampling.BOX)).astype(float)
    assert scale(window) == 50
    assert drawn.mean(axis=(0, 1)) == pytest.approx(expected.mean(axis=(0, 1)), abs=1)
    assert drawn.std() == pytest.approx(expected.std(), rel=0.05)


@pytest.mark.parametrize("painter", ["webgl2"], indirect=True)
def test_a_picture_that_the_gpu_loses_is_painted_without_it(
    window: Browser, tmp_path: Path, painter: str
) -> None:
    source = """const create = WebGL2RenderingContext.prototype.createTexture;
        WebGL2RenderingContext.prototype.createTexture = function () {
            globalThis.gl = this;
            return create.call(this);
        };"""
    added = window.send("Page.addScriptToEvaluateOnNewDocument", source=source)
    show(window, tmp_path, SMALL)
    window.send("Page.removeScriptToEvaluateOnNewDocument", **added)
    assert painter_of(window) == painter
    window.run("gl.getExtension('WEBGL_lose_context').loseContext()")
    window.wait("document.getElementById('stage').dataset.painter === '2d'")
    press(window, "one")
    assert np.array_equal(picture_on(window)[..., :3], imgnet.decode(SMALL))
    window.problems.clear()  # the browser notes the loss


def test_the_picture_moves_like_a_map(window: Browser, tmp_path: Path, painter: str) -> None:
    show(window, tmp_path, SMALL)
    assert painter_of(window) == painter
    press(window, "one")
    before = stage(window)
    mouse = {"x": 450, "y": 350, "modifiers": 0}
    window.send("Input.dispatchMouseEvent", type="mouseWheel", deltaX=0, deltaY=-400, **mouse)
    window.wait("document.getElementById('scale').textContent !== '100 %'")
    assert scale(window) > 150
    press(window, "one")
    for kind, x, y in [("Pressed", 450, 350), ("Moved", 480, 340), ("Released", 480, 340)]:
        button = {"button": "left", "buttons": 1, "clickCount": 1}
        window.send("Input.dispatchMouseEvent", type=f"mouse{kind}", x=x, y=y, **button)
    for key in ("ArrowRight", "+", "-", "0"):
        window.send("Input.dispatchKeyEvent", type="keyDown", key=key)
    assert scale(window) == 500  # the whole picture, enlarged as it is tiny
    press(window, "one")
    assert np.array_equal(stage(window), before)


def test_the_wipe_compares_with_bicubic(window: Browser, tmp_path: Path, painter: str) -> None:
    show(window, tmp_path, SMALL)
    assert painter_of(window) == painter
    press(window, "wipe")
    assert scale(window) > 100
    sleep(0.2)
    drawn, factor = picture_on(window), round(scale(window) / 100)
    native = imgnet.decode(SMALL)
    nearest = native.repeat(factor, 0).repeat(factor, 1)
    planes = [Image.fromarray(plane.astype(np.float32)) for plane in np.moveaxis(native, 2, 0)]
    size = nearest.shape[1], nearest.shape[0]
    resized = np.dstack([plane.resize(size, Image.Resampling.BICUBIC) for plane in planes])
    half = nearest.shape[1] // 2
    assert np.array_equal(drawn[:, : half - 1, :3], nearest[:, : half - 1])
    inner = slice(3 * factor, -3 * factor)
    right = (inner, slice(half + 1, -3 * factor))
    assert np.abs(drawn[..., :3][right] - resized[right].clip(0, 255)).max() < 1

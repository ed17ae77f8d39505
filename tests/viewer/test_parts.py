"""Parts that are switched off and the rate map, in a real browser."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import imgnet
from imgnet.codec.format.container import to_bytes
from imgnet.codec.render.grid import render
from imgnet.figures.rate_map import brightest, draw_rate_map, rate_map
from support.browser import Browser, needs_browser
from support.networks import encoded, grid_spec, random_tensors
from support.page import picture_on, press, show
from support.paths import GOLDEN

pytestmark = [needs_browser, pytest.mark.slow]

SPEC = grid_spec(90, 60, num_levels=4, num_layers=2)
FILE = encoded(SPEC, random_tensors(SPEC))
IDLE = "document.body.dataset.state === 'done'"


def without(zeros: str) -> NDArray[np.uint8]:
    """Return the picture of numbers some of which are zero."""
    parameters = {
        name: np.zeros_like(values) if re.match(zeros, name) else values
        for name, values in FILE.parameters().items()
    }
    return render(SPEC, parameters)


def labels(window: Browser) -> list[str]:
    texts: list[str] = window.run(
        "[...document.querySelectorAll('#parts label')].map((label) => label.textContent)"
    )
    return texts


def switch(window: Browser, text: str) -> None:
    """Click the checkbox of a part and wait for the picture."""
    window.run(f"document.querySelectorAll('#parts input')[{labels(window).index(text)}].click()")
    window.wait(IDLE)


def is_offered(window: Browser, act: str) -> bool:
    return not window.run(f"document.querySelector('[data-act={act}]').hidden")


def test_parts_can_be_switched_off(window: Browser, tmp_path: Path) -> None:
    show(window, tmp_path, to_bytes(FILE))
    press(window, "one")
    press(window, "parts")
    levels = [f"Latents 1/{2**level}" for level in SPEC.levels()[::-1]]
    assert labels(window) == [*levels, "Latents of colour", "3x3 residual layers"]
    zeros = []
    for text, pattern in [
        ("Latents 1/2", r"latents\.\d\.1"),
        ("Latents of colour", r"latents\.[12]\."),
        ("3x3 residual layers", r"residuals\.\d\.alpha"),
    ]:
        switch(window, text)
        zeros.append(pattern)
        assert np.array_equal(picture_on(window)[..., :3], without("|".join(zeros)))
    for text in ("Latents of colour", "3x3 residual layers", "Latents 1/2"):
        switch(window, text)
    assert np.array_equal(picture_on(window)[..., :3], imgnet.decode(FILE))


def test_of_many_clicks_the_last_counts(window: Browser, tmp_path: Path) -> None:
    show(window, tmp_path, to_bytes(FILE))
    press(window, "one")
    window.run("document.querySelectorAll('#parts input').forEach((box) => box.click())")
    window.run("document.querySelector('#parts input').click()")
    window.wait(IDLE)
    hidden = r"latents\.(\d\.[123]|[12])|residuals\.\d\.alpha"
    assert np.array_equal(picture_on(window)[..., :3], without(hidden))


def test_the_rate_map_lies_over_the_picture(window: Browser, tmp_path: Path) -> None:
    show(window, tmp_path, to_bytes(FILE))
    press(window, "one")
    window.send("Input.dispatchKeyEvent", type="keyDown", key="r")
    window.wait(f"{IDLE} && !document.getElementById('legend').hidden")
    native, rates = imgnet.decode(FILE).astype(int), rate_map(FILE)
    for opacity in (0.25, 1):
        window.run(f"opacity = document.getElementById('opacity'), opacity.value = {opacity}")
        window.run("opacity.dispatchEvent(new Event('input'))")
        expected = native + opacity * (draw_rate_map(rates) - native)
        assert np.abs(picture_on(window)[..., :3] - expected).max() <= 0.5
    legend = window.run("document.getElementById('legend').innerText")
    assert f"{brightest(rates):#.3g} bpp" in legend
    assert f"{rates.sum() / 8:,.0f} bytes of latents" in legend
    press(window, "rates")
    window.wait(IDLE)
    assert np.array_equal(picture_on(window)[..., :3], native)
    assert window.run("document.getElementById('legend').hidden")


@pytest.mark.parametrize(
    ("name", "offered"), [("grid", ["parts", "rates"]), ("grid-float16", ["parts"]), ("gated", [])]
)
def test_only_what_a_file_has_is_offered(
    window: Browser, tmp_path: Path, name: str, offered: list[str]
) -> None:
    show(window, tmp_path, (GOLDEN / f"v1-{name}.inr").read_bytes())
    assert [act for act in ("parts", "rates") if is_offered(window, act)] == offered

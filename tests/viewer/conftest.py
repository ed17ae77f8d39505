"""Fixtures: a browser for all tests of the viewer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.browser import Browser, browser

NO_WEBGL2 = """
const all = HTMLCanvasElement.prototype.getContext;
HTMLCanvasElement.prototype.getContext = function (kind, ...options) {
    return kind === "webgl2" ? null : all.call(this, kind, ...options);
};
"""
SMALL_TEXTURES = "WebGL2RenderingContext.prototype.getParameter = () => 16;"
# What a page runs first, and what then paints its picture.
PAINTERS = {
    "webgl2": ("", "webgl2"),
    "no-webgl2": (NO_WEBGL2, "2d"),
    "small-textures": (SMALL_TEXTURES, "2d"),
}


@pytest.fixture(scope="package")
def _running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as running:
        metrics = {"width": 1000, "height": 800, "deviceScaleFactor": 1, "mobile": False}
        running.send("Emulation.setDeviceMetricsOverride", **metrics)
        yield running


@pytest.fixture
def window(_running: Browser) -> Iterator[Browser]:
    """A browser whose page complains about nothing."""
    _running.problems.clear()
    yield _running
    # An emulated GPU complains when its pixels are read, and a browser without one when asked.
    expected = ("GPU stall", "No available adapters")
    assert not [p for p in _running.problems if not any(map(p.__contains__, expected))]


@pytest.fixture(params=PAINTERS)
def painter(window: Browser, request: pytest.FixtureRequest) -> Iterator[str]:
    """The painter of the pages that a test opens."""
    script, name = PAINTERS[request.param]
    added = window.send("Page.addScriptToEvaluateOnNewDocument", source=script)
    yield name
    window.send("Page.removeScriptToEvaluateOnNewDocument", **added)

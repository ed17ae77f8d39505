"""Fixtures: a browser for all tests of the viewer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.browser import Browser, browser


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
    assert not _running.problems

"""The page of a fit in a real browser: it watches a small fit to its end."""

from __future__ import annotations

import io
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep

import pytest
from PIL import Image

from imgnet.viewer.live.feed import Feed
from imgnet.viewer.live.server import serving
from support.browser import Browser, needs_browser
from support.pictures import picture

pytestmark = [needs_browser, pytest.mark.slow]


def show(window: Browser, address: str) -> None:
    window.send("Page.navigate", url=address)
    window.wait(f"location.href === '{address}' && document.readyState === 'complete'")


def state(window: Browser) -> str:
    return str(window.run("document.body.dataset.state"))


def text(window: Browser, name: str) -> str:
    return str(window.run(f"document.getElementById('{name}').innerText"))


def wait_for(window: Browser, condition: str) -> None:
    """Wait as long as a fit may take whose kernels have to be compiled."""
    deadline = monotonic() + 150
    while not window.run(condition):
        assert monotonic() < deadline, condition
        sleep(0.05)


@pytest.fixture
def fit(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A live view of a small picture without -o, and the address of its page."""
    Image.fromarray(picture(90, 60)).save(tmp_path / "photo.png")
    command = [sys.executable, "-m", "imgnet", "view", "--live", "--no-open", "photo.png"]
    running = subprocess.Popen(
        [*command, "-q", "40", "-e", "1"], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    assert running.stdout is not None
    yield running, running.stdout.readline().strip()
    if running.poll() is None:
        running.send_signal(signal.SIGINT)
    running.wait(30)
    running.stdout.close()


def test_a_fit_is_watched_to_its_end(
    window: Browser, fit: tuple[subprocess.Popen[str], str], tmp_path: Path
) -> None:
    running, address = fit
    window.send("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    show(window, address)
    wait_for(window, "picture.naturalWidth === 90")
    assert window.run("save.disabled === (document.body.dataset.state !== 'done')")
    wait_for(window, "document.body.dataset.state === 'done'")
    assert window.run("document.querySelectorAll('polyline').length") == 4
    points = window.run("document.querySelector('#psnr .curve').getAttribute('points')")
    assert len(re.findall(r"[\d.]+,[\d.]+", points)) > 3
    window.run("save.click()")
    file = tmp_path / "photo.inr"
    deadline = monotonic() + 10
    while not file.exists() or not file.stat().st_size:
        assert monotonic() < deadline
        sleep(0.05)
    assert f"{file.stat().st_size:,} bytes" in text(window, "facts")
    assert text(window, "save") == "Download photo.inr"
    drawn = window.run("""(() => {
        const canvas = document.createElement("canvas");
        [canvas.width, canvas.height] = [picture.naturalWidth, picture.naturalHeight];
        canvas.getContext("2d").drawImage(picture, 0, 0);
        return [...canvas.getContext("2d").getImageData(0, 0, 90, 60).data];
    })()""")
    decoded = subprocess.run(
        [sys.executable, "-m", "imgnet", "decode", file, "-o", "-", "--format", "png"],
        check=True, capture_output=True,
    )  # fmt: skip
    with Image.open(io.BytesIO(decoded.stdout)) as image:
        assert bytes(drawn) == image.convert("RGBA").tobytes()
    show(window, "about:blank")
    assert running.wait(30) == 0


def progress(step: int) -> dict[str, float]:
    return {"step": step, "steps": 100, "psnr_db": 20 + step / 10, "bpp": 1 - step / 200,
            "elapsed_s": 1.0 * step, "remaining_s": 100.0 - step}  # fmt: skip


def test_a_page_that_is_loaded_late_shows_everything(window: Browser) -> None:
    feed = Feed()
    for step in (1, 20, 50):
        feed.publish("progress", **progress(step))
    with serving(feed, "a.png", "a.inr") as address:
        show(window, address)
        window.wait("document.body.dataset.state === 'fitting'")
        window.wait("document.getElementById('facts').innerText.includes('50 of 100')")
        facts = text(window, "facts")
        assert all(fact in facts for fact in ("25.00 dB", "0.750 bpp", "0:50"))
        points = window.run("document.querySelector('#rate .values').getAttribute('points')")
        assert len(points.split()) == 3
        feed.publish("failed", message="a.png: <i>odd</i>")
        window.wait("document.body.dataset.state === 'failed'")
        assert text(window, "state") == "a.png: <i>odd</i>"
    sleep(0.3)
    assert state(window) == "failed"
    window.problems.clear()  # the connection that ended


def test_the_end_of_the_command_is_shown(window: Browser) -> None:
    feed = Feed()
    with serving(feed, "a.png", "a.inr") as address:
        feed.publish("progress", **progress(7))
        show(window, address)
        window.wait("document.body.dataset.state === 'fitting'")
    window.wait("document.body.dataset.state === 'ended'")
    assert text(window, "state") == "The command has ended."
    window.problems.clear()  # the connection that ended


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_follows_the_colour_scheme(window: Browser, scheme: str) -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    window.send("Emulation.setEmulatedMedia", features=features)
    with serving(Feed(), "a.png", "a.inr") as address:
        show(window, address)
        with Image.open(io.BytesIO(window.screenshot())) as image:
            corner = image.convert("L").getpixel((5, 5))
        show(window, "about:blank")
    assert isinstance(corner, int | float)
    assert (corner < 60) == (scheme == "dark")

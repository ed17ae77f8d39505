"""`<inr-image>` on a web page, in a real browser."""

from __future__ import annotations

import base64
import io
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import imgnet
from imgnet.codec.format.container import to_bytes
from imgnet.codec.render.grid import render
from imgnet.viewer.element import element_script
from support.browser import Browser, needs_browser
from support.networks import encoded, grid_spec, near_prior, prior_spec, random_tensors
from support.paths import SAMPLES

pytestmark = [needs_browser, pytest.mark.slow]

PRIOR = prior_spec(40, 30)
WIDE = grid_spec(90, 60, num_levels=4, chroma_level=2)
FILES = {
    "photo.inr": to_bytes(encoded(PRIOR, near_prior(PRIOR))),
    "wide.inr": to_bytes(encoded(WIDE, random_tensors(WIDE))),
    "damaged.inr": b"GIF89a",
}


class Quiet(SimpleHTTPRequestHandler):
    """A server that writes no log."""

    def log_message(self, *_arguments: Any) -> None:
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A folder with the module and files, and the address at which a server offers it."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "imgnet.js").write_bytes(element_script())
    for name, data in FILES.items():
        (folder / name).write_bytes(data)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def show(window: Browser, site: tuple[Path, str], body: str) -> None:
    """Open a page, which notes the events of its pictures in `events`."""
    folder, address = site
    (folder / "page.html").write_text(
        f"""<!doctype html><html><head><link rel="icon" href="data:,"><script>
        const events = [];
        for (const type of ["load", "error"]) {{
            const note = ({{target, message}}) => target.localName === "inr-image"
                && events.push([type, target.id, message ?? null]);
            document.addEventListener(type, note, true);
        }}
        </script><script src="imgnet.js" defer></script></head><body>{body}</body></html>"""
    )
    window.open(f"{address}/page.html", "customElements.get('inr-image')")


def canvas(window: Browser, name: str) -> NDArray[np.uint8]:
    """Return the pixels of a picture (height, width, 4)."""
    url = window.run(f"{name}.shadowRoot.querySelector('canvas').toDataURL()")
    with Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))) as image:
        return np.asarray(image.convert("RGBA"))


def box(window: Browser, name: str) -> list[float]:
    size: list[float] = window.run(
        f"[{name}.getBoundingClientRect().width, {name}.getBoundingClientRect().height]"
    )
    return size


def test_a_picture_without_sizes_has_those_of_its_file(
    window: Browser, site: tuple[Path, str]
) -> None:
    show(window, site, '<inr-image id="a" src="photo.inr" alt="A cup"></inr-image>')
    window.wait("events.length")
    assert window.run("events") == [["load", "a", None]]
    assert box(window, "a") == [40, 30]
    assert window.run("[a.naturalWidth, a.naturalHeight, a.complete]") == [40, 30, True]
    assert np.array_equal(canvas(window, "a")[..., :3], imgnet.decode(FILES["photo.inr"]))


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ('width="80"', [80, 60]),
        ('height="15"', [20, 15]),
        ('width="80" height="20"', [80, 20]),
        ('width="80" height="20" style="width: 40px"', [40, 10]),
    ],
)
def test_sizes_are_those_of_attributes_and_styles(
    window: Browser, site: tuple[Path, str], attributes: str, expected: list[float]
) -> None:
    show(window, site, f'<inr-image id="a" src="photo.inr" {attributes}></inr-image>')
    window.wait("events.length")
    assert box(window, "a") == expected


def test_only_the_levels_that_the_layout_needs_are_decoded(
    window: Browser, site: tuple[Path, str]
) -> None:
    show(window, site, '<inr-image id="a" src="wide.inr" width="20"></inr-image>')
    window.wait("events.length")
    assert canvas(window, "a").shape == (30, 45, 4)
    window.run("a.width = 90, a.setAttribute('width', 90)")
    window.wait("events.length === 2")
    assert np.array_equal(canvas(window, "a")[..., :3], imgnet.decode(FILES["wide.inr"]))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("damaged.inr", "not an .inr file; `imgnet encode` makes one from an image"),
        ("missing.inr", "cannot be read (404 File not found)"),
        ("http://[", "cannot be read (no connection)"),
    ],
)
def test_faults_are_events_with_a_message(
    window: Browser, site: tuple[Path, str], name: str, message: str
) -> None:
    show(window, site, f'<inr-image id="a" src="{name}" alt="A cup" width="80"></inr-image>')
    window.wait("events.length")
    assert window.run("events") == [["error", "a", f"{name.split('/')[-1]}: {message}"]]
    assert window.run("a.shadowRoot.querySelector('span').textContent") == "A cup"
    window.problems.clear()  # the browser notes an address that does not exist


def test_the_page_of_the_samples_shows_ten_pictures(
    window: Browser, site: tuple[Path, str]
) -> None:
    folder, address = site
    for path in (SAMPLES / "pictures.html", *SAMPLES.glob("*.inr")):
        (folder / path.name).write_bytes(path.read_bytes())
    window.open(f"{address}/pictures.html", "customElements.get('inr-image')")
    pictures = "[...document.querySelectorAll('inr-image')]"
    window.run(f"{pictures}.at(-1).scrollIntoView()")
    window.wait(f"{pictures}.every((picture) => picture.complete)")
    assert window.run(f"{pictures}.length") == 10
    for i in range(10):
        name, width = window.run(f"[{pictures}[{i}].src, {pictures}[{i}].clientWidth]")
        file = imgnet.open(SAMPLES / name)
        level = 1 if 4 * width <= file.spec.width else 0
        expected = render(file.spec, file.parameters(level), level)
        drawn = canvas(window, f"{pictures}[{i}]")[..., :3]
        assert np.array_equal(drawn, expected)
        colour = imgnet.decode(file).mean(axis=(0, 1))
        assert drawn.mean(axis=(0, 1)) == pytest.approx(colour, abs=1)


def test_ten_pictures_share_workers(window: Browser, site: tuple[Path, str]) -> None:
    pictures = (
        f'<inr-image id="p{i}" src="{"photo" if i % 2 else "wide"}.inr"></inr-image>'
        for i in range(10)
    )
    show(window, site, "".join(pictures))
    window.wait("events.length === 10")
    assert {kind for kind, _, _ in window.run("events")} == {"load"}


def test_pictures_far_below_the_window_wait(window: Browser, site: tuple[Path, str]) -> None:
    below = '<inr-image id="b" src="photo.inr" width="40" style="margin-top: 4000px"></inr-image>'
    show(window, site, f'<inr-image id="a" src="wide.inr" width="90"></inr-image><br>{below}')
    window.wait("events.length")
    assert window.run("[a.complete, b.complete]") == [True, False]
    window.run("b.scrollIntoView()")
    window.wait("b.complete")


def test_another_source_takes_the_place_of_the_first(
    window: Browser, site: tuple[Path, str]
) -> None:
    show(window, site, '<inr-image id="a" src="photo.inr"></inr-image>')
    window.wait("events.length")
    window.run("a.src = 'wide.inr', null")
    window.wait("events.length === 2")
    assert box(window, "a") == [90, 60]


def test_only_the_last_of_many_sources_is_shown(window: Browser, site: tuple[Path, str]) -> None:
    show(window, site, '<inr-image id="a" src="photo.inr"></inr-image>')
    sources = ["wide", "photo", "missing", "damaged", "wide"]
    window.run(f"for (const name of {sources}) a.src = `${{name}}.inr`; events.length = 0")
    window.wait("a.complete")
    assert window.run("events")[-1:] == [["load", "a", None]]
    assert box(window, "a") == [90, 60]
    window.problems.clear()

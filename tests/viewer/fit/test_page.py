"""The page of a fit in a real browser: drop a picture, watch, stop, save, decode."""

from __future__ import annotations

import io
from base64 import b64encode
from pathlib import Path
from time import monotonic, sleep

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import imgnet
from imgnet.metrics.psnr import psnr_db
from imgnet.viewer.fit_page import fit_page
from support.browser import EMULATED_GPU, Browser, browser, needs_browser
from support.pictures import picture

pytestmark = [needs_browser, pytest.mark.slow]

# Workers get their script as a blob.
NO_SIMD = """
const AnyBlob = Blob;
Blob = class extends AnyBlob {
  constructor(parts, options) {
    const first = "WebAssembly.validate = () => false; WebAssembly.Module = null;";
    super(options?.type === "text/javascript" ? [first, ...parts] : parts, options);
  }
};
"""


def show(window: Browser, folder: Path) -> None:
    page = folder / "fit.html"
    page.write_bytes(fit_page())
    window.send("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder))
    window.open(page.as_uri(), "document.body.dataset.state === 'empty'")


def drop(window: Browser, data: bytes, name: str = "photo.png") -> None:
    window.run(f"""{{
        const bytes = Uint8Array.from(atob("{b64encode(data).decode()}"), (c) => c.charCodeAt(0));
        const transfer = new DataTransfer();
        transfer.items.add(new File([bytes], "{name}", {{ type: "image/png" }}));
        window.dispatchEvent(new DragEvent("drop", {{ dataTransfer: transfer }}));
    }}""")


def png(pixels: NDArray[np.uint8]) -> bytes:
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "PNG")
    return data.getvalue()


def fact(window: Browser, name: str) -> float:
    rows = window.run("document.getElementById('facts').innerText").splitlines()
    values = dict(row.split("\t") for row in rows if "\t" in row)
    return float(values[name].split()[0].replace(",", ""))


def stopped(window: Browser) -> None:
    window.run("document.getElementById('pause').click()")
    window.wait("document.body.dataset.state === 'stopped'")


def saved(window: Browser, folder: Path, name: str) -> bytes:
    window.run("document.getElementById('save').click()")
    deadline = monotonic() + 10
    while not (folder / name).exists() or not (folder / name).stat().st_size:
        assert monotonic() < deadline
        sleep(0.05)
    return (folder / name).read_bytes()


@pytest.mark.parametrize("family", ["mlp", "gated"])
def test_a_fit_is_stopped_saved_and_decoded(window: Browser, tmp_path: Path, family: str) -> None:
    pixels = picture(90, 61)
    show(window, tmp_path)
    window.run(f"""{{
        const family = document.getElementById("family");
        family.value = "{family}";
        family.dispatchEvent(new Event("change"));
    }}""")
    drop(window, png(pixels), "photo.of.me.png")
    points = "document.querySelector('#psnr .curve')?.getAttribute('points').split(' ').length"
    window.wait(f"{points} > 3")
    stopped(window)
    file = saved(window, tmp_path, "photo.of.me.inr")
    assert len(file) == fact(window, "File")
    decoded = imgnet.decode(file)
    assert psnr_db(pixels, decoded) == pytest.approx(fact(window, "PSNR"), abs=0.1)
    flat = np.broadcast_to(pixels.mean((0, 1)).astype(np.uint8), pixels.shape)
    assert psnr_db(pixels, decoded) > psnr_db(pixels, flat) + 3
    drawn = window.run("[...picture.getContext('2d').getImageData(0, 0, 90, 61).data]")
    shown = np.array(drawn).reshape(61, 90, 4)[..., :3]
    assert np.abs(shown - decoded.astype(int)).max() <= 1


def test_a_fit_goes_on(window: Browser, tmp_path: Path) -> None:
    show(window, tmp_path)
    drop(window, png(picture(40, 30)))
    window.wait("document.body.dataset.state === 'fitting' && !save.disabled")
    stopped(window)
    steps = fact(window, "Step")
    sleep(0.5)
    assert fact(window, "Step") == steps
    window.run("document.getElementById('pause').click()")
    window.wait("document.body.dataset.state === 'fitting'")
    window.wait(f"""Number(document.getElementById('facts').innerText
        .match(/Step\\t([\\d,]+)/)[1].replaceAll(',', '')) > {steps}""")


def test_a_machine_without_simd_fits_too(window: Browser, tmp_path: Path) -> None:
    added = window.send("Page.addScriptToEvaluateOnNewDocument", source=NO_SIMD)
    show(window, tmp_path)
    window.send("Page.removeScriptToEvaluateOnNewDocument", **added)
    drop(window, png(picture(16, 9)))
    window.wait("!save.disabled")
    stopped(window)
    file = saved(window, tmp_path, "photo.inr")
    assert imgnet.decode(file).shape == (9, 16, 3)


def test_a_flat_picture_becomes_exact(window: Browser, tmp_path: Path) -> None:
    pixels = np.full((8, 9, 3), (90, 30, 200), np.uint8)
    show(window, tmp_path)
    drop(window, png(pixels))
    window.wait("document.getElementById('facts').innerText.includes('exact')")
    stopped(window)
    assert np.array_equal(imgnet.decode(saved(window, tmp_path, "photo.inr")), pixels)


def test_large_pictures_are_scaled_down(window: Browser, tmp_path: Path) -> None:
    show(window, tmp_path)
    drop(window, png(np.full((1000, 1600, 3), 90, np.uint8)))
    window.wait("!save.disabled")
    assert "793x496, scaled down from 1600x1000" in window.run("state.textContent")


def test_another_picture_takes_the_place_of_one(window: Browser, tmp_path: Path) -> None:
    show(window, tmp_path)
    drop(window, png(picture(40, 30)), "one.png")
    window.wait("!save.disabled")
    drop(window, b"GIF89a", "broken.gif")
    window.wait("document.body.dataset.state === 'failed'")
    message = window.run("state.textContent")
    assert message == "broken.gif: this browser cannot read it as a picture"
    drop(window, png(picture(20, 50)), "two.png")
    window.wait("!save.disabled")
    assert window.run("[picture.width, picture.height, document.title]") == [20, 50, "two.png"]


def test_a_gpu_is_tried(tmp_path: Path) -> None:
    pixels = picture(48, 32)
    with browser(tmp_path / "profile", EMULATED_GPU) as window:
        show(window, tmp_path)
        if not window.run("navigator.gpu?.requestAdapter().then(Boolean)"):
            pytest.skip("this browser emulates no GPU")
        drop(window, png(pixels))
        window.wait("state.textContent.includes('GPU')")
        stopped(window)
        decoded = imgnet.decode(saved(window, tmp_path, "photo.inr"))
        assert psnr_db(pixels, decoded) == pytest.approx(fact(window, "PSNR"), abs=0.1)
        assert not window.problems

"""The page in a real browser: pixels, gestures, faults, downloads."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from time import sleep

import numpy as np
import pytest
from PIL import Image, ImageCms

import imgnet
from imgnet.codec.format.container import WAY_OUT, Encoded, from_bytes, to_bytes
from imgnet.image.colour.icc import icc_profile
from imgnet.image.files import read_photo
from imgnet.image.picture import Metadata
from imgnet.spec import Spec
from imgnet.viewer.page import page_of
from support.browser import Browser, needs_browser
from support.networks import encoded, grid_spec, near_prior, prior_spec, random_tensors
from support.page import picture_on, press, show
from support.paths import GOLDEN, SAMPLES

pytestmark = [needs_browser, pytest.mark.slow]

SMALL = to_bytes(encoded(grid_spec(90, 60), random_tensors(grid_spec(90, 60))))


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee"])
def test_samples_have_their_pixels(window: Browser, tmp_path: Path, name: str) -> None:
    data = (SAMPLES / f"{name}.inr").read_bytes()
    show(window, tmp_path, data)
    press(window, "one")
    drawn = picture_on(window)
    assert (drawn[..., 3] == 255).all()
    assert np.array_equal(drawn[..., :3], imgnet.decode(data))


# The canvas has whole colours only where it is opaque.
OPAQUE = [path for path in sorted(GOLDEN.glob("*.inr")) if imgnet.open(path).mode == "RGB"]


@pytest.mark.parametrize("path", OPAQUE, ids=str)
def test_stored_files_have_their_pixels(window: Browser, tmp_path: Path, path: Path) -> None:
    show(window, tmp_path, path.read_bytes())
    press(window, "one")
    difference = picture_on(window)[..., :3].astype(int) - imgnet.decode(path)
    assert np.abs(difference).max() <= (0 if "grid" in path.stem else 1)


@pytest.mark.parametrize("policy", ["", "'wasm-unsafe-eval' "])
def test_a_large_coordinate_network_has_its_pixels(
    window: Browser, tmp_path: Path, policy: str
) -> None:
    spec, rng = Spec("gated", 300, 200, 64, 64, 1), np.random.default_rng(4)
    tensors = {n: rng.normal(0, 0.25, s).astype("f2") for n, s in spec.shapes().items()}
    data = to_bytes(Encoded(spec, "RGB", tensors))
    page = tmp_path / "page.html"
    # Without this part of its policy, the page cannot use WebAssembly.
    page.write_bytes(page_of(data, "photo.inr", {}).replace(policy.encode(), b"", 1))
    window.open(page.as_uri(), "['done', 'failed'].includes(document.body.dataset.state)")
    press(window, "one")
    difference = picture_on(window)[..., :3].astype(int) - imgnet.decode(data)
    assert np.abs(difference).max() <= 1


def test_colours_are_those_of_the_profile(window: Browser, tmp_path: Path) -> None:
    spec = grid_spec(40, 30)
    file = encoded(spec, random_tensors(spec))
    plain = imgnet.decode(file).astype(int)
    display_p3 = icc_profile((0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06), [(2.2,)])
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    for icc in (srgb.tobytes(), display_p3):
        show(window, tmp_path, to_bytes(replace(file, metadata=Metadata(icc))))
        press(window, "one")
        drawn = picture_on(window)[..., :3].astype(int)
        source = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        image = Image.fromarray(plain.astype(np.uint8))
        expected = np.asarray(ImageCms.profileToProfile(image, source, srgb)).astype(int)
        assert np.abs(drawn - expected).max() <= 3
    assert np.abs(drawn - plain).max() > 10


def test_a_download_has_all_bits_and_the_metadata(window: Browser, tmp_path: Path) -> None:
    spec = grid_spec(21, 13, dim_out=4)
    metadata = Metadata(b"", b"II*\0\x08\0\0\0\0\0\0\0\0\0", b"<x/>")
    file = replace(encoded(spec, random_tensors(spec)), depth=16, metadata=metadata)
    show(window, tmp_path, to_bytes(file))
    window.send("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    press(window, "save")
    download = tmp_path / "photo.png"
    while not download.exists():
        sleep(0.05)
    pixels, profile = read_photo(download)
    assert np.array_equal(pixels, imgnet.decode(file, depth=16))
    assert profile.metadata.xmp == metadata.xmp


def drop(window: Browser, data: bytes) -> None:
    """Drop other.inr on the page."""
    window.run(f"""{{
        document.title = "before";
        const transfer = new DataTransfer();
        transfer.items.add(new File([new Uint8Array({list(data)})], "other.inr"));
        window.dispatchEvent(new DragEvent("drop", {{ dataTransfer: transfer }}));
    }}""")
    window.wait("document.title === 'other.inr' && document.body.dataset.state !== 'decoding'")


def test_other_files_can_be_dropped(window: Browser, tmp_path: Path) -> None:
    show(window, tmp_path, SMALL)
    drop(window, b"GIF89a")
    message = window.run("document.getElementById('fault').textContent")
    assert message == "other.inr: not an .inr file; `imgnet encode` makes one from an image"
    spec = prior_spec(40, 30)
    data = to_bytes(encoded(spec, near_prior(spec)))
    drop(window, data)
    assert window.run("document.body.dataset.state") == "done"
    press(window, "one")
    assert np.array_equal(picture_on(window)[..., :3], imgnet.decode(data))


def test_a_damaged_file_shows_the_message_of_the_command_line(
    window: Browser, tmp_path: Path
) -> None:
    show(window, tmp_path, SMALL[:-1])
    with pytest.raises(imgnet.FormatError) as fault:
        from_bytes(SMALL[:-1], "photo.inr")
    expected = str(fault.value).removesuffix(WAY_OUT)  # a page draws no part
    assert window.run("document.getElementById('fault').textContent") == expected
    assert window.run("getComputedStyle(document.getElementById('fault')).display") != "none"


def test_the_panel_tells_the_bytes(window: Browser, tmp_path: Path) -> None:
    show(window, tmp_path, SMALL)
    press(window, "panel")
    text = window.run("document.getElementById('panel').innerText")
    assert f"{len(SMALL):,} bytes" in text
    assert "90 \N{MULTIPLICATION SIGN} 60" in text
    assert f"{8 * len(SMALL) / 5400:.3f} bpp" in text


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_follows_the_colour_scheme(window: Browser, tmp_path: Path, scheme: str) -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    window.send("Emulation.setEmulatedMedia", features=features)
    show(window, tmp_path, SMALL)
    with Image.open(io.BytesIO(window.screenshot())) as image:
        corner = image.convert("L").getpixel((3, 3))
    assert isinstance(corner, int | float)
    assert (corner < 60) == (scheme == "dark")

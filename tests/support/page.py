"""The page of a file in a browser: what a test does to it, and what it shows."""

from __future__ import annotations

import io
from base64 import b64decode
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imgnet.viewer.embedded_priors import every_prior
from imgnet.viewer.embedded_zoom import EmbeddedZoom
from imgnet.viewer.page import page_of
from support.browser import Browser


def show(
    window: Browser,
    folder: Path,
    data: bytes,
    name: str = "photo.inr",
    zoom: EmbeddedZoom | None = None,
) -> None:
    """Open the page of a file."""
    page = folder / "page.html"
    page.write_bytes(page_of(data, name, every_prior(), zoom))
    window.open(page.as_uri(), "['done', 'failed'].includes(document.body.dataset.state)")


def press(window: Browser, act: str) -> None:
    window.run(f"document.querySelector('[data-act={act}]').click()")


def stage(window: Browser) -> NDArray[np.uint8]:
    """Return what is drawn on the stage, (height, width, 4)."""
    url = window.run("document.getElementById('stage').toDataURL()")
    with Image.open(io.BytesIO(b64decode(url.partition(",")[2]))) as image:
        return np.asarray(image.convert("RGBA"))


def picture_on(window: Browser) -> NDArray[np.uint8]:
    """Return the picture on the stage, without what is around it."""
    drawn = stage(window)
    rows, columns = np.nonzero(drawn[..., 3])
    return drawn[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]


def scale(window: Browser) -> float:
    return float(window.run("document.getElementById('scale').textContent").removesuffix(" %"))

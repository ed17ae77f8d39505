"""Files written by earlier versions keep decoding to the same picture.

`python tests/test_golden.py [NAME...]` writes the files anew; do so only for a new version of the
format, and keep the files of the old one.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import imgnet
from imgnet.container import from_bytes, to_bytes
from imgnet.metrics import psnr_db

FOLDER = Path(__file__).parent / "golden"
VERSION = 1
OPTIONS: dict[str, dict[str, Any]] = {
    "grid": {"model": "grid"},
    "grid-coarse": {"model": "grid", "quality": 20},
    "grid-float16": {"model": "grid", "weights": "float16"},
    "gated": {"model": "gated", "target_size": 1200},
    "mlp": {"model": "mlp", "target_size": 1200},
    "gated-float16": {"model": "gated", "weights": "float16", "dim_hidden": 8, "num_layers": 1},
}


def picture() -> NDArray[np.uint8]:
    """Draw a disc on a slope, 48x32: smooth parts, an edge, three different channels."""
    y, x = np.mgrid[0:32, 0:48]
    disc = np.hypot(x - 30, y - 14) < 9
    planes = [60 + 3 * x, np.where(disc, 220, 40 + 4 * y), 128 + 100 * np.sin((x + y) / 8)]
    return np.stack(planes, axis=2).round().astype(np.uint8)


def path(name: str, suffix: str) -> Path:
    return FOLDER / f"v{VERSION}-{name}.{suffix}"


def expected(name: str) -> NDArray[np.uint8]:
    with Image.open(path(name, "png")) as image:
        return np.asarray(image)


@pytest.mark.parametrize("name", OPTIONS)
def test_stored_files_decode_to_their_stored_pixels(name: str) -> None:
    difference = np.abs(imgnet.decode(path(name, "inr")).astype(int) - expected(name))
    if name.startswith("grid"):
        assert not difference.any()
    # Another processor sums in another order, so floats may round to the next level, seldom.
    assert difference.max() <= 1
    assert np.count_nonzero(difference) <= 0.001 * difference.size


@pytest.mark.parametrize("name", OPTIONS)
def test_stored_files_are_written_back_byte_for_byte(name: str) -> None:
    data = path(name, "inr").read_bytes()
    encoded = from_bytes(data)
    assert to_bytes(encoded) == data
    assert encoded.spec.family == OPTIONS[name]["model"]
    assert encoded.weights == OPTIONS[name].get("weights", "coded")


@pytest.mark.parametrize("name", OPTIONS)
def test_stored_pixels_show_the_picture(name: str) -> None:
    assert psnr_db(picture(), expected(name)) > 22


def test_every_stored_file_is_tested() -> None:
    names = {file.name for file in FOLDER.iterdir()}
    assert names == {path(name, suffix).name for name in OPTIONS for suffix in ("inr", "png")}


def regenerate(names: Iterable[str]) -> None:
    FOLDER.mkdir(exist_ok=True)
    for name in names:
        options = OPTIONS[name]
        encoded = imgnet.encode(picture(), effort=1, device="cpu", **options)
        imgnet.save(encoded, path(name, "inr"))
        Image.fromarray(imgnet.decode(encoded)).save(path(name, "png"))
        print(name, len(to_bytes(encoded)), encoded.report)


if __name__ == "__main__":
    regenerate(sys.argv[1:] or OPTIONS)

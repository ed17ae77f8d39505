"""Files written by earlier versions keep decoding to the same picture.

`python tests/test_golden.py [NAME...]` writes the files anew; do so only for a new version of the
format, and keep the files of the old one.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import imgnet
from imgnet.cli.app import run
from imgnet.codec.format.container import from_bytes, to_bytes
from imgnet.image.files import read_photo
from imgnet.image.formats import write_image
from imgnet.image.masks import sample_mask
from imgnet.image.picture import Metadata, Profile, Samples
from imgnet.metrics.psnr import psnr_db
from support.paths import GOLDEN

VERSION = 1
RELEASED = "ddd717f018d1ae05b0299b7b7cac79c43137810b5b8a2ec89026db95b458def9"  # of all files
METADATA = Metadata(b"a profile of colours", b"II*\0 and more", b"<x/>")
OPTIONS: dict[str, dict[str, Any]] = {
    "grid": {"model": "grid"},
    "grid-coarse": {"model": "grid", "quality": 20},
    "grid-fine": {"model": "grid", "quality": 95},  # no prior
    "grid-float16": {"model": "grid", "weights": "float16"},
    "grid-grey": {"model": "grid"},
    "grid-row": {"model": "grid"},
    "gated": {"model": "gated", "target_size": 1200},
    "mlp": {"model": "mlp", "target_size": 1200},
    "grid-deep": {"model": "grid", "quality": 82},
    "gated-float16": {"model": "gated", "weights": "float16", "dim_hidden": 8, "num_layers": 1},
}


def picture() -> NDArray[np.uint8]:
    """Draw a disc on a slope, 48x32: smooth parts, an edge, three different channels."""
    y, x = np.mgrid[0:32, 0:48]
    disc = np.hypot(x - 30, y - 14) < 9
    planes = [60 + 3 * x, np.where(disc, 220, 40 + 4 * y), 128 + 100 * np.sin((x + y) / 8)]
    return np.stack(planes, axis=2).round().astype(np.uint8)


def deep_picture() -> tuple[NDArray[np.uint16], Profile]:
    """Draw it with 16 bits, alpha and metadata; what lies left of the disc is transparent."""
    alpha = np.clip(np.arange(48) * 40 - 700, 0, 255) * np.ones((32, 1))
    pixels = np.dstack([picture(), np.rint(alpha)]).astype(np.uint16)
    return pixels * 257, Profile("RGBA", 16, METADATA)


def grey_picture() -> tuple[NDArray[np.uint8], Profile]:
    """Draw the grey of the first channel, with alpha that falls from left to right."""
    alpha = np.linspace(255, 90, 48) * np.ones((32, 1))
    return np.dstack([picture()[..., 0], np.rint(alpha)]).astype(np.uint8), Profile("LA", 8)


def row() -> NDArray[np.uint8]:
    """Draw one row of pixels."""
    return np.ascontiguousarray(picture()[14:15])


SOURCES: dict[str, Callable[[], Any]] = {
    "grid-deep": deep_picture,
    "grid-grey": grey_picture,
    "grid-row": row,
}


def source(name: str) -> Any:
    """Return what a stored file was encoded from."""
    return SOURCES.get(name, picture)()


def path(name: str, suffix: str) -> Path:
    return GOLDEN / f"v{VERSION}-{name}.{suffix}"


def expected(name: str) -> Samples:
    return read_photo(path(name, "png"))[0]


def decoded(name: str) -> Samples:
    return imgnet.decode(path(name, "inr"), depth=16 if name == "grid-deep" else 8)


@pytest.mark.parametrize("name", OPTIONS)
def test_stored_files_decode_to_their_stored_pixels(name: str) -> None:
    difference = np.abs(decoded(name).astype(int) - expected(name))
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
    drawn = source(name)
    pixels = drawn[0] if isinstance(drawn, tuple) else drawn
    is_transparent = pixels.shape[2] in (2, 4)
    seen = sample_mask(pixels, None) if is_transparent else None
    assert psnr_db(pixels, expected(name), seen) > (22 if pixels.dtype == np.uint8 else 30)


def test_a_stored_file_has_depth_and_metadata() -> None:
    encoded = imgnet.open(path("grid-deep", "inr"))
    assert (encoded.mode, encoded.depth, encoded.metadata) == ("RGBA", 16, METADATA)


def test_the_commands_read_stored_files(capfd: pytest.CaptureFixture[str]) -> None:
    files = [str(path(name, "inr")) for name in OPTIONS]
    assert run(["info", "--verbose", *files]) == 0
    assert run(["verify", *files]) == 0
    out, err = capfd.readouterr()
    assert err == ""
    exact = [line for line in out.splitlines() if line.endswith(": exact")]
    assert len(exact) == sum(
        options["model"] == "grid" and "weights" not in options for options in OPTIONS.values()
    )


def test_every_stored_file_is_tested() -> None:
    names = {file.name for file in GOLDEN.iterdir()}
    assert names == {path(name, suffix).name for name in OPTIONS for suffix in ("inr", "png")}


def test_stored_files_are_those_of_the_release() -> None:
    digest = sha256()
    for name in sorted(OPTIONS):
        digest.update(path(name, "inr").read_bytes())
    assert digest.hexdigest() == RELEASED


def regenerate(names: Iterable[str]) -> None:
    GOLDEN.mkdir(exist_ok=True)
    for name in names:
        encoded = imgnet.encode(source(name), effort=1, device="cpu", **OPTIONS[name])
        imgnet.save(encoded, path(name, "inr"))
        write_image(decoded(name), path(name, "png"))
        print(name, len(to_bytes(encoded)), encoded.report)


if __name__ == "__main__":
    regenerate(sys.argv[1:] or OPTIONS)

"""`imgnet resample` on .inr files and on images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save

import imgnet
from imgnet.cli.app import run
from imgnet.image.files import read_photo
from support.paths import GOLDEN
from support.picture_files import as_image, stored
from support.pictures import ramp

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: an .inr file of 48x32 pixels, an image, and files of neither kind."""
    monkeypatch.chdir(tmp_path)
    data = (GOLDEN / "v1-grid.inr").read_bytes()
    Path("given.inr").write_bytes(data)
    Path("cut.inr").write_bytes(data[:-5])
    Path("image.png").write_bytes(stored(as_image(ramp(3, height=6, width=8))))
    Path("given.webp").write_bytes(b"precious")
    Path("text.png").write_text("no picture")
    Path("foreign.inr").write_bytes(save({"weights": np.zeros(4, np.float32)}))
    return tmp_path


def resample(line: str) -> int:
    return run(["resample", *line.split()])


def files() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path().iterdir()}


def pixels_of(path: str) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.mark.parametrize(
    ("option", "options"),
    [
        ("--scale 2", {"scale": 2}),
        ("--scale 0.5", {"scale": 0.5}),
        ("--size 40x20", {"size": "40x20"}),
        ("--size 150% --zoom lanczos", {"size": "150%", "zoom": "lanczos"}),
    ],
)
def test_a_file_is_rendered_at_the_size(
    option: str, options: dict[str, float | str], capfd: Capture
) -> None:
    assert resample(f"given.inr {option}") == 0
    assert capfd.readouterr() == ("", "")
    assert np.array_equal(pixels_of("given.png"), imgnet.resample("given.inr", **options))


def test_an_image_is_fitted_and_its_network_not_kept(capfd: Capture) -> None:
    before = files()
    assert resample("image.png -o big.png --scale 2 --model mlp --effort 1 --time-limit 1") == 0
    assert capfd.readouterr().out == ""
    pixels = pixels_of("big.png")
    assert pixels.shape == (12, 16, 3)
    small = pixels.reshape(6, 2, 8, 2, 3).mean(axis=(1, 3))
    assert np.abs(small - ramp(3, height=6, width=8)).mean() < 40  # 75 of a grey picture
    assert files().keys() - before.keys() == {"big.png"}


def test_content_decides_and_not_the_extension() -> None:
    Path("misnamed.png").write_bytes(Path("given.inr").read_bytes())
    assert resample("misnamed.png -o big.png --scale 2") == 0
    assert np.array_equal(pixels_of("big.png"), imgnet.resample("given.inr", scale=2))


def test_depth_and_format_are_chosen() -> None:
    assert resample("given.inr --scale 2 --depth 16 -o deep.png") == 0
    assert read_photo(Path("deep.png"))[0].dtype == np.uint16
    assert resample("given.inr --scale 2 --format webp --force") == 0
    with Image.open("given.webp") as image:
        assert (image.format, image.size) == ("WEBP", (96, 64))


def test_verbose_tells_the_size_and_the_seconds(capfd: Capture) -> None:
    assert resample("given.inr --scale 2 --verbose") == 0
    out, err = capfd.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert "given.inr" in err
    assert "96x64" in err


@pytest.mark.parametrize(
    ("line", "code", "clue"),
    [
        ("given.inr", 2, "either a --size or a --scale"),
        ("given.inr --size 9 --scale 2", 2, "either a --size or a --scale"),
        ("image.png", 2, "either a --size or a --scale"),
        ("given.inr --size 0", 2, "size 0"),
        ("given.inr --scale 0", 2, "--scale"),
        ("given.inr --scale 1001", 2, "--scale"),
        ("given.inr --scale 2 --quiet --verbose", 2, "contradict"),
        ("given.inr --scale 2 -o given.inr --format png", 2, "input as well"),
        ("given.inr --scale 2 -o x.unknown", 2, "x.unknown"),
        ("given.inr --scale 2 --format webp", 6, "given.webp: exists"),
        ("given.inr --scale 2 -o no/x.png", 6, "no is not a folder"),
        ("gone.inr --scale 2", 3, "gone.inr"),
        ("text.png --scale 2 -o x.png", 3, "text.png"),
        ("cut.inr --scale 2", 4, "cut.inr: cut short"),
        ("foreign.inr --scale 2", 4, "safetensors"),
        ("image.png --scale 2 -o x.png --effort 10", 2, "--effort"),
    ],
)
def test_a_fault_is_one_line_and_leaves_nothing(
    line: str, code: int, clue: str, capfd: Capture
) -> None:
    before = files()
    assert resample(line) == code
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("imgnet: ")
    assert err.count("\n") == 1
    assert clue in err
    assert files() == before

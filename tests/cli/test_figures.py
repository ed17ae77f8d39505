"""The figures of `imgnet info`: pictures, their ranges, and the rules for their files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import imgnet
from imgnet.cli.app import run
from imgnet.figures.pyramid import pyramids_of
from imgnet.figures.rate_map import brightest, draw_rate_map, rate_map
from support.paths import GOLDEN

Capture = pytest.CaptureFixture[str]
PIXELS = 24, 16


def pixels(path: str) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.fixture(autouse=True)
def _inside(encoded_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(encoded_file.parent)


def test_pictures_and_their_ranges(capfd: Capture) -> None:
    encoded = imgnet.open("encoded.inr")
    assert run(["info", "encoded.inr", "--map", "rate.png", "--pyramid", "latents.png"]) == 0
    *facts, of_map, of_pyramid = capfd.readouterr().out.splitlines()
    assert run(["info", "encoded.inr"]) == 0
    assert capfd.readouterr().out.splitlines() == facts
    bpp = rate_map(encoded)
    assert np.array_equal(pixels("rate.png"), draw_rate_map(bpp))
    assert pixels("rate.png").shape == (16, 24, 3)
    assert f"rate.png: 0 to {brightest(bpp):.2f} bpp, {bpp.max():.2f} at most" in of_map
    assert np.array_equal(pixels("latents.png"), pyramids_of(encoded).draw())
    assert of_pyramid.startswith("pyramid     latents.png: largest latents.0.")


def test_ranges_in_json(capfd: Capture) -> None:
    assert (
        run(["info", "encoded.inr", "--json", "--map", "rate.webp", "--pyramid", "latents.png"])
        == 0
    )
    record = json.loads(capfd.readouterr().out)
    bpp = rate_map(imgnet.open("encoded.inr"))
    assert record["map"]["output"] == "rate.webp"
    assert record["map"]["most_bpp"] == pytest.approx(bpp.max(), abs=1e-4)
    assert record["pyramid"]["largest"] == pyramids_of(imgnet.open("encoded.inr")).largest()
    with Image.open("rate.webp") as image:
        assert (image.format, image.size) == ("WEBP", PIXELS)


def test_derived_names_replace_nothing(capfd: Capture) -> None:
    Path("encoded-map.png").write_text("mine")
    assert run(["info", "encoded.inr", "--map", "./", "--pyramid", "./"]) == 6
    assert "encoded-map.png: exists; replace it with --force" in capfd.readouterr().err
    assert Path("encoded-map.png").read_text() == "mine"
    assert run(["info", "encoded.inr", "--map", "./", "--pyramid", "./", "--force"]) == 0
    assert pixels("encoded-map.png").shape == (16, 24, 3)
    assert Path("encoded-pyramid.png").exists()


@pytest.mark.parametrize(
    ("line", "code", "clue"),
    [
        ("encoded.inr encoded.inr --map a.png", 2, "--map and --pyramid take one FILE"),
        ("encoded.inr --map a.png --dot", 2, "no --dot"),
        ("encoded.inr --map -", 2, "--map -: stdout is for the facts; name a file"),
        ("encoded.inr --map a.png --pyramid a.png", 2, "name another file for --pyramid"),
        ("encoded.inr --map encoded.inr", 2, "encoded.inr: is the input as well"),
        ("encoded.inr --map a.xyz", 2, "unknown image format 'xyz'"),
        ("encoded.inr --map no/a.png", 6, "no is not a folder"),
        ("missing.inr --map a.png", 3, "missing.inr: cannot be read"),
        ("cut.inr --map a.png", 4, "cut.inr: cut short or changed"),
        ("mlp.inr --map a.png", 2, "mlp.inr: has no latents: a file of mlp is a network alone"),
        ("mlp.inr --pyramid a.png", 2, "mlp.inr: has no latents: a file of mlp"),
    ],
)
def test_a_fault_is_one_line_and_leaves_nothing(
    line: str, code: int, clue: str, capfd: Capture
) -> None:
    Path("cut.inr").write_bytes(Path("encoded.inr").read_bytes()[:-5])
    Path("mlp.inr").write_bytes((GOLDEN / "v1-mlp.inr").read_bytes())
    before = {path: path.read_bytes() for path in Path().iterdir()}
    assert run(["info", *line.split()]) == code
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("imgnet: ")
    assert err.count("\n") == 1
    assert clue in err
    assert before == {path: path.read_bytes() for path in Path().iterdir()}

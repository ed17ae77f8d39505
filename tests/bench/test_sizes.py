"""The table of time and memory over sizes; processes are made up, but in a slow test."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imgnet.bench import sizes
from imgnet.bench.processes import CommandUsage
from imgnet.bench.sizes import main, mosaic, sides
from support.paths import SAMPLES

PHOTOS = [np.full((20, 30, 3), 10, np.uint8), np.full((50, 25, 3), 20, np.uint8)]


@pytest.mark.parametrize("megapixels", [0.01, 0.3, 1, 12])
def test_a_picture_has_as_many_pixels_as_asked(megapixels: float) -> None:
    width, height = sides(megapixels)
    assert width * height == pytest.approx(1e6 * megapixels, rel=0.01)
    assert 1.25 < width / height < 1.4


def test_neighbours_in_a_mosaic_are_different_photographs() -> None:
    picture = mosaic(PHOTOS, 50, 40)
    assert picture.shape == (40, 50, 3)
    assert picture[[0, 0, 39, 39], [0, 49, 0, 49], 0].tolist() == [10, 20, 20, 10]
    assert mosaic(PHOTOS, 7, 5).shape == (5, 7, 3)
    assert mosaic(PHOTOS[:1], 100, 33).shape == (33, 100, 3)


def test_each_size_is_a_row(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def made_up(arguments: Sequence[str], repeats: int) -> CommandUsage:
        image, out = Path(arguments[1]), Path(arguments[3])
        calls.append((arguments[0], repeats))
        if arguments[0] == "encode":
            with Image.open(image) as picture:
                out.write_bytes(bytes(picture.width))
            return CommandUsage("", 1.5, None)
        return CommandUsage("", 0.25, 70.4)

    monkeypatch.setattr(sizes, "measure_command", made_up)
    main([str(SAMPLES / "coffee.png"), "--megapixels", "0.01,0.5", "--repeats", "3"])
    rows = capsys.readouterr().out.splitlines()
    assert rows[2:] == [
        "| 0.01 | 115x87 | 115 bytes | 1.50 s | ? | 0.25 s | 70 MB |",
        "| 0.50 | 817x612 | 817 bytes | 1.50 s | ? | 0.25 s | 70 MB |",
    ]
    assert len({row.count("|") for row in rows}) == 1
    assert calls == [("encode", 1), *[("encode", 3), ("decode", 3)] * 2]


@pytest.mark.slow
def test_processes_are_measured(capsys: pytest.CaptureFixture[str]) -> None:
    main([str(SAMPLES / "coffee.png"), "--megapixels", "0.001"])
    *_, row = capsys.readouterr().out.splitlines()
    seconds = [float(cell.split()[0]) for cell in row.split("|") if cell.endswith(" s ")]
    assert len(seconds) == 2
    assert min(seconds) > 0.05

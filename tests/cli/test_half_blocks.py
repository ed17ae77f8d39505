"""Pictures in terminals that have colours, and nothing elsewhere."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import imgnet
from support.shell import FAST, Shell
from support.terminal import in_terminal

COLOURS = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "COLUMNS": "100"}
BLOCK = "\N{UPPER HALF BLOCK}"
CELL = re.compile(rf"\x1b\[38;2;(\d+);(\d+);(\d+)(?:;48;2;(\d+);(\d+);(\d+))?m{BLOCK}")


def picture(shown: bytes) -> np.ndarray:
    """Return the pixels (H, W, 3) of the half blocks in what a terminal got."""
    rows = [CELL.findall(line) for line in shown.decode().splitlines() if BLOCK in line]
    cells = np.array([[[int(n or -1) for n in cell] for cell in row] for row in rows])
    drawn = cells.reshape(*cells.shape[:2], 2, 3).swapaxes(1, 2).reshape(-1, cells.shape[1], 3)
    return drawn[:-1] if (drawn[-1] < 0).all() else drawn


@pytest.fixture(autouse=True)
def _inside(encoded_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(encoded_file.parent)


def test_decode_shows_its_pixels() -> None:
    shown = in_terminal("decode", "encoded.inr", "-o", "a.png", "--preview", **COLOURS)
    assert np.array_equal(picture(shown), imgnet.decode("encoded.inr"))
    assert Path("a.png").exists()


def test_encode_shows_the_picture(photo: Path) -> None:
    shown = in_terminal("encode", photo, "-o", "a.inr", "-v", *FAST, **COLOURS)
    assert np.array_equal(picture(shown), imgnet.decode("a.inr"))


@pytest.mark.parametrize(("columns", "width"), [("200", 64), ("30", 30)])
def test_large_pictures_are_shrunk(columns: str, width: int) -> None:
    environment = COLOURS | {"COLUMNS": columns}
    shown = in_terminal(
        "decode", "encoded.inr", "-o", "a.png", "--size", "240x160", "--preview", **environment
    )
    drawn = picture(shown)
    with Image.open("a.png") as image:
        size = width, round(width * 2 / 3)
        expected = np.asarray(image.resize(size, Image.Resampling.BOX))
    assert np.array_equal(drawn, expected)


def test_fewer_colours_where_there_are_256() -> None:
    environment = COLOURS | {"COLORTERM": ""}
    shown = in_terminal("decode", "encoded.inr", "-o", "a.png", "--preview", **environment)
    assert shown.decode().count(BLOCK) == 24 * 8
    assert b"38;5;" in shown
    assert b"38;2;" not in shown


@pytest.mark.parametrize(
    "environment", [{"NO_COLOR": "1"}, {"TERM": "dumb", "COLORTERM": ""}, {"TERM": "dumb"}], ids=str
)
def test_nothing_without_colours(environment: dict[str, str]) -> None:
    arguments = "decode", "encoded.inr", "-o", "a.png", "--preview"
    assert not in_terminal(*arguments, **(COLOURS | environment))


def test_nothing_without_a_terminal(shell: Shell) -> None:
    done = shell("decode", "encoded.inr", "-o", "a.png", "--preview")
    assert (done.returncode, done.stderr) == (0, b"")


def test_nothing_if_quiet() -> None:
    arguments = "decode", "encoded.inr", "-o", "a.png", "--preview", "--quiet"
    assert not in_terminal(*arguments, **COLOURS)

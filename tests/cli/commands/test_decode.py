from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imgnet.cli.app import run
from support.paths import GOLDEN

WHOLE = str(GOLDEN / "v1-grid.inr")
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def cut_file(tmp_path: Path) -> Path:
    path = tmp_path / "cut.inr"
    path.write_bytes((GOLDEN / "v1-grid.inr").read_bytes()[:390])
    return path


def test_a_cut_file_is_drawn_from_its_levels(cut_file: Path, capfd: Capture) -> None:
    target = cut_file.with_suffix(".png")
    assert run(["decode", str(cut_file), "--partial"]) == 0
    line = f"imgnet: {cut_file} is cut: 390 of 415 bytes; drawn from levels 1..2 and a part of 0\n"
    assert capfd.readouterr() == ("", line)
    with Image.open(target) as drawn, Image.open(GOLDEN / "v1-grid.png") as whole:
        assert drawn.size == whole.size
        difference = np.asarray(drawn).astype(int) - np.asarray(whole)
    assert 0 < np.abs(difference).mean() < 6


@pytest.mark.parametrize(
    ("box", "options", "size"),
    [
        ("24x24", (), (24, 16)),
        ("4800x16", (), (24, 16)),
        ("4800x3200", (), (48, 32)),
        ("9x9", ("--crop", "4,4,10,20"), (4, 9)),
        ("99x99", ("--crop", "4,4,10,20"), (10, 20)),
    ],
)
def test_a_fit_never_enlarges(
    box: str, options: tuple[str, ...], size: tuple[int, int], tmp_path: Path
) -> None:
    target = str(tmp_path / "fit.png")
    assert run(["decode", WHOLE, "-o", target, "--fit", box, *options]) == 0
    with Image.open(target) as drawn:
        assert drawn.size == size


@pytest.mark.parametrize("options", [("--fit", "0x9"), ("--fit", "9"), ("--fit", "9x9>")])
def test_a_box_has_two_sides(options: tuple[str, ...], tmp_path: Path, capfd: Capture) -> None:
    target = tmp_path / "fit.png"
    assert run(["decode", WHOLE, "-o", str(target), *options]) == 2
    assert capfd.readouterr().err == (f"imgnet: --fit {options[1]!r} is not of the form 800x600\n")
    assert not target.exists()


def test_a_fit_and_a_size_contradict_each_other(capfd: Capture) -> None:
    assert run(["decode", WHOLE, "-o", "-", "--fit", "9x9", "--size", "9"]) == 2
    assert "--size and --fit contradict each other" in capfd.readouterr().err


def test_quiet_says_nothing_of_a_cut(cut_file: Path, capfd: Capture) -> None:
    assert run(["decode", str(cut_file), "--partial", "--quiet"]) == 0
    assert capfd.readouterr() == ("", "")


def test_a_cut_file_is_refused_otherwise(cut_file: Path, capfd: Capture) -> None:
    assert run(["decode", str(cut_file)]) == 4
    message = capfd.readouterr().err
    assert re.fullmatch(
        r"imgnet: \S+: cut short or changed, .* `imgnet decode --partial`\n", message
    )
    assert not cut_file.with_suffix(".png").exists()


def test_too_little_of_a_file_is_refused(cut_file: Path, capfd: Capture) -> None:
    for length, fault in ((100, "after 100 bytes;"), (300, "before its coarsest level ends;")):
        cut_file.write_bytes((GOLDEN / "v1-grid.inr").read_bytes()[:length])
        assert run(["decode", str(cut_file), "--partial"]) == 4
        message = capfd.readouterr().err
        assert message.startswith(f"imgnet: {cut_file}: cut short ")
        assert fault in message
        assert message.count("\n") == 1


def test_partial_changes_nothing_of_a_whole_file(tmp_path: Path, capfd: Capture) -> None:
    target = tmp_path / "whole.ppm"
    assert run(["decode", WHOLE, "--partial", "-o", str(target)]) == 0
    assert capfd.readouterr() == ("", "")
    with Image.open(target) as drawn, Image.open(GOLDEN / "v1-grid.png") as whole:
        assert np.array_equal(np.asarray(drawn), np.asarray(whole))

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import imgnet
from imgnet.cli.app import run
from imgnet.metrics.psnr import psnr_db
from support.shell import Shell

Capture = pytest.CaptureFixture[str]


def pixels_of(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def test_an_image_beside_its_file(photo: Path, encoded_file: Path, capfd: Capture) -> None:
    assert run(["compare", str(photo), str(encoded_file), "--json"]) == 0
    result = json.loads(capfd.readouterr().out)
    assert (result["a"], result["b"]) == (str(photo), str(encoded_file))
    expected = psnr_db(pixels_of(photo), imgnet.decode(encoded_file))
    assert result["psnr_db"] == pytest.approx(expected, abs=1e-4)
    assert result["max_error"] > 0
    assert 0.2 < result["ssim"] < 1
    assert result["ms_ssim"] is None


def test_text_is_for_people(photo: Path, capfd: Capture) -> None:
    assert run(["compare", str(photo), str(photo)]) == 0
    out, err = capfd.readouterr()
    assert [line.split()[0] for line in out.splitlines()] == ["PSNR", "SSIM", "MS-SSIM", "max"]
    assert err == ""


def test_picture_of_the_difference(photo: Path, encoded_file: Path, capfd: Capture) -> None:
    target = photo.with_name("diff.png")
    line = ["compare", str(encoded_file), str(photo), "-o", str(target), "--gain", "3"]
    assert run(line) == 0, capfd.readouterr().err
    drawn = pixels_of(target)
    decoded, original = imgnet.decode(encoded_file), pixels_of(photo)
    difference = np.clip(3 * np.abs(decoded.astype(int) - original), 0, 255)
    assert (drawn == np.concatenate([decoded, original, difference], axis=1)).all()


def test_standard_streams(photo: Path, encoded_file: Path, shell: Shell) -> None:
    done = shell(
        "compare", photo, "-", "-o", "-", "--format", "ppm", input=encoded_file.read_bytes()
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[:3] == [b"P6", b"72", b"16"]
    assert done.stderr.startswith(b"PSNR ")


def test_different_sizes_name_both_and_the_way_out(
    photo: Path, encoded_file: Path, capfd: Capture
) -> None:
    small = photo.with_name("small.png")
    assert run(["resample", str(encoded_file), "-o", str(small), "--size", "12x8"]) == 0
    assert run(["compare", str(photo), str(small)]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert f"{photo} has 24x16 pixels, {small} 12x8" in err
    assert "--size 24x16" in err


@pytest.mark.parametrize(
    ("line", "code", "clue"),
    [
        ("compare photo.png", 2, "B"),
        ("compare - -", 2, "<stdin>"),
        ("compare photo.png missing.png", 3, "missing.png"),
        ("compare photo.png cut.inr", 4, "cut.inr"),
        ("compare text.png photo.png", 3, "text.png"),
        ("compare photo.png encoded.inr -o photo.png", 2, "input as well"),
        ("compare photo.png encoded.inr -o encoded.inr --format png", 2, "input as well"),
        ("compare photo.png encoded.inr -o .", 2, "input as well"),
        ("compare photo.png encoded.inr -o diff.xyz", 2, "xyz"),
        ("compare photo.png encoded.inr -o no/diff.png", 6, "no is not a folder"),
        ("compare photo.png encoded.inr -o - --json", 2, "stdout"),
        ("compare photo.png encoded.inr --gain 0", 2, "--gain"),
    ],
)
def test_fault_is_one_line_and_leaves_nothing(
    line: str,
    code: int,
    clue: str,
    photo: Path,
    encoded_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: Capture,
) -> None:
    monkeypatch.chdir(photo.parent)
    Path("cut.inr").write_bytes(encoded_file.read_bytes()[:-5])
    Path("text.png").write_text("no picture")
    before = {path: path.read_bytes() for path in Path().iterdir()}
    assert run(line.split()) == code
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("imgnet: ")
    assert err.count("\n") == 1
    assert clue in err
    assert before == {path: path.read_bytes() for path in Path().iterdir()}


def test_force_never_replaces_an_input(photo: Path, encoded_file: Path, capfd: Capture) -> None:
    folder = photo.with_name("other")
    folder.mkdir()
    second = photo.rename(folder / "encoded.png")  # what the name derived from the first would be
    before = second.read_bytes()
    assert run(["compare", str(encoded_file), str(second), "-o", str(folder), "--force"]) == 2
    assert "input as well" in capfd.readouterr().err
    assert second.read_bytes() == before

from __future__ import annotations

import json
from pathlib import Path

import pytest

from imgnet.api import save
from imgnet.image.files import read_image
from imgnet.image.formats import write_image
from imgnet.research.measure_zoom import main
from support.networks import encoded, grid_spec, random_tensors
from support.paths import SAMPLES


@pytest.fixture
def original(tmp_path: Path) -> Path:
    pixels, _ = read_image(SAMPLES / "astronaut.png")
    write_image(pixels[:49, 200:249], path := tmp_path / "a.png")
    return path


def test_the_prior_is_measured_against_lanczos(original: Path, tmp_path: Path) -> None:
    main([str(original), "--scales", "2,3", "--uncoded", "--out", str(tmp_path / "a.json")])
    points = json.loads((tmp_path / "a.json").read_text())
    assert [(point["image"], point["scale"]) for point in points] == [("a.png", 2), ("a.png", 3)]
    for point in points:
        assert 20 < point["classical_db"] < point["prior_db"] < 40
        assert point["lattice_levels"] < 1.5


def test_files_that_are_there_are_measured(
    original: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "files" / "a-2-q95-e3.inr"
    file.parent.mkdir()
    spec = grid_spec(24, 24)
    save(encoded(spec, random_tensors(spec)), file)
    options = ["--scales", "2", "--files", str(file.parent), "--out", str(tmp_path / "a.json")]
    main([str(original), *options])
    (point,) = json.loads((tmp_path / "a.json").read_text())
    assert point["lanczos_db"] < 15 < point["classical_db"]  # of a picture made of random numbers
    assert point["neural_db"] != point["lanczos_db"]
    line = capsys.readouterr().out.splitlines()[-1]
    assert line.count("dB") == 4
    assert line.startswith(f"| x2 | {point['classical_db']:.2f} dB")

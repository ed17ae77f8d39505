from __future__ import annotations

import json
from pathlib import Path

import pytest
from grid_samples import encoded, grid_spec, random_tensors

from imgnet.api import save
from imgnet.pixels import read_image, write_image
from imgnet.priors.measure_zoom import main

SAMPLES = Path(__file__).parents[1] / "samples"


def test_both_ways_are_measured_against_the_original(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pixels, _ = read_image(SAMPLES / "astronaut.png")
    write_image(pixels[:49, 200:249], tmp_path / "a.png")
    # A file that is there already is measured, not made.
    file = tmp_path / "files" / "a-2-q95-e3.inr"
    file.parent.mkdir()
    spec = grid_spec(24, 24)
    save(encoded(spec, random_tensors(spec)), file)
    options = ["--scales", "2", "--files", str(file.parent), "--out", str(tmp_path / "a.json")]
    main([str(tmp_path / "a.png"), *options])
    (point,) = json.loads((tmp_path / "a.json").read_text())
    assert (point["image"], point["scale"]) == ("a.png", 2)
    assert 5 < point["lanczos_db"] < point["classical_db"] < 40
    assert point["neural_db"] != point["lanczos_db"]
    assert point["lattice_levels"] < 1.5
    assert (
        capsys.readouterr().out.splitlines()[-1].startswith(f"| x2 | {point['classical_db']:.2f}")
    )

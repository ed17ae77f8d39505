from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from grid_cases import picture

from imgnet.pixels import write_image
from imgnet.priors import train

pytestmark = pytest.mark.usefixtures("one_thread")

CROP = 64


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(3):
        write_image(np.roll(picture(400, 260), 40 * i, axis=1), folder / f"{i}.png")
    return folder


def run(photos: Path, checkpoint: Path, steps: int) -> dict[str, object]:
    arguments = ["--images", str(photos), "--validation", "1", "--crop", str(CROP)]
    train.main([*arguments, "--checkpoint", str(checkpoint), "--steps", str(steps)])
    return torch.load(checkpoint, weights_only=True)


def test_a_run_ends_with_a_report_and_a_checkpoint(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = run(photos, tmp_path / "a.pt", 3)
    assert state["step"] == 3
    validation = capsys.readouterr().out.splitlines()[-1].split()
    assert validation[0] == "validation"
    assert len(validation) == 1 + len(train.VALIDATION_BANDS)


def test_a_checkpoint_is_gone_on_from(photos: Path, tmp_path: Path) -> None:
    first = run(photos, tmp_path / "a.pt", 2)
    assert run(photos, tmp_path / "a.pt", 2)["step"] == 2  # nothing is left to do
    second = run(photos, tmp_path / "a.pt", 4)
    assert second["step"] == 4
    weight = "hidden.weight"
    assert not torch.equal(first["coefficients"][weight][0], second["coefficients"][weight][0])


def test_steps_lower_the_cost() -> None:
    pixels = torch.from_numpy(picture(CROP, CROP)).permute(2, 0, 1)
    with train.one_thread_workers(torch.device("cpu")) as (workers, _):
        training = train.Training([pixels], train.Recipe(120, CROP), workers)
        before = training.validate([pixels / 255])
        for _ in range(120):
            training.take_step()
        after = training.validate([pixels / 255])
    assert sum(after) < 0.9 * sum(before)

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from imgnet.image.files import read_image
from imgnet.image.formats import write_image
from imgnet.research import train_zoom
from imgnet.research.zoom_pairs import pyramid
from support.paths import SAMPLES
from support.pictures import picture

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for i, size in enumerate([(300, 270), (280, 300), (150, 160)]):
        write_image(np.roll(picture(*size), 40 * i, axis=1), folder / f"{i}.png")
    return folder


def run(photos: Path, checkpoint: Path, steps: int) -> dict[str, Any]:
    arguments = ["--images", str(photos), "--validation", "1", "--checkpoint", str(checkpoint)]
    train_zoom.main([*arguments, "--steps", str(steps)])
    state: dict[str, Any] = torch.load(checkpoint, weights_only=True)
    return state


def test_a_checkpoint_is_gone_on_from(
    photos: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(train_zoom, "VALIDATED_SIDE", 48)
    first = run(photos, tmp_path / "a.pt", 2)
    assert first["step"] == 2
    assert run(photos, tmp_path / "a.pt", 2)["step"] == 2  # nothing is left to do
    second = run(photos, tmp_path / "a.pt", 3)
    assert second["step"] == 3
    assert not torch.equal(first["model"]["first.weight"], second["model"]["first.weight"])
    assert capsys.readouterr().out.count("x2 ") == 2


def test_a_run_that_was_stopped_ends_as_if_it_had_not_been() -> None:
    photos = [pyramid(picture(300, 280))]
    recipe = train_zoom.Recipe(steps=4, patches=1, side=24)
    whole, first, second = (train_zoom.Training(photos, recipe) for _ in range(3))
    for training, steps in ((whole, 4), (first, 2)):
        for _ in range(steps):
            training.take_step()
    second.load(first.state())
    for _ in range(2):
        second.take_step()
    assert torch.equal(whole.model.first.weight, second.model.first.weight)


def test_steps_bring_pictures_closer() -> None:
    photo, _ = read_image(SAMPLES / "astronaut.png")
    recipe = train_zoom.Recipe(steps=60, patches=2, side=24)
    training = train_zoom.Training([pyramid(photo)], recipe)

    def error() -> float:
        seeds = range(100, 112)  # of patches that no step sees
        with torch.no_grad():
            return sum(training.error(np.random.default_rng(seed)).item() for seed in seeds)

    before = error()
    for _ in range(recipe.steps):
        training.take_step()
    assert error() < 0.9 * before

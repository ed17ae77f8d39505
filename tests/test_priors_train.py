from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from grid_cases import picture
from safetensors.numpy import load_file
from safetensors.torch import load_file as load_torch

from imgnet import priors
from imgnet.pixels import write_image
from imgnet.priors import train
from imgnet.spec import Spec, network_shapes

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


def test_what_is_exported_is_a_prior(tmp_path: Path) -> None:
    pixels = torch.from_numpy(picture(CROP, CROP)).permute(2, 0, 1)
    with train.one_thread_workers(torch.device("cpu")) as (workers, _):
        training = train.Training([pixels], train.Recipe(1, CROP), workers)
    name = train.export(training.networks, training.analysis, "test", tmp_path)
    data = priors.prior_file(name, tmp_path).read_bytes()
    assert name == priors.name_of(data, "test")
    tensors = load_file(priors.prior_file(name, tmp_path))
    spec = Spec("grid", CROP, CROP, 0, num_levels=6, colour=2, **priors.SHAPE)
    shapes = {key: tensor.shape for key, tensor in tensors.items()}
    assert shapes == {k: (priors.NUM_BANDS, *s) for k, s in network_shapes(spec).items()}
    units = {band: train.expected_step(priors.price_of_band(band)) for band in (0, 18)}
    for band, step in units.items():
        trained = training.networks.at(train.band_position(band), step)["linear.weight"]
        stored = tensors["linear.weight"][band] / 4096
        np.testing.assert_allclose(stored, trained.numpy(), atol=1 / 8192 + 1e-6)
    analysis = load_torch(priors.analysis_file(name, tmp_path))
    torch.testing.assert_close(
        analysis["colours"].float(), training.analysis.colours, atol=1e-3, rtol=0
    )

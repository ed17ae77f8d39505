from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from imgnet.encoder.prior import FOR_DETAIL, FOR_SMOOTH
from imgnet.fit.grid import analysis_network
from imgnet.research import train_analysis
from imgnet.research.train_analysis import Recipe, Training
from support.pictures import picture

pytestmark = pytest.mark.usefixtures("one_thread")

RECIPE = Recipe(steps=12, width=128, height=96)
WORKERS = ThreadPoolExecutor(1)


def training_for(prior: str, recipe: Recipe = RECIPE) -> Training:
    pixels = torch.from_numpy(picture(160, 128)).permute(2, 0, 1)
    return Training([pixels], prior, recipe, WORKERS)


def run(photos: Path, checkpoint: Path, steps: int) -> dict[str, Any]:
    arguments = ["--images", str(photos), "--validation", "1", "--prior", FOR_DETAIL]
    arguments += ["--steps", str(steps), "--checkpoint", str(checkpoint), "--size", "96", "64"]
    train_analysis.main(arguments)
    state: dict[str, Any] = torch.load(checkpoint, weights_only=True)
    return state


def test_a_checkpoint_is_gone_on_from(photos: Path, tmp_path: Path) -> None:
    first = run(photos, tmp_path / "a.pt", 2)
    assert run(photos, tmp_path / "a.pt", 2)["step"] == first["step"] == 2
    second = run(photos, tmp_path / "a.pt", 4)
    assert second["step"] == 4
    assert not torch.equal(first["network"]["stem.weight"], second["network"]["stem.weight"])


def test_it_begins_with_what_the_prior_has() -> None:
    known = analysis_network.trained_analysis(FOR_DETAIL)
    assert known is not None
    trained = training_for(FOR_DETAIL).network
    assert not trained.is_level_weighted
    assert torch.equal(trained.stem.weight, known.stem.weight)
    assert training_for(FOR_SMOOTH).network.is_level_weighted  # and nothing is known yet


def test_gradients_are_those_of_the_cost() -> None:
    """A small change of one weight, with noise and temperature that leave no doubt."""
    training = training_for(FOR_DETAIL)
    pixels = torch.from_numpy(picture(128, 96)).permute(2, 0, 1) / 255.0
    weight = training.network.heads[1].bias

    def cost() -> float:
        # Soft rounding at so high a temperature is nearly none, and smooth.
        training.generator.manual_seed(1)
        training.network.zero_grad()
        return training.case(pixels, 50.0).backward(temperature=4.0, noise=0.0)

    cost()
    assert weight.grad is not None
    slope, change = float(weight.grad[0]), 1e-2
    ends = []
    for sign in (1, -1):
        with torch.no_grad():
            weight += sign * change
        ends.append(cost())
        with torch.no_grad():
            weight -= sign * change
    assert (ends[0] - ends[1]) / (2 * change) == pytest.approx(slope, rel=0.05)


def test_steps_lower_the_cost_of_rounded_latents() -> None:
    training = training_for(FOR_DETAIL, Recipe(steps=40, width=160, height=128))
    for parameter in training.network.heads.parameters():
        parameter.data.zero_()  # as if nothing had been trained
    pixels = torch.from_numpy(picture(160, 128)).permute(2, 0, 1)
    case = training.case(pixels / 255.0, 50.0)
    before = case.cost()
    for _ in range(40):
        training.take_step()
    assert case.cost() < 0.9 * before


def test_an_exported_network_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = training_for(FOR_SMOOTH).network
    path = tmp_path / "analysis" / "some.safetensors"
    train_analysis.export(network, path)
    monkeypatch.setattr(analysis_network, "analysis_file", lambda _: path)
    analysis_network.trained_analysis.cache_clear()
    try:
        found = analysis_network.trained_analysis("some")
    finally:
        analysis_network.trained_analysis.cache_clear()
    assert found is not None
    assert found.is_level_weighted == network.is_level_weighted
    for name, tensor in network.state_dict().items():
        np.testing.assert_allclose(found.state_dict()[name], tensor, atol=1e-3)

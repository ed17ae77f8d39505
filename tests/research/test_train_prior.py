from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from imgnet.codec.priors import loader as priors
from imgnet.encoder.prior import FOR_DETAIL, FOR_SMOOTH
from imgnet.fit.grid.start import WarmStart, latent_q_step_at, lmbda_position
from imgnet.research import prior_examples, train_prior
from support.pictures import picture

pytestmark = pytest.mark.usefixtures("one_thread")

RECIPE = train_prior.Recipe(examples=3, epochs=1, width=160, height=128, rows=64)


def run(photos: Path, checkpoint: Path, epochs: int) -> dict[str, Any]:
    arguments = ["--images", str(photos), "--validation", "1", "--size", "160", "128"]
    arguments += ["--examples", "3", "--epochs", str(epochs)]
    train_prior.main([*arguments, "--checkpoint", str(checkpoint)])
    state: dict[str, Any] = torch.load(checkpoint, weights_only=True)
    return state


def test_a_checkpoint_is_gone_on_from(photos: Path, tmp_path: Path) -> None:
    first = run(photos, tmp_path / "a.pt", 2)
    assert first["step"] == 6
    assert run(photos, tmp_path / "a.pt", 2)["step"] == 6  # nothing is left to do
    second = run(photos, tmp_path / "a.pt", 4)
    assert second["step"] == 12
    assert [sum(e["epochs"].values()) for e in second["examples"]] == [4, 4, 4]
    weight = "hidden.weight"
    assert not torch.equal(first["coefficients"][weight][0], second["coefficients"][weight][0])
    assert not torch.equal(first["examples"][0]["values"], second["examples"][0]["values"])


def test_examples_are_crops_at_prices_that_lie_evenly() -> None:
    pixels = torch.from_numpy(picture(300, 200)).permute(2, 0, 1)
    with train_prior.one_thread_workers(torch.device("cpu")) as workers:
        training = train_prior.Training([pixels], RECIPE, workers)
    prices = sorted(example.lmbda for example in training.examples)
    assert prices[0] < prices[1] / 3 < prices[2] / 9
    assert {example.evaluator.picture.shape for example in training.examples} == {(3, 128, 160)}


def test_steps_lower_the_cost_at_prices_that_were_not_trained() -> None:
    pixels = torch.from_numpy(picture(160, 128)).permute(2, 0, 1)
    recipe = train_prior.Recipe(examples=4, epochs=60, width=160, height=128)
    with train_prior.one_thread_workers(torch.device("cpu")) as workers:
        training = train_prior.Training([pixels], recipe, workers)
        generator = torch.Generator().manual_seed(1)
        start = WarmStart(training.networks.directions, None, 0.0)
        fresh = prior_examples.Example(
            pixels / 255.0, 9.0, start, training.network, workers, generator
        )
        fresh.latents.round()

        def cost() -> float:
            training.set_network(fresh)
            bits = fresh.evaluator.measure_bits([(0, 128)])
            return fresh.evaluator.measure_error([(0, 128)]) + fresh.lmbda * bits

        before = cost()
        for _ in range(recipe.steps):
            training.take_step()
        assert cost() < 0.92 * before


WIDER = {
    "context.second.weight": {"dim_context": 37},
    "output.weight": {"dim_hidden": 67},
    "context.coarse.0.0": {"dim_coarse": 2},
}


@pytest.mark.parametrize("widened", WIDER)
def test_wider_networks_begin_as_what_they_are_made_of(widened: str) -> None:
    pixels = torch.from_numpy(picture(160, 128)).permute(2, 0, 1)
    layers, costs = WIDER[widened], []
    for sizes in ({}, layers):
        with train_prior.one_thread_workers(torch.device("cpu")) as workers:
            training = train_prior.Training([pixels], RECIPE, workers, FOR_SMOOTH, **sizes)
            training.take_step()  # which sets the network, and moves it only behind that
            example = training.examples[0]
            example.latents.round()
            evaluator, rows = example.evaluator, [(0, 64)]
            costs.append((evaluator.measure_error(rows), evaluator.measure_bits(rows)))
    wide = training.networks.coefficients[widened][0]
    assert next(iter(layers.values())) in wide.shape
    assert wide.any()  # it learns from the first step on
    np.testing.assert_allclose(*costs, rtol=1e-3)


@pytest.mark.parametrize("prior", [FOR_DETAIL, FOR_SMOOTH])
def test_training_goes_on_from_a_prior(prior: str) -> None:
    pixels = torch.from_numpy(picture(160, 128)).permute(2, 0, 1)
    with train_prior.one_thread_workers(torch.device("cpu")) as workers:
        training = train_prior.Training([pixels], RECIPE, workers, prior)
    networks = training.networks
    for lmbda_index in (0, 9, 18):
        step = latent_q_step_at(priors.lmbda_at(lmbda_index), networks.is_level_weighted)
        found = networks.at(lmbda_position(lmbda_index), step)
        for name, bands in priors.networks_of(prior).items():
            # But for what 16 bits cannot hold, the bands are such polynomials. A mean colour is a
            # picture's own, and each lmbda_index of p8 has 3x3 layers at a scale of its own.
            if name != "linear.bias" and not name.startswith("residuals."):
                close = np.isclose(found[name], bands[lmbda_index], atol=0.01)
                assert close.mean() > 0.9, name

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file

from imgnet.codec.format.usual_sizes import USUAL_GRID_LAYERS
from imgnet.codec.priors import loader as priors
from imgnet.fit.engine.network import GridNetwork
from imgnet.fit.grid.start import latent_q_step_at, lmbda_position
from imgnet.research.prior_networks import Networks, export
from imgnet.spec import Spec, network_shapes


def test_what_is_exported_is_a_prior(tmp_path: Path) -> None:
    spec = Spec("grid", 64, 64, 0, num_levels=6, chroma_level=2, **USUAL_GRID_LAYERS)
    networks = Networks(spec, torch.eye(3), is_level_weighted=True)
    name = export(networks, "test", tmp_path)
    data = priors.prior_file(name, tmp_path).read_bytes()
    assert name == priors.name_of(data, "test")
    tensors = load_file(priors.prior_file(name, tmp_path))
    shapes = {key: tensor.shape for key, tensor in tensors.items()}
    assert shapes.pop("colours") == (3, 3)
    assert shapes == {k: (priors.NUM_LMBDAS, *s) for k, s in network_shapes(spec).items()}
    units = {
        lmbda_index: latent_q_step_at(priors.lmbda_at(lmbda_index), is_level_weighted=True)
        for lmbda_index in (0, 18)
    }
    for lmbda_index, step in units.items():
        trained = networks.at(lmbda_position(lmbda_index), step)["linear.weight"]
        stored = tensors["linear.weight"][lmbda_index] / 4096
        np.testing.assert_allclose(stored, trained.numpy(), atol=1 / 8192 + 1e-6)
    np.testing.assert_array_equal(tensors["colours"], 4096 * np.eye(3))


def test_gradients_reach_all_powers() -> None:
    spec = Spec("grid", 64, 64, 0, num_levels=6, chroma_level=2, **USUAL_GRID_LAYERS)
    networks = Networks(spec, torch.eye(3), is_level_weighted=True)
    network = GridNetwork(spec)
    for parameter in network.parameters():
        parameter.grad = torch.ones_like(parameter)
    networks.take_gradients(network, 0.5, 0.1, 3.0)
    for name, unit in (("hidden.weight", 1.0), ("output.weight", 0.1)):
        gradients = [float(c.grad.mean()) for c in networks.coefficients[name]]
        np.testing.assert_allclose(gradients, [3 * unit, 3 * unit / 2, 3 * unit / 4], rtol=1e-6)


def test_large_weights_of_3x3_layers_are_stored_at_another_scale(tmp_path: Path) -> None:
    spec = Spec("grid", 64, 64, 0, num_levels=6, chroma_level=2, **USUAL_GRID_LAYERS)
    networks = Networks(spec, torch.eye(3), is_level_weighted=True)
    for part, value in (("weight", 21.0), ("bias", 1.5), ("alpha", 0.25)):
        networks.coefficients[f"residuals.0.{part}"][0].fill_(value)
    tensors = load_file(priors.prior_file(export(networks, "test", tmp_path), tmp_path))
    for part, value in (("weight", 7.0), ("bias", 0.5), ("alpha", 0.75)):
        assert (tensors[f"residuals.0.{part}"] == round(4096 * value)).all()

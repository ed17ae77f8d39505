from __future__ import annotations

import pytest
import torch
from torch import Tensor

from imgnet.codec.format.grid_stream import LARGEST_INTEGER
from imgnet.codec.format.quantized import q_index_of_bits, q_step_of
from imgnet.fit.engine.network import GridNetwork
from imgnet.fit.grid.weights import COLD_LR, WARM_LR, Weights
from imgnet.spec import Spec

SPEC = Spec("grid", 16, 16, 0, 4, 1, num_levels=2, chroma_level=1, dim_context=3)


def prior_near(network: GridNetwork, distance: float) -> dict[str, Tensor]:
    return {name: p.detach() - distance for name, p in network.named_parameters()}


def moved(weights: Weights, price: float) -> dict[str, Tensor]:
    """Return how far one step moves each tensor where the picture has no say."""
    before = {name: p.detach().clone() for name, p in weights.parameters.items()}
    weights.zero_grad()
    weights.move(1.0, price)
    return {name: p.detach() - before[name] for name, p in weights.parameters.items()}


def test_a_price_pulls_towards_the_prior() -> None:
    torch.manual_seed(0)
    network = GridNetwork(SPEC)
    weights = Weights(network, prior_near(network, 0.1), 0.1)
    assert all((distance < 0).any() for distance in moved(weights, 1e-3).values())


@pytest.mark.parametrize(("price", "with_prior"), [(0.0, True), (1e-3, False)])
def test_nothing_pulls_without_a_price_or_a_prior(price: float, with_prior: bool) -> None:
    torch.manual_seed(0)
    network = GridNetwork(SPEC)
    prior_tensors = prior_near(network, 0.1) if with_prior else {}
    distances = moved(Weights(network, prior_tensors, 0.1), price)
    assert not any(distance.any() for distance in distances.values())


def test_what_is_at_its_prior_is_not_pulled() -> None:
    network = GridNetwork(SPEC)
    weights = Weights(network, prior_near(network, 0.0), 0.1)
    assert not any(distance.any() for distance in moved(weights, 1e-3).values())


@pytest.mark.parametrize("with_prior", [True, False])
def test_weights_stay_within_what_a_file_can_hold(with_prior: bool) -> None:
    network = GridNetwork(SPEC)
    prior_tensors = prior_near(network, 0.5) if with_prior else {}
    weights = Weights(network, prior_tensors, 0.1)
    with torch.no_grad():
        for parameter in weights.parameters.values():
            parameter.add_(1e6)
    step = q_index_of_bits(4)
    weights.limit(dict.fromkeys(weights.parameters, step))
    most = LARGEST_INTEGER * q_step_of(step)
    for name, parameter in weights.parameters.items():
        assert torch.equal(
            parameter - prior_tensors.get(name, torch.zeros(())), torch.full_like(parameter, most)
        )


def test_colours_move_in_units_of_the_step_and_trained_weights_less() -> None:
    network = GridNetwork(SPEC)
    for prior_tensors, (matrix_lr, vector_lr) in (({}, COLD_LR), (prior_near(network, 0), WARM_LR)):
        weights = Weights(network, prior_tensors, 0.25, lr_scale=0.5)
        rates = {
            tensor.data_ptr() + i * tensor.element_size(): group["peak_lr"]
            for group in weights.optimizer.param_groups
            for tensor in group["params"]
            for i in range(tensor.numel())
        }
        wanted = {
            "hidden.weight": matrix_lr / 2,
            "hidden.bias": vector_lr / 2,
            "output.weight": matrix_lr / 8,
            "linear.bias": vector_lr / 8,
        }
        for name, lr in wanted.items():
            assert rates[weights.parameters[name].data_ptr()] == pytest.approx(lr)


def test_all_weights_have_a_place_of_their_own_in_the_flat_tensor() -> None:
    network = GridNetwork(SPEC)
    before = {name: p.detach().clone() for name, p in network.named_parameters()}
    weights = Weights(network, {}, 0.1)
    assert all(torch.equal(p, before[name]) for name, p in network.named_parameters())
    for k, parameter in enumerate(network.parameters()):
        parameter.data.fill_(k)
        parameter.grad.fill_(-k)
    moved = {id(p) for group in weights.optimizer.param_groups for p in group["params"]}
    assert len(moved) < len(before)
    for k, parameter in enumerate(network.parameters()):
        assert (parameter == k).all()
    assert torch.equal(weights.flat, -weights.gradient)
    assert len(weights.flat) == sum(p.numel() for p in network.parameters())

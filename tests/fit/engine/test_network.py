from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from imgnet.codec.entropy.context import ContextModel, Distributions
from imgnet.codec.entropy.distributions import LOCATIONS, LOWEST_SCALE_LOG2
from imgnet.codec.entropy.fixed_point import from_real
from imgnet.codec.entropy.wavefront import distributions_of_level
from imgnet.codec.format.quantized import Quantized
from imgnet.codec.render.grid import upsample
from imgnet.fit.engine.latents import LatentGrids
from imgnet.fit.engine.network import BICUBIC, LEAST_SCALE_LOG2, MOST_SCALE_LOG2, GridNetwork
from imgnet.fit.engine.reference import ReferenceEvaluator
from imgnet.neighbourhood import NUM_NEIGHBOURS
from imgnet.spec import Spec, latents_name
from support.evaluators import network_of
from support.networks import SPECS, random_tensors, real

pytestmark = pytest.mark.usefixtures("one_thread")


def test_parameters_are_those_of_the_file_but_for_latents() -> None:
    for spec in SPECS:
        shapes = {n: tuple(p.shape) for n, p in GridNetwork(spec).named_parameters()}
        wanted = {n: s for n, s in spec.shapes().items() if not n.startswith("latents.")}
        assert shapes == wanted
        assert list(shapes) == list(wanted)


def test_a_new_network_draws_its_linear_path_alone() -> None:
    torch.manual_seed(0)
    network = GridNetwork(SPECS[0])
    features = torch.randn(SPECS[0].num_features, 9, 11)
    drawn = network.colours(features)
    linear = torch.einsum("cf,fhw->chw", network.linear.weight, features[:, 2:-2, 2:-2])
    torch.testing.assert_close(drawn, linear + network.linear.bias[:, None, None])


def test_the_first_upsampling_is_bicubic() -> None:
    network = GridNetwork(SPECS[0])
    x = torch.rand(2, 12, 13)
    doubled = network.doubled(x, 0)
    assert doubled.shape == (2, 16, 18)
    wanted = functional.interpolate(x[None], scale_factor=2, mode="bicubic")[0]
    torch.testing.assert_close(doubled, wanted[:, 4:-4, 4:-4])


@pytest.mark.parametrize("taps", [BICUBIC, (0.3, -0.2, 0.7, 0.15)])
def test_upsampling_is_that_of_whole_numbers(taps: tuple[float, ...]) -> None:
    network = GridNetwork(SPECS[0])
    with torch.no_grad():
        network.upsample[1].copy_(torch.tensor(taps))
    x = torch.randn(2, 9, 8)
    whole = upsample(np.rint(x.double().numpy() * 4096), np.rint(np.array(taps) * 2**15))
    drawn = network.doubled(x, 1).detach().numpy()
    np.testing.assert_allclose(drawn, whole / 4096, rtol=0, atol=2e-3)


def test_joining_puts_fine_grids_first_and_adds_colour() -> None:
    spec = SPECS[0]  # colour from level 2 on
    network = GridNetwork(spec)
    features = torch.arange(4.0)[:, None, None].expand(4, 2, 2)
    fine = network.join(1, torch.full((1, 2, 2), 9.0), features)
    assert fine[:, 0, 0].tolist() == [9, 0, 1, 2, 3]
    coarse = network.join(2, torch.tensor([9.0, 10, 20])[:, None, None].expand(3, 2, 2), features)
    assert coarse[:, 0, 0].tolist() == [9, 0, 1, 12, 23]
    assert network.join(0, torch.empty(0, 2, 2), features) is features
    assert network.join(3, torch.ones(3, 2, 2), None)[:, 0, 0].tolist() == [1, 1, 1]


def plain_residual(x: Tensor, weight: Tensor, bias: Tensor, alpha: Tensor) -> Tensor:
    channels = len(x)
    kernel = weight.view(channels, 3, 3, channels).permute(0, 3, 1, 2)
    inner = functional.conv2d(x[None], kernel, bias)[0].relu()
    return x[:, 1:-1, 1:-1] + alpha[:, None, None] * inner


def test_residual_layers_are_convolutions_behind_alpha() -> None:
    network = network_of(SPECS[0], random_tensors(SPECS[0]))
    residual = network.residuals[1]
    x = torch.rand(3, 7, 9)
    wanted = plain_residual(x, residual.weight, residual.bias, residual.alpha)
    torch.testing.assert_close(residual(x), wanted)
    assert (wanted - x[:, 1:-1, 1:-1]).abs().max() > 0.01


def exact_distributions(spec: Spec, tensors: dict[str, Quantized], index: int) -> Distributions:
    """Return what files are coded with."""
    pyramid, level = spec.grids()[index]
    context = {n: t for n, t in real(tensors).items() if n.startswith("context.")}
    exact = ContextModel(from_real(context))
    model = exact.of_level(level, [(index, pyramid)])
    parent = tensors.get(f"latents.{pyramid}.{level + 1}")
    coarser = {grid: tensors[latents_name(*grid)].values for grid in spec.coarser_grids(level)}
    distributions = distributions_of_level(
        model,
        tensors[f"latents.{pyramid}.{level}"].values[None].astype(np.int64),
        None if parent is None else parent.values[None].astype(np.int64),
        exact.coarse_features(level, [pyramid], coarser),
    )
    return distributions.at(0)


@pytest.mark.parametrize("spec", [*SPECS[:3], SPECS[-1]], ids=str)
def test_distributions_are_those_that_files_are_coded_with(
    spec: Spec, workers: ThreadPoolExecutor
) -> None:
    """Bits under the distributions of whole numbers, summed as reals, are those of the network."""
    tensors = random_tensors(spec)
    latents = LatentGrids(spec, torch.device("cpu"), torch.Generator())
    for i, name in enumerate(latents.names):
        latents.grid(latents.relaxed, i).copy_(torch.from_numpy(tensors[name].dequantize()))
    goal = torch.zeros(spec.dim_out, spec.height, spec.width)
    step = ReferenceEvaluator(network_of(spec, tensors), latents, goal, None, workers)
    ours = [step.costs(i)[1][i].sum() for i in range(len(latents.grids))]
    for index, (pyramid, level) in enumerate(spec.grids()):
        distributions = exact_distributions(spec, tensors, index)
        location = distributions.whole + distributions.fraction / LOCATIONS
        scale = 2.0 ** (distributions.scale / 8 + LOWEST_SCALE_LOG2)
        values = tensors[f"latents.{pyramid}.{level}"].values.ravel()
        edges = (np.array([[0.5], [-0.5]]) + values - location) / scale
        upper, lower = np.where(edges < 0, np.exp(edges) / 2, 1 - np.exp(-np.abs(edges)) / 2)
        wanted = -np.log2(np.maximum(upper - lower, 2.0**-16)).sum()
        assert ours[index] == pytest.approx(wanted, rel=0.02, abs=2)


@pytest.mark.parametrize("beyond", [LEAST_SCALE_LOG2 - 3, MOST_SCALE_LOG2 + 3])
def test_scales_beyond_the_tables_are_at_their_ends_and_do_not_pull(beyond: float) -> None:
    model = GridNetwork(SPECS[0]).context
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        model.last.bias[2, 1] = beyond
    _, scale = model(torch.zeros(NUM_NEIGHBOURS, 4), 2, (0, 2))
    assert (scale == min(max(beyond, LEAST_SCALE_LOG2), MOST_SCALE_LOG2)).all()
    scale.sum().backward()
    assert not model.last.bias.grad.any()

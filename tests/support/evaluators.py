"""Networks of `grid` in torch, and their evaluators."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import torch

from imgnet.fit.engine.latents import LatentGrids
from imgnet.fit.engine.network import GridNetwork
from imgnet.fit.engine.reference import ReferenceEvaluator
from imgnet.spec import Spec
from support.networks import Tensors, random_tensors
from support.pictures import picture


def network_of(spec: Spec, tensors: Tensors) -> GridNetwork:
    """Return the network with torch."""
    network = GridNetwork(spec)
    state = {n: torch.from_numpy(t.dequantize()) for n, t in tensors.items() if "latents" not in n}
    network.load_state_dict(state)
    return network


def rounded_step(spec: Spec, workers: ThreadPoolExecutor) -> ReferenceEvaluator:
    """Return the evaluator of a random network whose latents were rounded, on a picture."""
    latents = LatentGrids(spec, torch.device("cpu"), torch.Generator().manual_seed(1))
    latents.values = torch.randn(latents.starts[-1], generator=latents.generator)
    latents.round()
    network = network_of(spec, random_tensors(spec))
    with torch.no_grad():
        network.linear.weight.mul_(0.3)
        network.context.last.bias[:, 1] = 1
    pixels = torch.from_numpy(picture(spec.width, spec.height)).permute(2, 0, 1) / 255.0
    return ReferenceEvaluator(network, latents, pixels, None, workers)

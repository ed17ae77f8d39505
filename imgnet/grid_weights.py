"""The network's weights during a fit of `grid`: how they move, and between which limits.

With a prior, a file holds differences from it. Each tensor's are coded under a law of their own,
so that what a weight costs grows with its distance from the prior, in units of the others'.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import log
from typing import Any

import torch
from torch import Tensor

from imgnet.codestream import step_size
from imgnet.grid_model import GridNetwork
from imgnet.gridstream import LARGEST_INTEGER
from imgnet.optimizer import SOAP
from imgnet.quantize import Steps

# Step sizes of matrices and of vectors: from random weights, and from trained ones.
COLD_LR = 4e-2, 1e-2
WARM_LR = 1.5e-2, 4e-3
LEAST_DIFFERENCE = 1 / 32  # of a tensor's size: the narrowest law of its differences from a prior


class Weights:
    """All weights of a network, their prior and their optimiser.

    Args:
        network: Its parameters are moved.
        origins: The prior, by name; empty for none.
        step: What a latent of 1 means in the picture: the unit in which colours move.
    """

    def __init__(self, network: GridNetwork, origins: Mapping[str, Tensor], step: float) -> None:
        self.parameters = dict(network.named_parameters())
        self.origins = origins
        self.optimizer = _optimizer(self.parameters, step, WARM_LR if origins else COLD_LR)

    def zero_grad(self) -> None:
        """Forget all gradients."""
        self.optimizer.zero_grad()

    def move(self, slowdown: float, price: float) -> None:
        """Take a step.

        Args:
            slowdown: Part, 0..1, of the step sizes.
            price: Of one bit of the file.
        """
        self._price_differences(price)
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak_lr"] * slowdown
        self.optimizer.step()

    @torch.no_grad()
    def _price_differences(self, price: float) -> None:
        """Add the gradient of the bits of the differences, under Laplace laws."""
        for name, origin in self.origins.items():
            difference = self.parameters[name] - origin
            scale = difference.abs().mean()
            # No law is so narrow that a tensor could not leave its prior any more.
            least = LEAST_DIFFERENCE * (origin.square().mean().sqrt() + LEAST_DIFFERENCE)
            gradient = self.parameters[name].grad
            assert gradient is not None
            gradient.addcdiv_(difference.sign(), torch.maximum(scale, least), value=price / log(2))

    @torch.no_grad()
    def limit(self, steps: Steps) -> None:
        """Keep all weights where a file can hold them in their steps."""
        for name, parameter in self.parameters.items():
            most = LARGEST_INTEGER * step_size(steps[name])
            origin = self.origins.get(name, torch.zeros_like(parameter))
            parameter.sub_(origin).clamp_(-most, most).add_(origin)


def _optimizer(parameters: Mapping[str, Tensor], step: float, rates: tuple[float, float]) -> SOAP:
    """SOAP on everything; colours move in units of the expected step."""
    groups: list[dict[str, Any]] = []
    for name, parameter in parameters.items():
        lr = rates[0] if parameter.ndim == 2 else rates[1]
        if name.startswith(("linear.", "output.")):
            lr *= step
        groups.append({"params": [parameter], "lr": lr, "peak_lr": lr})
    return SOAP(groups, lr=rates[0], refresh_every=5)

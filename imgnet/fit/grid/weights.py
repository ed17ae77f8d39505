"""Weights of the network during a fit of `grid`: their steps and their limits.

With a prior, a file holds differences from it. Those of each tensor are coded under a distribution
of their own, so that the bits of a weight grow with its distance from the prior, in units of the
mean distance of its tensor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from math import log
from typing import Any, NamedTuple

import torch
from torch import Tensor

from imgnet.codec.format.grid_stream import LARGEST_INTEGER
from imgnet.codec.format.quantized import q_step_of
from imgnet.codec.priors.loader import usual_latent_q_step
from imgnet.fit.engine.differences import means
from imgnet.fit.engine.network import GridNetwork
from imgnet.fit.engine.pick import price_differences_for, soap_for
from imgnet.fit.rounding import QSteps
from imgnet.fit.soap import SOAP
from imgnet.spec import is_output

# Step sizes of matrices and of vectors: from random weights, and from trained ones.
COLD_LR = 4e-2, 1e-2
WARM_LR = 1.5e-2, 4e-3
USUAL_Q_STEP = 0.1  # of a quantiser at a price of a bit, in units of the picture
# Scale of the narrowest distribution of differences from a prior, as a part of the tensor's size.
LEAST_DIFFERENCE = 1 / 32


def pace(lmbda: float) -> float:
    """Return which part of their usual steps weights may take at a price of a bit.

    The cheaper bits are, the larger are the latents, and the more a weight does to colours.

    >>> pace(1e-3), round(pace(1e-5), 2)
    (1.0, 0.16)
    """
    return min(1.0, usual_latent_q_step(lmbda) / USUAL_Q_STEP)


class Weights:
    """All weights of a network, their prior and their optimiser.

    They lie in one flat tensor, as do their gradients: of so many small tensors, calls would take
    longer than the work.

    Args:
        network: Its parameters become parts of the flat tensor, and are moved.
        origins: The prior, by name; empty for none.
        step: What a latent of 1 means in the picture: the unit in which colours move.
        part: Of the usual step sizes, 0..1.
    """

    def __init__(
        self, network: GridNetwork, origins: Mapping[str, Tensor], step: float, part: float = 1.0
    ) -> None:
        self.parameters = dict(network.named_parameters())
        self.origins = origins
        names = sorted(self.parameters, key=lambda name: _kind(name, self.parameters[name]))
        parts = [self.parameters[name].detach().flatten() for name in names]
        self.flat, self._sizes = torch.cat(parts), [len(part) for part in parts]
        self.gradient = torch.zeros_like(self.flat)
        for name, value, gradient in zip(names, *self._split(), strict=True):
            parameter = self.parameters[name]
            parameter.data = value.view_as(parameter)
            parameter.grad = gradient.view_as(parameter)
        if origins:
            self._origin = torch.cat([origins[name].flatten() for name in names])
            # No distribution is so narrow that a tensor could not leave its prior any more.
            size = means(self._origin**2, self._sizes).sqrt()
            self._least = LEAST_DIFFERENCE * (size + LEAST_DIFFERENCE)
            self._price_differences = price_differences_for(self.flat.device)
        matrices, vectors = WARM_LR if origins else COLD_LR
        self.optimizer = self._optimizer(names, step, (part * matrices, part * vectors))

    def _split(self) -> tuple[Sequence[Tensor], Sequence[Tensor]]:
        return torch.split(self.flat, self._sizes), torch.split(self.gradient, self._sizes)

    def _optimizer(self, names: Sequence[str], step: float, rates: tuple[float, float]) -> SOAP:
        """SOAP on matrices, Adam on all vectors at once; colours in units of the expected step."""
        groups: list[dict[str, Any]] = []
        for kind, chosen in groupby(names, lambda name: _kind(name, self.parameters[name])):
            parameters = [self.parameters[name] for name in chosen]
            tensors = parameters if kind.is_matrix else [self._joined(parameters)]
            lr = (rates[0] if kind.is_matrix else rates[1]) * (step if kind.is_colour else 1)
            groups.append({"params": tensors, "lr": lr, "peak_lr": lr})
        # Unlimited, the first turns of the bases throw some fits off; equal decays keep what is
        # measured in bases that stay within 1.
        return soap_for(self.flat.device)(groups, lr=rates[0], refresh_every=5, most=1.0)

    def _joined(self, tensors: Sequence[Tensor]) -> Tensor:
        """Return the part of the flat tensor that neighbours in it make up."""
        start = tensors[0].storage_offset()
        part = slice(start, start + sum(tensor.numel() for tensor in tensors))
        joined = self.flat[part]
        joined.grad = self.gradient[part]
        return joined

    def zero_grad(self) -> None:
        """Set all gradients to zero."""
        self.gradient.zero_()

    @torch.no_grad()
    def move(self, slowdown: float, price: float) -> None:
        """Take a step.

        Args:
            slowdown: Part, 0..1, of the step sizes.
            price: Of one bit of the file.
        """
        if self.origins:
            known = self.flat, self._origin, self._sizes, self._least
            self._price_differences(*known, price / log(2), self.gradient)
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak_lr"] * slowdown
        self.optimizer.step()

    @torch.no_grad()
    def limit(self, steps: QSteps) -> None:
        """Keep all weights where a file can hold them in their steps."""
        for name, parameter in self.parameters.items():
            most = LARGEST_INTEGER * q_step_of(steps[name])
            origin = self.origins.get(name, torch.zeros_like(parameter))
            parameter.sub_(origin).clamp_(-most, most).add_(origin)


class _Kind(NamedTuple):
    is_matrix: bool
    is_colour: bool


def _kind(name: str, parameter: Tensor) -> _Kind:
    return _Kind(parameter.ndim == 2, is_output(name))

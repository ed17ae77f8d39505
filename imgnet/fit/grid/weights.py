"""Network weights during a fit of `grid`: learning rates, optimiser, rate and limits.

With a prior, a file holds the differences of the weights from it. The differences of each tensor
are coded under one distribution, here a Laplacian with their mean magnitude as its scale. The
gradient of their bits is added to that of the picture.
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
from imgnet.fit.engine.network import GridNetwork
from imgnet.fit.engine.pick import rate_gradient_for, soap_for
from imgnet.fit.engine.weight_rate import means
from imgnet.fit.rounding import QSteps
from imgnet.fit.soap import SOAP
from imgnet.spec import is_output

# Learning rates of matrices and of vectors: from random weights, and from a prior.
COLD_LR = 4e-2, 1e-2
WARM_LR = 1.5e-2, 4e-3
USUAL_Q_STEP = 0.1  # of latents, in colours in 0..1; below it, learning rates are smaller
LEAST_SCALE = 1 / 32  # of differences from a prior, in units of the tensor's root mean square


def lr_scale_at(lmbda: float) -> float:
    """Return the factor 0..1 on the usual learning rates of weights at a lmbda.

    The smaller lmbda is, the larger are the latents, and the more a change of a weight changes
    colours.

    >>> lr_scale_at(1e-3), round(lr_scale_at(1e-5), 2)
    (1.0, 0.16)
    """
    return min(1.0, usual_latent_q_step(lmbda) / USUAL_Q_STEP)


class Weights:
    """Weights of a network, their prior and their optimiser.

    All weights lie in one flat tensor, and so do their gradients: one call on it takes less time
    than one on each of many small tensors.

    Args:
        network: Its parameters become views of the flat tensor, and are moved.
        prior: Tensors of the prior, by name; empty for none.
        latent_q_step: Colour difference, in units of the picture, that a latent of 1 stands for.
        lr_scale: Factor 0..1 on the usual learning rates.
    """

    def __init__(
        self,
        network: GridNetwork,
        prior: Mapping[str, Tensor],
        latent_q_step: float,
        lr_scale: float = 1.0,
    ) -> None:
        self.parameters = dict(network.named_parameters())
        self.prior = prior
        names = sorted(self.parameters, key=lambda name: _kind(name, self.parameters[name]))
        parts = [self.parameters[name].detach().flatten() for name in names]
        self.flat, self._sizes = torch.cat(parts), [len(part) for part in parts]
        self.gradient = torch.zeros_like(self.flat)
        for name, value, gradient in zip(names, *self._split(), strict=True):
            parameter = self.parameters[name]
            parameter.data = value.view_as(parameter)
            parameter.grad = gradient.view_as(parameter)
        if prior:
            self._prior = torch.cat([prior[name].flatten() for name in names])
            # Without a lower bound on the scale, a tensor could not leave its prior.
            size = means(self._prior**2, self._sizes).sqrt()
            self._least = LEAST_SCALE * (size + LEAST_SCALE)
            self._add_rate_gradient = rate_gradient_for(self.flat.device)
        matrices, vectors = WARM_LR if prior else COLD_LR
        rates = lr_scale * matrices, lr_scale * vectors
        self.optimizer = self._optimizer(names, latent_q_step, rates)

    def _split(self) -> tuple[Sequence[Tensor], Sequence[Tensor]]:
        return torch.split(self.flat, self._sizes), torch.split(self.gradient, self._sizes)

    def _optimizer(
        self, names: Sequence[str], latent_q_step: float, rates: tuple[float, float]
    ) -> SOAP:
        """Return SOAP for each matrix and Adam for all vectors at once.

        Weights of the output are in units of colours: their learning rates are multiplied by the
        q_step.
        """
        groups: list[dict[str, Any]] = []
        for kind, chosen in groupby(names, lambda name: _kind(name, self.parameters[name])):
            parameters = [self.parameters[name] for name in chosen]
            tensors = parameters if kind.is_matrix else [self._joined(parameters)]
            lr = rates[0] if kind.is_matrix else rates[1]
            lr *= latent_q_step if kind.is_output else 1
            groups.append({"params": tensors, "lr": lr, "peak_lr": lr})
        # Without a limit, the first rotations of the bases make some fits diverge. Otherwise, the
        # limit has no effect: with equal decays and constant bases, updates are within 1.
        return soap_for(self.flat.device)(groups, lr=rates[0], refresh_every=5, most=1.0)

    def _joined(self, tensors: Sequence[Tensor]) -> Tensor:
        """Return the view of the flat tensor that spans some tensors, which are neighbours."""
        start = tensors[0].storage_offset()
        part = slice(start, start + sum(tensor.numel() for tensor in tensors))
        joined = self.flat[part]
        joined.grad = self.gradient[part]
        return joined

    def zero_grad(self) -> None:
        """Set all gradients to zero."""
        self.gradient.zero_()

    @torch.no_grad()
    def move(self, lr_factor: float, bit_cost: float) -> None:
        """Move the weights by one optimiser step.

        Args:
            lr_factor: Part 0..1 of the peak learning rates.
            bit_cost: Cost of one bit of the file: lmbda over the number of pixels.
        """
        if self.prior:
            self._add_rate_gradient(
                self.flat,
                self._prior,
                self._sizes,
                self._least,
                bit_cost / log(2),
                self.gradient,
            )
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak_lr"] * lr_factor
        self.optimizer.step()

    @torch.no_grad()
    def limit(self, q_steps: QSteps) -> None:
        """Clamp all weights to the levels that a file can hold, given their q_steps."""
        for name, parameter in self.parameters.items():
            most = LARGEST_INTEGER * q_step_of(q_steps[name])
            prior = self.prior.get(name, torch.zeros_like(parameter))
            parameter.sub_(prior).clamp_(-most, most).add_(prior)


class _Kind(NamedTuple):
    is_matrix: bool
    is_output: bool


def _kind(name: str, parameter: Tensor) -> _Kind:
    return _Kind(parameter.ndim == 2, is_output(name))

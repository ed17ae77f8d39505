"""Networks of a prior during training, and the export of their weights.

The weights are polynomials in the logarithm of lmbda: every step trains the networks of all lmbdas.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
import torch
from numpy.typing import NDArray
from torch import Tensor

from imgnet.codec.priors.loader import (
    FRACTION_BITS,
    NUM_LMBDAS,
    lmbda_at,
    name_of,
    networks_of,
    prior_file,
)
from imgnet.fit.engine.network import GridNetwork
from imgnet.fit.grid.start import latent_q_step_at, lmbda_position, set_linear_path
from imgnet.spec import Spec

DEGREE = 2  # of the polynomials

_MOST_WEIGHT = 7.0  # a little below the largest weight that 16 bits hold

Integers = NDArray[np.int16]


class Networks:
    """One network for each lmbda index; each tensor is a polynomial in the position of the index.

    Weights of the output are in units of the colour difference that a latent of 1 stands for.

    Args:
        spec: Shape of the networks.
        directions: (3, 3) colour directions of the pyramids, one a column.
        is_level_weighted: Whether the first pyramid is level-weighted.
    """

    def __init__(self, spec: Spec, directions: Tensor, is_level_weighted: bool) -> None:
        self.directions, self.is_level_weighted = directions, is_level_weighted
        network = GridNetwork(spec)
        with torch.no_grad():
            set_linear_path(network, directions, 1.0, is_level_weighted)
            network.linear.bias.fill_(0.5)
        self.coefficients = {
            name: [parameter.detach().clone()]
            + [torch.zeros_like(parameter) for _ in range(DEGREE)]
            for name, parameter in network.named_parameters()
        }

    @torch.no_grad()
    def load(self, coefficients: Mapping[str, Sequence[Tensor]]) -> None:
        """Copy the coefficients of other networks."""
        for name, terms in coefficients.items():
            for mine, theirs in zip(self.coefficients[name], terms, strict=True):
                mine.copy_(theirs)

    def fit_prior(self, prior: str) -> None:
        """Set the coefficients to the least-squares fit of a prior.

        If the layers of the prior have fewer units, the outputs of the others are zero at first.
        """
        positions = np.array([lmbda_position(lmbda_index) for lmbda_index in range(NUM_LMBDAS)])
        lmbdas = [lmbda_at(lmbda_index) for lmbda_index in range(NUM_LMBDAS)]
        latent_q_steps = [latent_q_step_at(lmbda, self.is_level_weighted) for lmbda in lmbdas]
        found = {}
        for name, tensors in networks_of(prior).items():
            units = np.array([_unit(name, q_step) for q_step in latent_q_steps])
            powers = np.stack([units * positions**i for i in range(DEGREE + 1)], axis=1)
            terms, *_ = np.linalg.lstsq(powers, tensors.reshape(NUM_LMBDAS, -1))
            given = [torch.from_numpy(t.reshape(tensors.shape[1:])) for t in terms]
            own = self.coefficients[name]
            found[name] = [_widened(name, *pair) for pair in zip(given, own, strict=True)]
        self.load(found)

    def at(self, position: float, latent_q_step: float) -> dict[str, Tensor]:
        """Return the tensors of one network.

        Args:
            position: Position -1..1 of its lmbda index, see `lmbda_position`.
            latent_q_step: Colour difference that a latent of 1 stands for.
        """
        return {
            name: _unit(name, latent_q_step)
            * torch.stack([c * position**i for i, c in enumerate(terms)]).sum(0)
            for name, terms in self.coefficients.items()
        }

    def take_gradients(
        self, network: GridNetwork, position: float, latent_q_step: float, scale: float
    ) -> None:
        """Set the gradients of the coefficients from those of a network, times a scale.

        Args:
            network: Network with gradients; its tensors are those of `at` for `position` and
                `latent_q_step`.
            position: Position -1..1 of its lmbda index, see `lmbda_position`.
            latent_q_step: Colour difference that a latent of 1 stands for.
            scale: Factor of all gradients.
        """
        for name, parameter in network.named_parameters():
            assert parameter.grad is not None
            factor = scale * _unit(name, latent_q_step)
            for i, coefficient in enumerate(self.coefficients[name]):
                coefficient.grad = parameter.grad * (factor * position**i)

    def groups(self, matrix_lr: float, vector_lr: float) -> Iterator[dict[str, Any]]:
        """Yield groups of coefficients with their peak learning rates, smaller for higher powers.

        The mean colour has none: each picture has its own.
        """
        for name, terms in self.coefficients.items():
            for coefficient, part in zip(terms, (1.0, 0.5, 0.3), strict=True):
                lr = part * (matrix_lr if coefficient.ndim == 2 else vector_lr)
                if name != "linear.bias":
                    yield {"params": [coefficient], "lr": lr, "peak_lr": lr}


def _widened(name: str, tensor: Tensor, wide: Tensor) -> Tensor:
    """Return a tensor with more units: new inputs as in `wide`, new outputs zero-initialised.

    Args:
        name: Name of the tensor.
        tensor: Tensor of the network with fewer units.
        wide: Random tensor of the network with more units.
    """
    if name == "context.first.weight":  # the last two rows are location and scale
        rows = [
            _widened("", *pair) for pair in ((tensor[:-2], wide[:-2]), (tensor[-2:], wide[-2:]))
        ]
        widened, num_inputs = torch.cat(rows), tensor.shape[1]
        # Coarse features are zero at first; were their weights here zero too, they would stay so.
        widened[:, num_inputs:] = wide[:, num_inputs:]
        return widened
    out = wide.clone()
    out[: len(tensor)] = 0
    out[tuple(slice(size) for size in tensor.shape)] = tensor.to(wide.dtype)
    return out


def _unit(name: str, latent_q_step: float) -> float:
    return latent_q_step if name.startswith(("linear.weight", "output.")) else 1.0


@torch.no_grad()
def export(networks: Networks, stem: str, folder: Path) -> str:
    """Write a prior and return its name."""
    networks_of_lmbdas = []
    for lmbda_index in range(NUM_LMBDAS):
        latent_q_step = latent_q_step_at(lmbda_at(lmbda_index), networks.is_level_weighted)
        networks_of_lmbdas.append(networks.at(lmbda_position(lmbda_index), latent_q_step))
    joined = {
        name: torch.stack([tensors[name] for tensors in networks_of_lmbdas])
        for name in networks_of_lmbdas[0]
    }
    tensors = {name: _fixed(tensor) for name, tensor in _within_range(joined).items()}
    data = safetensors.numpy.save({**tensors, "colours": _fixed(networks.directions)})
    name = name_of(data, stem)
    prior_file(name, folder).write_bytes(data)
    return name


def _within_range(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rescale 3x3 layers such that their weights can be stored, and compute the same.

    alpha * relu(K x + b) equals (c alpha) * relu((K x + b) / c). The factor c is the same for all
    lmbdas, so that weights remain polynomials.
    """
    for name in [name for name in tensors if name.endswith(".alpha")]:
        layer = name.removesuffix(".alpha")
        factor = max(1.0, float(tensors[f"{layer}.weight"].abs().max()) / _MOST_WEIGHT)
        tensors[name] *= factor
        tensors[f"{layer}.weight"] /= factor
        tensors[f"{layer}.bias"] /= factor
    return tensors


def _fixed(tensor: Tensor) -> Integers:
    limits = np.iinfo(np.int16)
    whole = torch.round(tensor.double() * 2**FRACTION_BITS).clamp(limits.min, limits.max)
    # In C order, since safetensors stores memory as it is.
    return np.ascontiguousarray(whole.numpy(), np.int16)

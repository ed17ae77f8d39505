"""The networks of a prior while they are trained, and how they are written.

The weights of a network are polynomials in the logarithm of the lmbda of a bit, so that every step
of the training teaches all bands.
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
from imgnet.fit.grid.start import latent_q_step, lmbda_position, set_linear_path
from imgnet.spec import Spec

DEGREE = 2  # of the polynomials

_MOST_WEIGHT = 7.0  # that 16 bits hold, with room to spare

Integers = NDArray[np.int16]


class Networks:
    """One network a lmbda_index, each tensor a polynomial in the position of the lmbda_index.

    What gives colours is in units of the first step of a latent.

    Args:
        spec: Of the networks.
        colours: (3, 3), the directions of their pyramids, one a column.
        is_graded: Whether the first pyramid is.
    """

    def __init__(self, spec: Spec, colours: Tensor, is_graded: bool) -> None:
        self.colours, self.is_graded = colours, is_graded
        network = GridNetwork(spec)
        with torch.no_grad():
            set_linear_path(network, colours, 1.0, is_graded)
            network.linear.bias.fill_(0.5)
        self.coefficients = {
            name: [parameter.detach().clone()]
            + [torch.zeros_like(parameter) for _ in range(DEGREE)]
            for name, parameter in network.named_parameters()
        }

    @torch.no_grad()
    def load(self, coefficients: Mapping[str, Sequence[Tensor]]) -> None:
        """Set all that is trained to what `coefficients` of another are."""
        for name, terms in coefficients.items():
            for mine, theirs in zip(self.coefficients[name], terms, strict=True):
                mine.copy_(theirs)

    def follow(self, prior: str) -> None:
        """Set all that is trained to the polynomials that come nearest to a prior.

        Where its layers have fewer units, the others are added in such a way that at first they
        change nothing.
        """
        positions = np.array([lmbda_position(lmbda_index) for lmbda_index in range(NUM_LMBDAS)])
        prices = [lmbda_at(lmbda_index) for lmbda_index in range(NUM_LMBDAS)]
        found = {}
        for name, bands in networks_of(prior).items():
            units = np.array([_unit(name, latent_q_step(p, self.is_graded)) for p in prices])
            powers = np.stack([units * positions**i for i in range(DEGREE + 1)], axis=1)
            terms, *_ = np.linalg.lstsq(powers, bands.reshape(NUM_LMBDAS, -1))
            given = [torch.from_numpy(t.reshape(bands.shape[1:])) for t in terms]
            own = self.coefficients[name]
            found[name] = [_widened(name, *pair) for pair in zip(given, own, strict=True)]
        self.load(found)

    def at(self, position: float, step: float) -> dict[str, Tensor]:
        """Return all tensors of one network."""
        return {
            name: _unit(name, step)
            * torch.stack([c * position**i for i, c in enumerate(terms)]).sum(0)
            for name, terms in self.coefficients.items()
        }

    def take_gradients(
        self, network: GridNetwork, position: float, step: float, scale: float
    ) -> None:
        """Carry gradients of a network made by `at`, times a scale, back to the coefficients."""
        for name, parameter in network.named_parameters():
            assert parameter.grad is not None
            for i, coefficient in enumerate(self.coefficients[name]):
                coefficient.grad = parameter.grad * (scale * _unit(name, step) * position**i)

    def groups(self, matrix_lr: float, vector_lr: float) -> Iterator[dict[str, Any]]:
        """Yield all that is trained, higher powers more slowly; a mean colour is each picture's."""
        for name, terms in self.coefficients.items():
            for coefficient, part in zip(terms, (1.0, 0.5, 0.3), strict=True):
                lr = part * (matrix_lr if coefficient.ndim == 2 else vector_lr)
                if name != "linear.bias":
                    yield {"params": [coefficient], "lr": lr, "peak_lr": lr}


def _widened(name: str, tensor: Tensor, wide: Tensor) -> Tensor:
    """Return a tensor of a network with more units: the new ones hear as in `wide`, unheard.

    Args:
        name: Of the tensor.
        tensor: Of the network with fewer.
        wide: The tensor of one with more, yet untrained.
    """
    if name == "context.first.weight":  # the last two rows are no units
        units = _widened("", tensor[:-2], wide[:-2])
        return torch.cat([units, tensor[-2:].to(wide.dtype)])
    out = wide.clone()
    out[: len(tensor)] = 0
    out[tuple(slice(size) for size in tensor.shape)] = tensor.to(wide.dtype)
    return out


def _unit(name: str, step: float) -> float:
    return step if name.startswith(("linear.weight", "output.")) else 1.0


@torch.no_grad()
def export(networks: Networks, stem: str, folder: Path) -> str:
    """Write a prior and return its name."""
    bands = []
    for lmbda_index in range(NUM_LMBDAS):
        step = latent_q_step(lmbda_at(lmbda_index), networks.is_graded)
        bands.append(networks.at(lmbda_position(lmbda_index), step))
    joined = {name: torch.stack([tensors[name] for tensors in bands]) for name in bands[0]}
    tensors = {name: _fixed(tensor) for name, tensor in _within_range(joined).items()}
    data = safetensors.numpy.save({**tensors, "colours": _fixed(networks.colours)})
    name = name_of(data, stem)
    prior_file(name, folder).write_bytes(data)
    return name


def _within_range(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Make weights of 3x3 layers small enough to be stored; what the layers compute stays.

    alpha * relu(K x + b) is as well (c alpha) * relu((K x + b) / c). All bands have the same c, or
    their weights were no polynomials any more.
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
    # In C order, for safetensors stores memory as it lies.
    return np.ascontiguousarray(whole.numpy(), np.int16)

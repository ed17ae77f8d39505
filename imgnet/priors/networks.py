"""The networks of a prior while they are trained, and how they are written.

The weights of a network are polynomials in the logarithm of the price of a bit, so that every step
of the training teaches all bands.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
import torch
from numpy.typing import NDArray
from torch import Tensor

from imgnet.analysis import band_position, set_linear_path
from imgnet.grid_fit import FINER, expected_step
from imgnet.grid_model import GridNetwork
from imgnet.priors import (
    FRACTION_BITS,
    NUM_BANDS,
    name_of,
    price_of_band,
    prior_file,
)
from imgnet.spec import Spec

DEGREE = 2  # of the polynomials

Integers = NDArray[np.int16]


class Networks:
    """One network a band, each tensor a polynomial in the position of the band.

    What gives colours is in units of the expected step of a latent.
    """

    def __init__(self, spec: Spec, colours: Tensor) -> None:
        self.colours = colours
        network = GridNetwork(spec)
        with torch.no_grad():
            set_linear_path(network, colours, 1.0)
            network.linear.bias.fill_(0.5)
        self.coefficients = {
            name: [parameter.detach().clone()]
            + [torch.zeros_like(parameter) for _ in range(DEGREE)]
            for name, parameter in network.named_parameters()
        }

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


def _unit(name: str, step: float) -> float:
    return step if name.startswith(("linear.weight", "output.")) else 1.0


@torch.no_grad()
def export(networks: Networks, stem: str, folder: Path) -> str:
    """Write a prior and return its name."""
    bands: dict[str, list[Integers]] = {}
    for band in range(NUM_BANDS):
        step = FINER * expected_step(price_of_band(band))
        for name, tensor in networks.at(band_position(band), step).items():
            bands.setdefault(name, []).append(_fixed(tensor))
    tensors = {name: np.stack(values) for name, values in bands.items()}
    data = safetensors.numpy.save({**tensors, "colours": _fixed(networks.colours)})
    name = name_of(data, stem)
    prior_file(name, folder).write_bytes(data)
    return name


def _fixed(tensor: Tensor) -> Integers:
    limits = np.iinfo(np.int16)
    whole = torch.round(tensor.double() * 2**FRACTION_BITS).clamp(limits.min, limits.max)
    return whole.numpy().astype(np.int16)

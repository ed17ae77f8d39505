"""Latent grids of a fit of `grid`: relaxation and Adam steps.

All grids are stored one after another in flat tensors, so that operations on all latents need few
calls and no new memory.

Sources: the relaxation by soft rounding with noise is that of C3 (Kim et al., 2023, section 3.2),
after Agustsson and Theis (2020); here with Gaussian noise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from math import prod, sqrt, tanh

import torch
from torch import Tensor
from torch.nn import functional

from imgnet.spec import Spec, latents_name

MEAN_DECAY = 0.9  # of the gradients
SPARE_NOISE = 1 << 16  # more samples of noise than latents; a step takes them from a random offset
_EPS = 5e-9


def padded(x: Tensor, margin: int) -> Tensor:
    """Pad (C, h, w) on all sides with its edges; C may be 0."""
    if not len(x):
        return x.new_zeros(0, x.shape[1] + 2 * margin, x.shape[2] + 2 * margin)
    # Channels as a batch: torch pads no more than that.
    return functional.pad(x[:, None], (margin,) * 4, mode="replicate")[:, 0]


class LatentGrids:
    """Latents of one picture.

    Args:
        spec: Shape of the network.
        device: Device of all tensors.
        generator: Source of the noise, on the CPU.

    Attributes:
        values: Latents.
        relaxed: Relaxed or rounded latents, on which the network is evaluated.
        slope: Derivative of `relaxed` in `values`.
        gradient: Gradient of the cost in `relaxed`.
        mean: Running mean of Adam.
        square: Running mean of squares of Adam.
    """

    def __init__(self, spec: Spec, device: torch.device, generator: torch.Generator) -> None:
        self.spec, self.generator = spec, generator
        self.grids = spec.grids()
        self.names = [latents_name(*grid) for grid in self.grids]
        self.sizes = [spec.grid_size(level) for _, level in self.grids]
        self.starts = [0]
        for size in self.sizes:
            self.starts.append(self.starts[-1] + prod(size))
        total = self.starts[-1]
        noise = torch.randn(total + SPARE_NOISE, generator=generator)
        self.noise = noise.to(device)
        self.values = torch.zeros(total, device=device)
        self.relaxed, self.slope = torch.zeros_like(self.values), torch.ones_like(self.values)
        self.gradient = torch.zeros_like(self.values)
        self.mean, self.square = torch.zeros_like(self.values), torch.zeros_like(self.values)

    def grid(self, flat: Tensor, index: int) -> Tensor:
        """Return the (h, w) view of one grid in a flat tensor of all."""
        return flat[self.starts[index] : self.starts[index + 1]].view(self.sizes[index])

    def of_level(self, flat: Tensor, level: int) -> Tensor:
        """Return all grids of a level, (G, h, w), as a view of a flat tensor."""
        chosen = [i for i, (_, other) in enumerate(self.grids) if other == level]
        if not chosen:
            return flat.new_zeros(0, *self.spec.grid_size(level))
        size = self.sizes[chosen[0]]
        return flat[self.starts[chosen[0]] : self.starts[chosen[-1] + 1]].view(-1, *size)

    def fill(self, grids: Mapping[tuple[int, int], Tensor]) -> None:
        """Set all values from one (h, w) tensor a grid, by pyramid and level."""
        for i, grid in enumerate(self.grids):
            self.grid(self.values, i).copy_(grids[grid])

    def relax(
        self,
        temperature: float,
        noise: float,
        parts: Iterable[slice],
        workers: ThreadPoolExecutor | None = None,
    ) -> None:
        """Set parts of `relaxed`, a smooth random approximation of rounded latents, and of `slope`.

        Args:
            temperature: Temperature of the soft rounding.
            noise: Standard deviation of the noise.
            parts: Ranges of the flat tensors.
            workers: Pool in which parts are relaxed at the same time; None for one after another.
        """
        shift = int(torch.randint(SPARE_NOISE, (1,), generator=self.generator))
        fresh = self.noise[shift : shift + len(self.values)]
        self._relax(temperature, noise, list(parts), fresh, workers)

    def _relax(
        self,
        temperature: float,
        noise: float,
        parts: Sequence[slice],
        fresh: Tensor,
        workers: ThreadPoolExecutor | None,
    ) -> None:
        """Relax parts of the latents; `fresh` has a sample of noise for every latent."""
        del workers
        tensors = self.values, fresh, self.relaxed, self.slope
        for part in parts:
            _relax(temperature, noise, *(tensor[part] for tensor in tensors))

    def round(self) -> None:
        """Set `relaxed` to the rounded values, as the file stores them."""
        torch.round(self.values, out=self.relaxed)

    def step(self, lr: float, parts: Sequence[tuple[slice, int]], square_decay: float) -> None:
        """Move some of the latents by one Adam step.

        Args:
            lr: Learning rate.
            parts: Ranges of the flat tensors, each with the number of its steps, this one included.
            square_decay: Decay of the running mean of squares.
        """
        rates = [_rates(lr, square_decay, count) for _, count in parts]
        self._adam([part for part, _ in parts], rates, square_decay)

    def _adam(
        self, parts: Sequence[slice], rates: Sequence[tuple[float, float]], square_decay: float
    ) -> None:
        """Move each part by an Adam step with its own learning rate and epsilon."""
        tensors = self.gradient, self.slope, self.mean, self.square, self.values
        for part, rate in zip(parts, rates, strict=True):
            _adam(*rate, square_decay, *(tensor[part] for tensor in tensors))


def _rates(lr: float, square_decay: float, count: int) -> tuple[float, float]:
    """Return learning rate and epsilon of a step, corrected for means that began at 0."""
    mean_part, square_part = 1 - MEAN_DECAY**count, 1 - square_decay**count
    return lr * sqrt(square_part) / mean_part, _EPS * sqrt(square_part)


def _adam(
    lr: float,
    eps: float,
    square_decay: float,
    gradient: Tensor,
    slope: Tensor,
    mean: Tensor,
    square: Tensor,
    values: Tensor,
) -> None:
    gradient = gradient * slope
    mean.lerp_(gradient, 1 - MEAN_DECAY)
    square.mul_(square_decay).addcmul_(gradient, gradient, value=1 - square_decay)
    values.addcdiv_(mean, square.sqrt().add_(eps), value=-lr)


def _relax(
    temperature: float, noise: float, values: Tensor, fresh: Tensor, relaxed: Tensor, slope: Tensor
) -> None:
    soft, first_slope = soft_round(values, temperature)
    soft.add_(fresh, alpha=noise)
    softer, second_slope = soft_round(soft, temperature)
    relaxed.copy_(softer)
    torch.mul(first_slope, second_slope, out=slope)


def soft_round(x: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Return s(x) = floor(x) + 1/2 + tanh((r - 1/2) / T) / (2 tanh(1 / (2 T))) and its slope."""
    scale = tanh(0.5 / temperature)
    whole = torch.floor(x)
    bent = (x - whole).sub_(0.5).mul_(2 / temperature).sigmoid_().mul_(2).sub_(1)  # tanh
    slope = torch.mul(bent, bent).neg_().add_(1).mul_(0.5 / temperature / scale)
    return whole.add_(0.5).add_(bent, alpha=0.5 / scale), slope

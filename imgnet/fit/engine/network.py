"""The network of `grid`: upsampling, synthesis and context model, with torch.

It computes in floats what `synthesis.py` and `context.py` compute in whole numbers, on tiles and
chunks that bring the margins they need. The latents are not part of it; see `latents.py`.
"""

from __future__ import annotations

from math import sqrt

import torch
from torch import Tensor, nn

from imgnet.codec.entropy.context import CAUSAL, PARENTS, place_of
from imgnet.fit.engine.autograd import chunk_bits, chunk_lengths, rezero_layer, two_layers, windows
from imgnet.fit.layers import Linear
from imgnet.spec import UPSAMPLING_REACH, Spec

# Weights of Keys' cubic convolution with a = -3/4 at distances 1.25, 0.25, 0.75 and 1.75.
BICUBIC = (-0.10546875, 0.87890625, 0.26171875, -0.03515625)

_ROWS = [(y, 0) for y in range(2 * UPSAMPLING_REACH + 1)]
_COLUMNS = [(0, x) for x in range(2 * UPSAMPLING_REACH + 1)]


class Weight(nn.Module):
    """A matrix alone."""

    def __init__(self, value: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(value)


class Residual(nn.Module):
    """x + alpha * relu(conv3x3(x)), behind a ReZero weight a channel, which starts at 0."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(channels, 9 * channels) / sqrt(9 * channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.alpha = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Map (C, h + 2, w + 2) to (C, h, w)."""
        return rezero_layer(x, self.weight, self.bias, self.alpha)


class ContextModel(nn.Module):
    """Neighbours to distributions; see `context.py`."""

    def __init__(self, dim: int, num_grids: int) -> None:
        super().__init__()
        self.first = Linear(len(CAUSAL) + len(PARENTS) + 2, dim)
        self.first.weight = nn.Parameter(
            torch.cat([self.first.weight.data, torch.zeros(2, len(CAUSAL) + len(PARENTS) + 2)])
        )
        self.second = Linear(dim, dim)
        self.last = Linear(dim, 2)
        self.last.bias = nn.Parameter(torch.zeros(num_grids, 2))
        with torch.no_grad():
            self.second.weight.mul_(0.5)
            self.last.weight.zero_()

    def bits(
        self, own: Tensor, parents: Tensor | None, skip: int, grid: tuple[int, int, int]
    ) -> Tensor:
        """Return the bits of a chunk of latents.

        Args:
            own: (1, h + 3, w + 6), the chunk with its margin above, left and right.
            parents: (1, h' + 2, w' + 2), the latents above the chunk with a margin, or None.
            skip: Rows, 0 or 1, of what the parents cover before the chunk begins.
            grid: Its index, pyramid and level.
        """
        return chunk_bits(own, parents, skip, self._weights_of(grid))

    def lengths(
        self, own: Tensor, parents: Tensor | None, skip: int, grid: tuple[int, int, int]
    ) -> Tensor:
        """Return the bits of every latent of a chunk, (h, w); args are those of `bits`."""
        return chunk_lengths(own, parents, skip, self._weights_of(grid))

    def _weights_of(self, grid: tuple[int, int, int]) -> tuple[Tensor, ...]:
        index, pyramid, level = grid
        to_own, to_parents, to_grid = torch.split(
            self.first.weight, [len(CAUSAL), len(PARENTS), 2], dim=1
        )
        where = self.first.weight.new_tensor(place_of(pyramid, level))
        bias = torch.cat([self.first.bias, self.last.bias[index]]) + to_grid @ where
        second = self.second
        return to_own, to_parents, bias, second.weight, second.bias, self.last.weight


def doubled(x: Tensor, taps: Tensor) -> Tensor:
    """Double the sides of (F, h + 4, w + 4) without its margin; see `synthesis.upsample`."""
    channels, height, width = x.shape[0], x.shape[1] - 2 * UPSAMPLING_REACH, x.shape[2]
    none = taps.new_zeros(1)
    # The weights of 5 samples in each of the two that replace the middle one.
    phases = torch.stack([torch.cat([taps.flip(0), none]), torch.cat([none, taps])])
    around = windows(x, _ROWS, height, width).view(len(_ROWS), -1)
    x = (phases @ around).view(2, channels, height, width).permute(1, 2, 0, 3)
    x = x.reshape(channels, 2 * height, width)
    around = windows(x, _COLUMNS, 2 * height, width - 2 * UPSAMPLING_REACH).view(len(_COLUMNS), -1)
    x = (phases @ around).view(2, channels, 2 * height, -1).permute(1, 2, 3, 0)
    return x.reshape(channels, 2 * height, -1)


class GridNetwork(nn.Module):
    """All of `grid` that is not latents, under the names of `Spec.shapes`."""

    def __init__(self, spec: Spec) -> None:
        super().__init__()
        self.spec = spec
        stages = range(spec.num_levels - 1)
        self.upsample = nn.ParameterList(nn.Parameter(torch.tensor(BICUBIC)) for _ in stages)
        self.hidden = Linear(spec.num_features, spec.dim_hidden)
        self.output = Weight(torch.zeros(spec.dim_out, spec.dim_hidden))
        self.linear = Linear(spec.num_features, spec.dim_out)
        self.residuals = nn.ModuleList(Residual(spec.dim_out) for _ in range(spec.num_layers))
        self.context = ContextModel(spec.dim_context, len(spec.grids()))
        with torch.no_grad():
            self.hidden.weight.mul_(0.25)

    def doubled(self, x: Tensor, level: int) -> Tensor:
        """Bring features to a level from the one above, (F, h + 4, w + 4) to (F, 2 h, 2 w)."""
        return doubled(x, self.upsample[level])

    def join(self, level: int, own: Tensor, features: Tensor | None) -> Tensor:
        """Put the grids of a level (G, h, w) to the features from above; see `synthesis.py`."""
        others = self.spec.dim_out - 1
        if features is None:
            features = own.new_zeros(others, *own.shape[1:])
        if others and level >= self.spec.chroma_level:
            parts = [features[:-others], features[-others:] + own[-others:]]
            features, own = torch.cat(parts), own[:-others]
        return torch.cat([own, features]) if len(own) else features

    def colours(self, features: Tensor) -> Tensor:
        """Map features with a margin, (F, h + 2 n, w + 2 n), to colours (C, h, w)."""
        _, height, width = features.shape
        colours = self.mixed(features.reshape(len(features), -1)).view(-1, height, width)
        for residual in self.residuals:
            colours = residual(colours)
        return colours

    def mixed(self, features: Tensor) -> Tensor:
        """Map features (F, N) to what the 3x3 layers begin with, (C, N)."""
        hidden, linear = self.hidden, self.linear
        return two_layers(
            features, hidden.weight, hidden.bias, self.output.weight, linear.weight, linear.bias
        )

"""Network of `grid` with torch: upsampling, synthesis and context model.

It computes in floats what `codec/render/grid.py` and `codec/entropy/context.py` compute in whole
numbers. Its input are crops with the margins that it needs. The latents are in `latents.py`.
"""

from __future__ import annotations

from math import sqrt

import torch
from torch import Tensor, nn
from torch.nn import functional

from imgnet.fit.layers import Linear
from imgnet.neighbourhood import NUM_INPUTS, NUM_NEIGHBOURS, place_of
from imgnet.spec import UPSAMPLING_REACH, Spec, coarse_name

LEAST_SCALE_LOG2, MOST_SCALE_LOG2 = -4.5, 4.875  # of the tables in `distributions.py`

# Weights of Keys' cubic convolution with a = -3/4 at distances 1.25, 0.25, 0.75 and 1.75.
BICUBIC = (-0.10546875, 0.87890625, 0.26171875, -0.03515625)


class Weight(nn.Module):
    """Layer that is a matrix without a bias."""

    def __init__(self, value: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(value)


class Residual(nn.Module):
    """Residual layer x + alpha * relu(conv3x3(x)), with a ReZero weight alpha of each channel.

    Alpha is 0 at first. The convolution is a matrix (C, 9 * C): nine places with C inputs each.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(channels, 9 * channels) / sqrt(9 * channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.alpha = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Map (C, h + 2, w + 2) to (C, h, w)."""
        channels = len(x)
        kernel = self.weight.view(channels, 3, 3, channels).permute(0, 3, 1, 2)
        inner = functional.conv2d(x[None], kernel, self.bias)[0].relu()
        return x[:, 1:-1, 1:-1] + self.alpha[:, None, None] * inner


class ContextModel(nn.Module):
    """Context model, from the neighbours of latents to their distributions.

    The last two rows of the first layer are a linear path to location and scale. See
    `codec/entropy/context.py`.
    """

    def __init__(self, spec: Spec) -> None:
        super().__init__()
        dim, num_inputs = spec.dim_context, NUM_INPUTS + spec.dim_coarse
        self.first = Linear(num_inputs, dim)
        self.first.weight = nn.Parameter(
            torch.cat([self.first.weight.data, torch.zeros(2, num_inputs)])
        )
        self.second = Linear(dim, dim)
        self.last = Linear(dim, 2)
        self.last.bias = nn.Parameter(torch.zeros(len(spec.grids()), 2))
        shapes, of_pyramids = spec.shapes(), dict[str, nn.ParameterDict]()
        for pyramid, level in spec.grids():
            if spec.has_coarse_features(level):
                weights = nn.Parameter(torch.zeros(shapes[coarse_name(pyramid, level)]))
                of_levels = of_pyramids.setdefault(str(pyramid), nn.ParameterDict())
                of_levels[str(level)] = weights
        self.coarse = nn.ModuleDict(of_pyramids)
        with torch.no_grad():
            self.second.weight.mul_(0.5)
            self.last.weight.zero_()

    def forward(self, inputs: Tensor, grid: int, place: tuple[int, int]) -> Tensor:
        """Return locations, and logarithms of scales to base 2, of N latents: (2, N).

        Args:
            inputs: (K, N) neighbours, in the order of `neighbourhood.py`, and behind them the
                latents of all coarser grids at the place of each latent, if the grid has coarse
                features.
            grid: Index of the grid of all N latents.
            place: Pyramid and level of that grid.
        """
        first, second, last = self.first, self.second, self.last
        edges = [NUM_NEIGHBOURS, NUM_INPUTS]
        to_neighbours, to_place, to_coarse = torch.tensor_split(first.weight, edges, dim=1)
        where = first.weight.new_tensor(place_of(*place))
        bias = torch.cat([first.bias, last.bias[grid]]) + to_place @ where
        stacked = torch.addmm(bias[:, None], to_neighbours, inputs[:NUM_NEIGHBOURS])
        if len(inputs) > NUM_NEIGHBOURS:
            pyramid, level = place
            of_levels = self.coarse[str(pyramid)]
            assert isinstance(of_levels, nn.ParameterDict)
            coarse = of_levels[str(level)] @ inputs[NUM_NEIGHBOURS:]
            stacked = torch.addmm(stacked, to_coarse, coarse)
        units, linear = torch.tensor_split(stacked, [len(second.weight)])
        hidden = units.relu()
        residual = torch.addmm(second.bias[:, None], second.weight, hidden).relu()
        location, scale = torch.addmm(linear, last.weight, hidden + residual)
        return torch.stack([location, scale.clamp(LEAST_SCALE_LOG2, MOST_SCALE_LOG2)])


def doubled(x: Tensor, taps: Tensor) -> Tensor:
    """Double the sides of features with a margin, (F, h + 4, w + 4) to (F, 2 h, 2 w).

    Args:
        x: (F, h + 4, w + 4).
        taps: (4,) of the kernel; see `upsample` of `codec/render/grid.py`.
    """
    channels, height, width = (
        x.shape[0],
        x.shape[1] - 2 * UPSAMPLING_REACH,
        x.shape[2] - 2 * UPSAMPLING_REACH,
    )
    none, taken = taps.new_zeros(1), 2 * UPSAMPLING_REACH + 1
    # The weights of 5 samples in each of the two that replace the middle one.
    phases = torch.stack([torch.cat([taps.flip(0), none]), torch.cat([none, taps])])
    around = x.unfold(1, taken, 1).permute(3, 0, 1, 2).reshape(taken, -1)
    x = (phases @ around).view(2, channels, height, -1).permute(1, 2, 0, 3)
    x = x.reshape(channels, 2 * height, -1)
    around = x.unfold(2, taken, 1).permute(3, 0, 1, 2).reshape(taken, -1)
    x = (phases @ around).view(2, channels, 2 * height, width).permute(1, 2, 3, 0)
    return x.reshape(channels, 2 * height, 2 * width)


class GridNetwork(nn.Module):
    """Network of `grid` without its latents; parameters have the names of `Spec.shapes`."""

    def __init__(self, spec: Spec) -> None:
        super().__init__()
        self.spec = spec
        stages = range(spec.num_levels - 1)
        self.upsample = nn.ParameterList(nn.Parameter(torch.tensor(BICUBIC)) for _ in stages)
        self.hidden = Linear(spec.num_features, spec.dim_hidden)
        self.output = Weight(torch.zeros(spec.dim_out, spec.dim_hidden))
        self.linear = Linear(spec.num_features, spec.dim_out)
        self.residuals = nn.ModuleList(Residual(spec.dim_out) for _ in range(spec.num_layers))
        self.context = ContextModel(spec)
        with torch.no_grad():
            self.hidden.weight.mul_(0.25)

    def doubled(self, x: Tensor, level: int) -> Tensor:
        """Upsample features to a level from the one above, (F, h + 4, w + 4) to (F, 2 h, 2 w)."""
        return doubled(x, self.upsample[level])

    def join(self, level: int, own: Tensor, features: Tensor | None) -> Tensor:
        """Join the grids of a level to the features from the level above.

        Args:
            level: Level of the grids.
            own: (G, h, w) grids.
            features: (F, h, w) upsampled features; None at the coarsest level.

        Returns:
            Features of the level; see `codec/render/grid.py`.
        """
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
        """Map features (F, N) to the input of the 3x3 layers, (C, N)."""
        hidden, linear = self.hidden, self.linear
        units = torch.addmm(hidden.bias[:, None], hidden.weight, features).relu()
        direct = torch.addmm(linear.bias[:, None], linear.weight, features)
        return torch.addmm(direct, self.output.weight, units)

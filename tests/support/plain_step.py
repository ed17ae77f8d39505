"""A step of a `grid` fit as one would write it down with torch: whole tensors and autograd."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from imgnet.codec.entropy.context import CAUSAL, MARGIN, PARENTS
from imgnet.fit.engine.latents import LatentGrids, padded
from imgnet.fit.engine.network import GridNetwork
from imgnet.spec import UPSAMPLING_REACH, edge_margin

LEAST_PROBABILITY = 2.0**-16


def plain_step(
    network: GridNetwork, latents: LatentGrids, picture: Tensor, lmbda: float
) -> tuple[float, float, Tensor]:
    """Return squared error, bits a pixel and the gradient of latents; leave those of weights."""
    relaxed = latents.relaxed.detach().requires_grad_()
    grids = {g: latents.grid(relaxed, i) for i, g in enumerate(latents.grids)}
    error = (_clamped(_colours(network, grids)) - picture).square().mean()
    bits = sum(_bits(network, grids, grid) for grid in grids) / picture[0].numel()
    (error + lmbda * bits).backward()
    assert relaxed.grad is not None
    return error.item(), bits.item(), relaxed.grad


def _clamped(x: Tensor) -> Tensor:
    return x + (x.detach().clamp(0, 1) - x.detach())


def _colours(network: GridNetwork, grids: dict[tuple[int, int], Tensor]) -> Tensor:
    spec = network.spec
    margin, others = edge_margin(spec.num_layers), spec.dim_out - 1
    features = None
    for level in reversed(range(spec.num_levels)):
        height, width = spec.grid_size(level)
        if features is None:
            features = grids[0, level].new_zeros(others, height + 2 * margin, width + 2 * margin)
        else:
            wide = _doubled(features, network.upsample[level])
            skip = margin - 2 * UPSAMPLING_REACH
            features = wide[:, skip:, skip:][:, : height + 2 * margin, : width + 2 * margin]
        own = {p: padded(grids[p, i][None], margin) for p, i in grids if i == level}
        if others and 1 in own:
            colours = torch.cat([own[p] for p in range(1, others + 1)])
            features = torch.cat([features[:-others], features[-others:] + colours])
        if 0 in own:
            features = torch.cat([own[0], features])
    assert features is not None
    cut = margin - spec.num_layers
    height, width = features.shape[1:]
    features = features[:, cut : height - cut, cut : width - cut]
    hidden, linear = network.hidden, network.linear
    units = functional.conv2d(features[None], hidden.weight[..., None, None], hidden.bias).relu()
    x = functional.conv2d(features[None], linear.weight[..., None, None], linear.bias)
    x = x + functional.conv2d(units, network.output.weight[..., None, None])
    for layer in network.residuals:
        channels = spec.dim_out
        weight = layer.weight.view(channels, 3, 3, channels).permute(0, 3, 1, 2)
        inner = functional.conv2d(x, weight, layer.bias).relu()
        x = x[..., 1:-1, 1:-1] + layer.alpha[:, None, None] * inner
    return x[0]


def _doubled(x: Tensor, taps: Tensor) -> Tensor:
    none = taps.new_zeros(1)
    phases = torch.stack([torch.cat([taps.flip(0), none]), torch.cat([none, taps])])
    rows = functional.conv2d(x[:, None], phases[:, None, :, None])  # (F, 2, h, w + 4)
    x = rows.transpose(1, 2).flatten(1, 2)
    columns = functional.conv2d(x[:, None], phases[:, None, None, :])
    return columns.permute(0, 2, 3, 1).flatten(2, 3)


def around(x: Tensor, offsets: tuple[tuple[int, int], ...], margin: int) -> Tensor:
    """Return the neighbours (offsets, h, w) of all samples, zeros beyond the edges."""
    height, width = x.shape
    wide = functional.pad(x, (margin,) * 4)
    return torch.stack(
        [
            wide[margin + dy : margin + dy + height, margin + dx : margin + dx + width]
            for dy, dx in offsets
        ]
    )


def _bits(
    network: GridNetwork, grids: dict[tuple[int, int], Tensor], grid: tuple[int, int]
) -> Tensor:
    context, (pyramid, level) = network.context, grid
    values, dim = grids[grid], len(context.second.weight)
    height, width = values.shape
    parts = [len(CAUSAL), len(PARENTS), 2]
    to_own, to_parents, to_grid = torch.split(context.first.weight, parts, 1)
    where = values.new_tensor([level, min(pyramid, 1)])
    last_bias = context.last.bias[list(grids).index(grid)]
    stacked = to_own @ around(values, CAUSAL, MARGIN).flatten(1)
    if level < network.spec.num_levels - 1:
        parents = grids[pyramid, level + 1]
        shared = (to_parents @ around(parents, PARENTS, 1).flatten(1)).view(-1, *parents.shape)
        wide = shared.repeat_interleave(2, 1).repeat_interleave(2, 2)[:, :height, :width]
        stacked = stacked + wide.flatten(1)
    bias = torch.cat([context.first.bias, last_bias]) + to_grid @ where
    stacked = stacked + bias[:, None]
    hidden = stacked[:dim].relu()
    hidden = hidden + (context.second.weight @ hidden + context.second.bias[:, None]).relu()
    location, scale = stacked[dim:] + context.last.weight @ hidden
    distribution = torch.distributions.Laplace(location, torch.exp2(scale.clamp(-4.5, 4.875)))
    flat = values.flatten()
    probability = distribution.cdf(flat + 0.5) - distribution.cdf(flat - 0.5)
    return -probability.clamp_min(LEAST_PROBABILITY).log2().sum()

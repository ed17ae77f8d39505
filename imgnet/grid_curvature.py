"""How what a picture costs curves in the weights of `grid`: Gauss-Newton matrices, from samples.

Colours depend on weights through upsampling and 3x3 layers, so that they are differentiated by
differences, a weight at a time, on a few tiles. The laws of latents depend on those beside them
only: they are differentiated by hand, and a law curves by its Fisher information.

Source: Martens, "New insights and perspectives on the natural gradient method", 2020, sections 5
and 8.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from math import log

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from imgnet.context import CAUSAL, MARGIN, PARENTS
from imgnet.grid_cuts import Band, Cuts, Evaluator, Tile, split
from imgnet.grid_kernels import LEAST_SCALE_LOG2, MOST_SCALE_LOG2, code_length
from imgnet.grid_model import ContextModel
from imgnet.latents import LatentGrids
from imgnet.spec import Spec

Matrix = NDArray[np.float64]

SAMPLE_SIDE = 64  # pixels of a tile of the sample
MOST_PIXELS = 1 << 13  # of the sample
MOST_LATENTS = 1 << 20  # that a sample is taken from
SAMPLE_LATENTS = 16_000  # about so many are taken
COUNTED_BITS = 8.0  # of a latent, with which the chance to be taken grows
SPARE_BITS = 0.02  # for those that cost nothing
WINDOW = 16  # whole numbers on both sides of a location that are added up
WIDE = 2.0  # scale from which a law is as good as continuous
_GOLDEN = 0.6180339887498949
_CHUNK = 4096


def of_drawing(
    evaluator: Evaluator, parameters: Mapping[str, Tensor], differences: Mapping[str, float]
) -> Matrix:
    """Return the curvature (K, K) of the mean squared error in the weights of the synthesis.

    Args:
        evaluator: Draws a sample of the picture.
        parameters: The weights, K in all; they are changed and set back.
        differences: By how much each weight of a tensor is changed.
    """
    places = sample_places(evaluator.cuts.spec)
    before = evaluator.draw(places)
    count = sum(parameter.numel() for parameter in parameters.values())
    responses = [np.empty((count, colours.size), np.float32) for colours in before]
    row = 0
    for name, parameter in parameters.items():
        flat, difference = parameter.data.view(-1), differences[name]
        for k in range(len(flat)):
            value = flat[k].item()
            flat[k] = value + difference
            for response, after, old in zip(responses, evaluator.draw(places), before, strict=True):
                response[row] = (after - old).ravel() / difference
            flat[k] = value
            row += 1
    total = np.zeros((count, count))
    for response in responses:
        total += response @ response.T
    return total * (2 / sum(colours.size for colours in before))


def sample_places(spec: Spec) -> list[Tile]:
    """Return tiles that lie all over a picture and have about MOST_PIXELS pixels in all.

    >>> sample_places(Spec("grid", 20, 20, 0, 4, 1, num_levels=2, dim_context=4))
    [(0, 20, 0, 20)]
    """
    rows, columns = (split(0, size, SAMPLE_SIDE) for size in (spec.height, spec.width))
    tiles = [(*row, *column) for row in rows for column in columns]
    # Multiples of the golden ratio leave no column out, as steps of equal length may.
    chosen = sorted(range(len(tiles)), key=lambda i: i * _GOLDEN % 1)
    return [tiles[i] for i in sorted(chosen[: max(1, MOST_PIXELS // SAMPLE_SIDE**2)])]


def of_context(
    model: ContextModel, latents: LatentGrids, num_bits: float, workers: ThreadPoolExecutor
) -> Matrix:
    """Return the curvature (K, K) of the bits of all latents in the weights of the context model.

    Args:
        model: Its weights, K in all, in the order of its parameters.
        latents: Rounded.
        num_bits: Of all latents, about.
        workers: Where bands are worked on at the same time.
    """
    spec = latents.spec
    bands = list(Cuts(spec).bands([(0, spec.height)]))
    stride = -(-len(latents.values) // MOST_LATENTS)
    share = SAMPLE_LATENTS * stride / (num_bits + SPARE_BITS * len(latents.values))
    chosen = bands[stride // 2 :: stride]

    def of_band(band: Band) -> Matrix:
        found: Matrix = _of_band(model, latents, band, share).cpu().numpy()
        return found

    total: Matrix = sum(workers.map(of_band, chosen), np.zeros(()))
    return total * stride


@torch.no_grad()
def _of_band(model: ContextModel, latents: LatentGrids, band: Band, share: float) -> Tensor:
    """Return the curvature of the bits of a band.

    Latents that cost more are likelier to be taken, and count for as many fewer.

    Args:
        model: The network.
        latents: Rounded.
        band: Of latents.
        share: Chance to be taken for each bit.
    """
    grid, top, bottom = band
    x, values = neighbours(latents, band), latents.grid(latents.relaxed, grid)[top:bottom].ravel()
    _, _, law = _layers(model, x, grid)
    bits, _, _ = code_length(values, law[0], law[1].clamp(LEAST_SCALE_LOG2, MOST_SCALE_LOG2))
    chance = (share * (bits.clamp(max=COUNTED_BITS) + SPARE_BITS)).clamp(max=1)
    generator = torch.Generator().manual_seed(top + grid)
    drawn = torch.rand(len(chance), generator=generator).to(chance.device) < chance
    size = sum(parameter.numel() for parameter in model.parameters())
    total = torch.zeros(size, size, dtype=torch.float64, device=x.device)
    for part in torch.split(drawn.nonzero().ravel(), _CHUNK):
        hidden, residual, law = _layers(model, x[:, part], grid)
        scale = law[1].clamp(LEAST_SCALE_LOG2, MOST_SCALE_LOG2)
        information = fisher_information(law[0], scale)
        information[1] *= scale == law[1]
        for output in range(2):
            gradients = _law_gradients(model, x[:, part].T, hidden.T, residual.T, grid, output)
            gradients *= (information[output] / chance[part]).sqrt()[:, None]
            total += (gradients.T @ gradients).double()
    return total


def neighbours(latents: LatentGrids, band: Band) -> Tensor:
    """Return what the context model is told of the latents of a band, (inputs, N)."""
    grid, top, bottom = band
    pyramid, level = latents.grids[grid]
    width = latents.sizes[grid][1]
    own = functional.pad(latents.grid(latents.relaxed, grid)[None], (MARGIN, MARGIN, MARGIN, 0))[0]
    rows = [
        own[top + MARGIN + dy : bottom + MARGIN + dy, MARGIN + dx : MARGIN + dx + width]
        for dy, dx in CAUSAL
    ]
    if (pyramid, level + 1) in latents.grids:
        above = latents.grid(latents.relaxed, latents.grids.index((pyramid, level + 1)))[None]
        spread = functional.pad(above, (1, 1, 1, 1))[0].repeat_interleave(2, 0)
        spread = spread.repeat_interleave(2, 1)
        rows += [
            spread[top + 2 + 2 * dy : bottom + 2 + 2 * dy, 2 + 2 * dx : 2 + 2 * dx + width]
            for dy, dx in PARENTS
        ]
    else:
        rows += [torch.zeros_like(rows[0])] * len(PARENTS)
    rows += [torch.full_like(rows[0], where) for where in (level, min(pyramid, 1))]
    return torch.stack([row.reshape(-1) for row in rows])


def _layers(model: ContextModel, x: Tensor, grid: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return both hidden layers (D, N) and the laws (2, N)."""
    first, second, last = model.first, model.second, model.last
    dim = len(second.weight)
    stacked = first.weight @ x
    hidden = (stacked[:dim] + first.bias[:, None]).relu_()
    residual = (second.weight @ hidden + second.bias[:, None]).relu_()
    law = last.weight @ (hidden + residual) + stacked[dim:] + last.bias[grid][:, None]
    return hidden, residual, law


def _law_gradients(
    model: ContextModel, x: Tensor, hidden: Tensor, residual: Tensor, grid: int, output: int
) -> Tensor:
    """Return the gradients (N, K) of the locations, or of the scales, in all weights.

    Args:
        model: The network.
        x: (N, inputs).
        hidden: (N, D).
        residual: (N, D).
        grid: Whose latents they are.
        output: 0 for locations, 1 for scales.
    """
    count = len(x)
    to_residual = model.last.weight[output] * (residual > 0)
    to_hidden = (model.last.weight[output] + to_residual @ model.second.weight) * (hidden > 0)
    chosen = functional.one_hot(torch.tensor(output), 2).to(x)
    biases = torch.zeros_like(model.last.bias)
    biases[grid, output] = 1
    parts: Sequence[Tensor] = (
        torch.cat([to_hidden, chosen.expand(count, -1)], dim=1)[:, :, None] * x[:, None],
        to_hidden,
        to_residual[:, :, None] * hidden[:, None],
        to_residual,
        chosen[:, None] * (hidden + residual)[:, None],
        biases.expand(count, -1, -1),
    )
    return torch.cat([part.flatten(1) for part in parts], dim=1)


def fisher_information(location: Tensor, scale_log2: Tensor) -> Tensor:
    """Return by how much the expected bits of values under Laplace laws curve, (2, N).

    Args:
        location: (N,).
        scale_log2: (N,) logarithms to base 2.

    Returns:
        The curvature in the location and that in the logarithm of the scale.

    >>> wide = fisher_information(torch.zeros(1), torch.tensor([3.0]))[:, 0] * log(2)
    >>> [round(x, 4) for x in wide.tolist()]  # 1 / scale**2, log(2)**2
    [0.0156, 0.4805]
    """
    information = torch.zeros(2, len(location), device=location.device)
    centre = location.round()
    for offset in range(-WINDOW, WINDOW + 1):
        bits, to_value, to_scale = code_length(centre + offset, location, scale_log2)
        information += torch.exp2(-bits) * torch.stack([to_value, to_scale]).square()
    information *= log(2)
    scale = torch.exp2(scale_log2)
    continuous = torch.stack([1 / (scale.square() * log(2)), torch.full_like(scale, log(2))])
    return torch.where(scale > WIDE, continuous, information)

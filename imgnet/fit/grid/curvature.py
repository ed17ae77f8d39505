"""How what a picture costs curves in the weights of `grid`: Gauss-Newton matrices, from samples.

Colours depend on weights through upsampling and 3x3 layers, so that they are differentiated by
differences, a weight at a time, on a few tiles. The distributions of latents depend on those beside
them
only: they are differentiated by hand, and a distribution curves by its Fisher information.

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

from imgnet.codec.entropy.context import Neighbourhood, place_of
from imgnet.fit.engine.autograd import LEAST_SCALE_LOG2, MOST_SCALE_LOG2, code_length
from imgnet.fit.engine.latents import LatentGrids
from imgnet.fit.engine.network import ContextModel
from imgnet.fit.engine.tiling import Chunk, Cuts, Evaluator, Tile, split
from imgnet.spec import Spec

Matrix = NDArray[np.float64]

SAMPLE_SIDE = 64  # pixels of a tile of the sample
MOST_PIXELS = 1 << 13  # of the sample
MOST_LATENTS = 1 << 20  # that a sample is taken from
SAMPLE_LATENTS = 16_000  # about so many are taken
COUNTED_BITS = 8.0  # of a latent, with which the chance to be taken grows
SPARE_BITS = 0.02  # for those that cost nothing
WINDOW = 16  # whole numbers on both sides of a location that are added up
WIDE = 2.0  # scale from which a distribution is as good as continuous
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
        workers: Where chunks are worked on at the same time.
    """
    spec = latents.spec
    chunks = list(Cuts(spec).chunks([(0, spec.height)]))
    stride = -(-len(latents.values) // MOST_LATENTS)
    share = SAMPLE_LATENTS * stride / (num_bits + SPARE_BITS * len(latents.values))

    def of_chunk(chunk: Chunk) -> Matrix:
        grid, top, bottom = chunk
        x = told(latents, around[grid], chunk).to(latents.values.device)
        values = latents.grid(latents.relaxed, grid)[top:bottom].ravel()
        generator = torch.Generator().manual_seed(top + grid)
        found: Matrix = _of_samples(model, x, values, grid, share, generator).cpu().numpy()
        return found

    around = [neighbourhood(latents, grid) for grid in range(len(latents.grids))]
    total: Matrix = sum(workers.map(of_chunk, chunks[stride // 2 :: stride]), np.zeros(()))
    return total * stride


def neighbourhood(latents: LatentGrids, grid: int) -> Neighbourhood:
    """Return a grid of rounded latents and what lies around and above each of them."""
    pyramid, level = latents.grids[grid]
    above = (pyramid, level + 1)
    parent = _integers(latents, latents.grids.index(above)) if above in latents.grids else None
    around = Neighbourhood(latents.sizes[grid], 1, None if parent is None else parent[None])
    around.fill(_integers(latents, grid)[None])
    return around


def _integers(latents: LatentGrids, grid: int) -> NDArray[np.int64]:
    whole: NDArray[np.int64] = latents.grid(latents.relaxed, grid).cpu().numpy().astype(np.int64)
    return whole


def told(latents: LatentGrids, around: Neighbourhood, chunk: Chunk) -> Tensor:
    """Return what the context model is told of the latents of a chunk, (inputs, N)."""
    grid, top, bottom = chunk
    neighbours = around.gather_chunk(top, bottom)
    place = np.array(place_of(*latents.grids[grid]))[:, None].repeat(neighbours.shape[1], axis=1)
    return torch.from_numpy(np.concatenate([neighbours, place]).astype(np.float32))


@torch.no_grad()
def _of_samples(
    model: ContextModel,
    x: Tensor,
    values: Tensor,
    grid: int,
    share: float,
    generator: torch.Generator,
) -> Tensor:
    """Return the curvature (K, K) of the bits of latents of a grid, from a sample of them.

    Latents that cost more are likelier to be taken, and count for as many fewer.

    Args:
        model: The network.
        x: (inputs, N), what it is told.
        values: (N,) latents.
        grid: Whose latents they are.
        share: Chance to be taken for each bit.
        generator: Of the chances.
    """
    _, _, distribution = _layers(model, x, grid)
    bits, _, _ = code_length(
        values, distribution[0], distribution[1].clamp(LEAST_SCALE_LOG2, MOST_SCALE_LOG2)
    )
    chance = (share * (bits.clamp(max=COUNTED_BITS) + SPARE_BITS)).clamp(max=1)
    taken = torch.rand(len(chance), generator=generator).to(chance.device) < chance
    size = sum(parameter.numel() for parameter in model.parameters())
    total = torch.zeros(size, size, dtype=torch.float64, device=x.device)
    for part in torch.split(taken.nonzero().ravel(), _CHUNK):
        hidden, residual, distribution = _layers(model, x[:, part], grid)
        scale = distribution[1].clamp(LEAST_SCALE_LOG2, MOST_SCALE_LOG2)
        information = fisher_information(distribution[0], scale)
        information[1] *= scale == distribution[1]
        for output in range(2):
            gradients = _likelihood_gradients(
                model, x[:, part].T, hidden.T, residual.T, grid, output
            )
            gradients *= (information[output] / chance[part]).sqrt()[:, None]
            total += (gradients.T @ gradients).double()
    return total


def _layers(model: ContextModel, x: Tensor, grid: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return both hidden layers (D, N) and the distributions (2, N)."""
    first, second, last = model.first, model.second, model.last
    dim = len(second.weight)
    stacked = first.weight @ x
    hidden = (stacked[:dim] + first.bias[:, None]).relu_()
    residual = (second.weight @ hidden + second.bias[:, None]).relu_()
    distribution = last.weight @ (hidden + residual) + stacked[dim:] + last.bias[grid][:, None]
    return hidden, residual, distribution


def _likelihood_gradients(
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
    """Return by how much the expected bits of values under Laplace distributions curve, (2, N).

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

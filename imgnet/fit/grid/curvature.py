"""Curvature of the costs of a picture in the weights of `grid`: Gauss-Newton matrices of samples.

Colours depend on weights through upsampling and 3x3 layers: their derivatives are differences, one
weight at a time, on a few tiles. The distribution of a latent depends on its neighbours only: its
derivatives are those of autograd, and the curvature in the distribution is the Fisher information.

Source: Martens, "New insights and perspectives on the natural gradient method", 2020, sections 5
and 8.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from math import log

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.func import functional_call, jacrev, vmap

from imgnet.codec.entropy.context import Neighbourhood
from imgnet.fit.engine.code_length import code_length
from imgnet.fit.engine.latents import LatentGrids
from imgnet.fit.engine.network import ContextModel
from imgnet.fit.engine.tiling import Chunk, Cuts, Evaluator, Tile, split
from imgnet.spec import Spec

Matrix = NDArray[np.float64]
Where = tuple[int, tuple[int, int]]  # index of a grid, and its pyramid and level

SAMPLE_SIDE = 64  # pixels of a tile of the sample
MOST_PIXELS = 1 << 13  # of the sample
MOST_LATENTS = 1 << 20  # that a sample is taken from
SAMPLE_LATENTS = 16_000  # expected size of the sample
COUNTED_BITS = 8.0  # from here on, the chance to be taken no longer grows with a latent's bits
SPARE_BITS = 0.02  # added, so that latents of no bits have a chance
WINDOW = 16  # whole numbers summed on both sides of a location
WIDE = 2.0  # scale above which a distribution counts as continuous
_GOLDEN = 0.6180339887498949
_CHUNK = 4096


def of_drawing(
    evaluator: Evaluator, parameters: Mapping[str, Tensor], differences: Mapping[str, float]
) -> Matrix:
    """Return the curvature (K, K) of the mean squared error in the weights of the synthesis.

    Args:
        evaluator: Renders a sample of the picture.
        parameters: K weights in all; each is changed and set back.
        differences: Change of each weight of a tensor.
    """
    places = sample_places(evaluator.cuts.spec)
    before = evaluator.render(places)
    count = sum(parameter.numel() for parameter in parameters.values())
    responses = [np.empty((count, colours.size), np.float32) for colours in before]
    row = 0
    for name, parameter in parameters.items():
        flat, difference = parameter.data.view(-1), differences[name]
        for k in range(len(flat)):
            value = flat[k].item()
            flat[k] = value + difference
            for response, after, old in zip(
                responses, evaluator.render(places), before, strict=True
            ):
                response[row] = (after - old).ravel() / difference
            flat[k] = value
            row += 1
    total = np.zeros((count, count))
    for response in responses:
        total += response @ response.T
    return total * (2 / sum(colours.size for colours in before))


def sample_places(spec: Spec) -> list[Tile]:
    """Return tiles all over a picture, of about MOST_PIXELS pixels in all.

    >>> sample_places(Spec("grid", 20, 20, 0, 4, 1, num_levels=2, dim_context=4))
    [(0, 20, 0, 20)]
    """
    rows, columns = (split(0, size, SAMPLE_SIDE) for size in (spec.height, spec.width))
    tiles = [(*row, *column) for row in rows for column in columns]
    # Multiples of the golden ratio leave no column out, unlike steps of equal length.
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
        neighbours = neighbours_of(around[grid], chunk).to(latents.values.device)
        values = latents.grid(latents.relaxed, grid)[top:bottom].ravel()
        generator = torch.Generator().manual_seed(top + grid)
        # A copy, since `functional_call` replaces the parameters of the module meanwhile.
        known = copy.deepcopy(model), neighbours, (grid, latents.grids[grid])
        found: Matrix = _of_samples(*known, values, share, generator).cpu().numpy()
        return found

    around = [neighbourhood(latents, grid) for grid in range(len(latents.grids))]
    total: Matrix = sum(workers.map(of_chunk, chunks[stride // 2 :: stride]), np.zeros(()))
    return total * stride


def neighbourhood(latents: LatentGrids, grid: int) -> Neighbourhood:
    """Return the neighbourhood of a grid of rounded latents."""
    pyramid, level = latents.grids[grid]
    above = (pyramid, level + 1)
    parent = _integers(latents, latents.grids.index(above)) if above in latents.grids else None
    around = Neighbourhood(latents.sizes[grid], 1, None if parent is None else parent[None])
    around.fill(_integers(latents, grid)[None])
    return around


def _integers(latents: LatentGrids, grid: int) -> NDArray[np.int64]:
    whole: NDArray[np.int64] = latents.grid(latents.relaxed, grid).cpu().numpy().astype(np.int64)
    return whole


def neighbours_of(around: Neighbourhood, chunk: Chunk) -> Tensor:
    """Return the neighbours of the latents of a chunk, (K, N)."""
    _, top, bottom = chunk
    return torch.from_numpy(around.gather_chunk(top, bottom).astype(np.float32))


@torch.no_grad()
def _of_samples(
    model: ContextModel,
    neighbours: Tensor,
    where: Where,
    values: Tensor,
    share: float,
    generator: torch.Generator,
) -> Tensor:
    """Return the curvature (K, K) of the bits of latents of a grid, from a sample of them.

    The chance of a latent to be taken grows with its bits; its weight is the inverse of the chance.

    Args:
        model: Its weights, K in all.
        neighbours: (inputs, N) of the latents.
        where: The grid.
        values: (N,) latents.
        share: Chance to be taken for each bit.
        generator: Of the chances.
    """
    bits = code_length(values, *model(neighbours, *where))
    chance = (share * (bits.clamp(max=COUNTED_BITS) + SPARE_BITS)).clamp(max=1)
    taken = torch.rand(len(chance), generator=generator).to(chance.device) < chance
    size = sum(parameter.numel() for parameter in model.parameters())
    total = torch.zeros(size, size, dtype=torch.float64, device=neighbours.device)
    for part in torch.split(taken.nonzero().ravel(), _CHUNK):
        information = fisher_information(*model(neighbours[:, part], *where))
        weights = (information / chance[part]).sqrt()
        gradients = distribution_gradients(model, neighbours[:, part], where)
        for of_output, weight in zip(gradients, weights, strict=True):
            weighted = of_output * weight[:, None]
            total += (weighted.T @ weighted).double()
    return total


def distribution_gradients(model: ContextModel, neighbours: Tensor, where: Where) -> Tensor:
    """Return the gradients of locations and of scales in all weights, (2, N, K).

    Args:
        model: Its weights, K in all, in the order of its parameters.
        neighbours: (inputs, N) of N latents.
        where: The grid of the latents.
    """

    def of_latent(weights: dict[str, Tensor], own: Tensor) -> Tensor:
        distribution: Tensor = functional_call(model, weights, (own[:, None], *where))
        return distribution[:, 0]

    weights = dict(model.named_parameters())
    found = vmap(jacrev(of_latent), in_dims=(None, 1))(weights, neighbours)
    return torch.cat([gradients.flatten(2) for gradients in found.values()], dim=2).movedim(1, 0)


def fisher_information(location: Tensor, scale_log2: Tensor) -> Tensor:
    """Return the curvature of the expected bits of values under Laplace distributions, (2, N).

    Args:
        location: (N,).
        scale_log2: (N,) logarithms to base 2.

    Returns:
        The curvature in the location and that in the logarithm of the scale.

    >>> wide = fisher_information(torch.zeros(1), torch.tensor([3.0]))[:, 0] * log(2)
    >>> [round(x, 4) for x in wide.tolist()]  # 1 / scale**2, log(2)**2
    [0.0156, 0.4805]
    """
    distribution = torch.stack([location, scale_log2]).detach()
    offsets = torch.arange(-WINDOW, WINDOW + 1, device=location.device)[:, None]
    with torch.enable_grad():
        leaf = distribution[:, None].repeat(1, len(offsets), 1).requires_grad_()
        bits = code_length(distribution[0].round() + offsets, *leaf)
        (gradient,) = torch.autograd.grad(bits.sum(), leaf)
    information = log(2) * (torch.exp2(-bits.detach()) * gradient.square()).sum(1)
    scale = torch.exp2(distribution[1])
    continuous = torch.stack([1 / (scale.square() * log(2)), torch.full_like(scale, log(2))])
    return torch.where(scale > WIDE, continuous, information)

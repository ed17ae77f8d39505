"""Curvature of distortion and rate in the weights of `grid`: Gauss-Newton matrices of samples.

Colours depend on weights through upsampling and 3x3 layers: their derivatives are taken as
differences, one weight at a time, on a few tiles. The distribution of a latent depends on its
neighbours only: its derivatives come from autograd, and the curvature in the distribution is the
Fisher information.

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
from torch import Tensor
from torch.func import functional_call, jacrev, vmap

from imgnet.arrays import Float64Array, Int64Array
from imgnet.codec.entropy.wavefront import Neighbourhood
from imgnet.fit.engine.code_length import code_length
from imgnet.fit.engine.latents import LatentGrids
from imgnet.fit.engine.network import ContextModel
from imgnet.fit.engine.tiling import Chunk, Cuts, Evaluator, Tile, split
from imgnet.spec import Spec

Where = tuple[int, tuple[int, int]]  # index of a grid, and its pyramid and level

SAMPLE_SIDE = 64  # rows and columns of a tile of the sample of pixels
MOST_PIXELS = 1 << 13  # in that sample
MOST_LATENTS = 1 << 20  # from which the sample of latents is taken
SAMPLE_LATENTS = 16_000  # expected number of latents in that sample
MOST_BITS = 8.0  # of a latent, up to which its probability of being sampled grows
SPARE_BITS = 0.02  # added to the bits, so that latents of no bits may be sampled
WINDOW = 16  # whole numbers summed on both sides of a location
WIDE = 2.0  # scale above which a distribution is treated as continuous
GOLDEN_RATIO = 0.6180339887498949  # its multiples modulo 1 are evenly spread, however many
_CHUNK = 4096


def of_distortion(
    evaluator: Evaluator, parameters: Mapping[str, Tensor], differences: Mapping[str, float]
) -> Float64Array:
    """Return the curvature (K, K) of the mean squared error in the weights of the synthesis.

    Args:
        evaluator: Renders tiles of the picture.
        parameters: Tensors of K weights in all; each weight is changed and set back.
        differences: Change of the weights of each tensor.
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
    """Return tiles from all over a picture, of about `MOST_PIXELS` pixels in all.

    >>> sample_places(Spec("grid", 20, 20, 0, 4, 1, num_levels=2, dim_context=4))
    [(0, 20, 0, 20)]
    """
    rows, columns = (split(0, size, SAMPLE_SIDE) for size in (spec.height, spec.width))
    tiles = [(*row, *column) for row in rows for column in columns]
    # Every n-th tile could leave out whole columns.
    chosen = sorted(range(len(tiles)), key=lambda i: i * GOLDEN_RATIO % 1)
    return [tiles[i] for i in sorted(chosen[: max(1, MOST_PIXELS // SAMPLE_SIDE**2)])]


def of_rate(
    model: ContextModel, latents: LatentGrids, num_bits: float, workers: ThreadPoolExecutor
) -> Float64Array:
    """Return the curvature (K, K) of the bits of all latents in the weights of the context model.

    Args:
        model: Context model; its K weights are in the order of its parameters.
        latents: Rounded latents.
        num_bits: Approximate bits of all latents.
        workers: Pool in which chunks are computed at the same time.
    """
    spec = latents.spec
    chunks = list(Cuts(spec).chunks([(0, spec.height)]))
    stride = -(-len(latents.values) // MOST_LATENTS)
    share = SAMPLE_LATENTS * stride / (num_bits + SPARE_BITS * len(latents.values))

    def of_chunk(chunk: Chunk) -> Float64Array:
        grid, top, bottom = chunk
        inputs = inputs_of(latents, around[grid], chunk).to(latents.values.device)
        values = latents.grid(latents.relaxed, grid)[top:bottom].ravel()
        generator = torch.Generator().manual_seed(top + grid)
        where = grid, latents.grids[grid]
        # A copy, since `functional_call` replaces the parameters of the module while it runs.
        own = copy.deepcopy(model)
        of_samples = _of_samples(own, inputs, where, values, share, generator)
        curvature: Float64Array = of_samples.cpu().numpy()
        return curvature

    around = [neighbourhood(latents, grid) for grid in range(len(latents.grids))]
    total: Float64Array = sum(workers.map(of_chunk, chunks[stride // 2 :: stride]), np.zeros(()))
    return total * stride


def neighbourhood(latents: LatentGrids, grid: int) -> Neighbourhood:
    """Return the neighbourhood of a grid of rounded latents."""
    pyramid, level = latents.grids[grid]
    above = (pyramid, level + 1)
    parent = _integers(latents, latents.grids.index(above)) if above in latents.grids else None
    around = Neighbourhood(latents.sizes[grid], 1, None if parent is None else parent[None])
    around.fill(_integers(latents, grid)[None])
    return around


def _integers(latents: LatentGrids, grid: int) -> Int64Array:
    whole: Int64Array = latents.grid(latents.relaxed, grid).cpu().numpy().astype(np.int64)
    return whole


def inputs_of(latents: LatentGrids, around: Neighbourhood, chunk: Chunk) -> Tensor:
    """Return the inputs of the context model for the latents of a chunk, (K, N).

    Args:
        latents: Rounded latents.
        around: Neighbourhood of the grid of the chunk.
        chunk: Grid and rows.
    """
    i, top, bottom = chunk
    neighbours = torch.from_numpy(around.gather_chunk(top, bottom).astype(np.float32))
    level, width = latents.grids[i][1], latents.sizes[i][1]
    if not latents.spec.has_coarse_features(level):
        return neighbours
    y, x = torch.arange(top, bottom)[:, None], torch.arange(width)
    sources = []
    for source in map(latents.grids.index, latents.spec.coarser_grids(level)):
        shift = latents.grids[source][1] - level
        grid = latents.grid(latents.relaxed, source)
        sources.append(grid[y >> shift, x >> shift].flatten())
    return torch.cat([neighbours, torch.stack(sources).cpu()])


@torch.no_grad()
def _of_samples(
    model: ContextModel,
    inputs: Tensor,
    where: Where,
    values: Tensor,
    share: float,
    generator: torch.Generator,
) -> Tensor:
    """Return the curvature (K, K) of the bits of latents of a grid, from a sample of them.

    A latent is sampled with a probability that grows with its bits, and weighted by the inverse.

    Args:
        model: Context model of K weights.
        inputs: (K, N), see `ContextModel`.
        where: Grid of the latents.
        values: (N,) latents.
        share: Probability of being sampled, for each bit.
        generator: Source of the random numbers.
    """
    bits = code_length(values, *model(inputs, *where))
    probability = (share * (bits.clamp(max=MOST_BITS) + SPARE_BITS)).clamp(max=1)
    uniform = torch.rand(len(probability), generator=generator).to(probability.device)
    is_sampled = uniform < probability
    size = sum(parameter.numel() for parameter in model.parameters())
    total = torch.zeros(size, size, dtype=torch.float64, device=inputs.device)
    for part in torch.split(is_sampled.nonzero().ravel(), _CHUNK):
        information = fisher_information(*model(inputs[:, part], *where))
        weights = (information / probability[part]).sqrt()
        gradients = distribution_gradients(model, inputs[:, part], where)
        for of_output, weight in zip(gradients, weights, strict=True):
            weighted = of_output * weight[:, None]
            total += (weighted.T @ weighted).double()
    return total


def distribution_gradients(model: ContextModel, inputs: Tensor, where: Where) -> Tensor:
    """Return the gradients of N locations and N scales in K weights, (2, N, K).

    Args:
        model: Context model; its K weights are in the order of its parameters.
        inputs: (K, N), see `ContextModel`.
        where: Grid of the latents.
    """

    def of_latent(weights: dict[str, Tensor], own: Tensor) -> Tensor:
        distribution: Tensor = functional_call(model, weights, (own[:, None], *where))
        return distribution[:, 0]

    weights = dict(model.named_parameters())
    found = vmap(jacrev(of_latent), in_dims=(None, 1))(weights, inputs)
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

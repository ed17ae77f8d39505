"""First latents and first network of a fit: Laplacian pyramids, with or without a prior.

Each pyramid is that of a plane: of the colours along one direction, divided by the q_step of a
latent. Without a prior, the directions are the principal components of the picture's colours; with
one, they are those of the pictures that the prior was trained on. An analysis network may then
correct the pyramids.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor
from torch.nn import functional

from imgnet.codec.priors.loader import (
    CHROMA_LEVEL,
    COLOURS,
    NUM_LMBDAS,
    analysis_file,
    colour_directions,
    usual_latent_q_step,
)
from imgnet.fit.engine.latents import LatentGrids, padded
from imgnet.fit.engine.network import BICUBIC, GridNetwork, doubled
from imgnet.fit.grid.analysis_network import AnalysisNetwork, Planes, trained_analysis
from imgnet.request.efforts import FirstLatents
from imgnet.spec import UPSAMPLING_REACH, Spec

DEADZONE = 0.25  # soft threshold of the first latents
TILE = 1024  # rows and columns of the part of a picture that is transformed at a time
FINER = 0.6  # factor on the usual q_step for level-weighted pyramids: most of their latents are 0


def latent_q_step_at(lmbda: float, is_level_weighted: bool) -> float:
    """Return the colour difference that a latent of 1 at level 0 stands for.

    Args:
        lmbda: Cost of a bit a pixel, in squared error of colours in 0..1.
        is_level_weighted: Whether the q_step of the first pyramid depends on the level, see `gain`.

    >>> round(latent_q_step_at(1e-3, is_level_weighted=False), 3)
    0.161
    """
    return usual_latent_q_step(lmbda) * (FINER if is_level_weighted else 1.0)


def gain(level: int) -> float:
    """Return the q_step of level 0 of a level-weighted pyramid over that of another level.

    An error of a latent affects 4**level pixels. Only the first pyramid may be level-weighted: at a
    large lmbda, that helps smooth pictures and harms detailed ones.

    >>> gain(0), gain(4)
    (1.0, 4.0)
    """
    return float(2 ** (level / 2))


def set_linear_path(
    network: GridNetwork, directions: Tensor, latent_q_step: float, is_level_weighted: bool
) -> None:
    """Set the linear path of a network such that it maps pyramids back to colours.

    Args:
        network: Its linear weights are set, and its hidden ones are scaled.
        directions: (C, C) colour directions, one a column.
        latent_q_step: Colour difference that a latent of 1 at level 0 stands for.
        is_level_weighted: Whether the first pyramid is level-weighted.
    """
    spec, first = network.spec, network.spec.num_features - network.spec.dim_out + 1
    levels = range(spec.finest, spec.num_levels)
    gains = directions.new_tensor([gain(level) if is_level_weighted else 1.0 for level in levels])
    with torch.no_grad():
        network.linear.weight[:, :first] = directions[:, :1] * latent_q_step / gains
        network.linear.weight[:, first:] = directions[:, 1:] * latent_q_step
        network.hidden.weight[:, :first] /= gains


def laplacian_pyramids(
    planes: Tensor, num_levels: int, is_level_weighted: bool, chroma_level: int = 0
) -> Planes:
    """Return the Laplacian pyramid of each plane, as grids (h, w) by pyramid and level.

    All levels but the coarsest go through a soft threshold of `DEADZONE`.

    Args:
        planes: (P, H, W), in units of latents.
        num_levels: Levels of each pyramid.
        is_level_weighted: Whether each level of the first pyramid is multiplied by its `gain`.
        chroma_level: Finest level of all pyramids but the first.
    """
    taps = planes.new_tensor(BICUBIC)
    pyramids: Planes = {}
    for level in range(num_levels):
        above, rest = _halved(planes), planes if level >= chroma_level else planes[:1]
        gains = rest.new_ones(len(rest), 1, 1)
        gains[0] = gain(level) if is_level_weighted else 1.0
        if level < num_levels - 1:
            _, height, width = planes.shape
            around = padded(above[: len(rest)], UPSAMPLING_REACH)
            predicted = doubled(around, taps)[:, :height, :width]
            rest = functional.softshrink((rest - predicted) * gains, DEADZONE)
        else:
            rest = rest * gains
        pyramids |= {(p, level): plane for p, plane in enumerate(rest)}
        planes = above
    return pyramids


def _halved(planes: Tensor) -> Tensor:
    odd = (0, planes.shape[2] % 2, 0, planes.shape[1] % 2)
    even = functional.pad(planes[None], odd, mode="replicate")
    return functional.avg_pool2d(even, 2)[0]


def principal_directions(covariance: Tensor) -> Tensor:
    """Return the eigenvectors of a covariance (C, C), one a column, the largest eigenvalue first.

    The sign of each is such that its components have a sum of 0 or more.

    >>> principal_directions(torch.tensor([[1.0, 0.0], [0.0, 4.0]])).tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    directions: Tensor = torch.linalg.eigh(covariance).eigenvectors.flip(1)
    return directions * torch.where(directions.sum(0) < 0, -1.0, 1.0)


@torch.no_grad()
def start_cold(
    picture: Tensor, latent_q_step: float, network: GridNetwork, latents: LatentGrids
) -> None:
    """Set latents to pyramids along the principal directions of the picture's colours.

    The linear path of the network is set to invert them, so that the first x_hat resembles the
    picture.

    Args:
        picture: (C, H, W) in 0..1.
        latent_q_step: Colour difference that a latent of 1 stands for.
        network: Its linear path is set.
        latents: Their values are set.
    """
    spec, flat = network.spec, picture.flatten(1)
    mean = flat.mean(1, keepdim=True)
    directions = principal_directions((flat - mean) @ (flat - mean).T)
    planes = (directions.T @ (flat - mean)).view_as(picture) / latent_q_step
    latents.fill(laplacian_pyramids(planes, spec.num_levels, False, spec.chroma_level))
    set_linear_path(network, directions, latent_q_step, is_level_weighted=False)
    network.linear.bias.copy_(mean[:, 0])


@dataclass(frozen=True)
class WarmStart:
    """Analysis transform for the first latents of fits from a prior.

    Attributes:
        directions: (3, 3) colour directions of the pyramids, one a column.
        analysis: Network that corrects the pyramids; None for no corrections.
        position: Position -1..1 of lmbda among those of the prior, see `lmbda_position`.
    """

    directions: Tensor
    analysis: AnalysisNetwork | None
    position: float

    @property
    def is_level_weighted(self) -> bool:
        """Whether the first pyramid is level-weighted."""
        return self.analysis is None or self.analysis.is_level_weighted

    def pyramids(
        self,
        picture: Tensor,
        latent_q_step: float,
        spec: Spec,
        workers: ThreadPoolExecutor | None = None,
    ) -> Planes:
        """Return the latents, (h, w) by pyramid and level.

        A large picture is transformed tile by tile, which takes less memory. Only coarse latents
        depend on what lies further away than the margin of a tile.

        Args:
            picture: (C, H, W) in 0..1.
            latent_q_step: Colour difference that a latent of 1 stands for.
            spec: Shape of the network.
            workers: Pool for the analysis network; None for one thread.
        """
        mean = picture.mean((1, 2))[:, None, None]
        rows, columns = (_cut(size, 1 << spec.num_levels - 1) for size in picture.shape[1:])
        if len(rows) == len(columns) == 1:
            return self._transformed((picture - mean) / latent_q_step, spec, workers)
        pyramids: Planes = {
            (p, level): picture.new_empty(spec.grid_size(level)) for p, level in spec.grids()
        }
        for (y, around_y), (x, around_x) in product(rows, columns):
            scaled = (picture[:, around_y, around_x] - mean) / latent_q_step
            of_tile = self._transformed(scaled, spec, workers)
            for (p, level), whole in pyramids.items():
                to, of = zip(_at(y, around_y, level), _at(x, around_x, level), strict=True)
                whole[to] = of_tile[p, level][of]
        return pyramids

    def _transformed(
        self, scaled: Tensor, spec: Spec, workers: ThreadPoolExecutor | None
    ) -> Planes:
        """Return the latents of a picture without its mean, in units of latents."""
        num_colours = COLOURS if spec.dim_out >= COLOURS else 1
        channels = scaled[:num_colours].expand(COLOURS, -1, -1)
        planes = (self.directions.T @ channels.flatten(1)).view_as(channels)
        pyramids = laplacian_pyramids(
            planes, spec.num_levels, self.is_level_weighted, spec.chroma_level
        )
        if self.analysis is not None and spec.num_levels > CHROMA_LEVEL:
            corrections = self.analysis(planes, self.position, spec.num_levels, workers)
            for grid in corrections.keys() & pyramids.keys():
                pyramids[grid] = pyramids[grid] + corrections[grid]
        if spec.dim_out > num_colours:  # alpha, which no prior is trained for
            alpha = scaled[num_colours:]
            others = laplacian_pyramids(alpha, spec.num_levels, is_level_weighted=False)
            pyramids |= {(num_colours, level): plane for (_, level), plane in others.items()}
        return pyramids


def _cut(size: int, margin: int) -> list[tuple[slice, slice]]:
    """Cut samples into tiles; return each without and with a margin.

    >>> _cut(3000, 64)[1]
    (slice(1024, 2048, None), slice(960, 2112, None))
    """
    starts = range(0, max(1, size - TILE // 2), TILE)
    stops = [*starts[1:], size]
    return [
        (slice(a, b), slice(max(0, a - margin), min(size, b + margin)))
        for a, b in zip(starts, stops, strict=True)
    ]


def _at(tile: slice, around: slice, level: int) -> tuple[slice, slice]:
    """Return where the latents of a tile are in the whole grid, and among those around it."""
    first, last, start = tile.start >> level, -(-tile.stop >> level), around.start >> level
    return slice(first, last), slice(first - start, last - start)


def first_latents(spec: Spec) -> FirstLatents:
    """Return the origin of the first latents of a fit.

    >>> first_latents(Spec("grid", 8, 8, 0, 4, 1, num_levels=2, dim_context=4))
    'cold'
    """
    if not spec.prior:
        return "cold"
    return "analysis" if analysis_file(spec.prior).exists() else "pyramids"


def warm_start(prior: str, lmbda_index: float, device: torch.device) -> WarmStart:
    """Return the analysis transform of a prior at a lmbda index."""
    directions = torch.from_numpy(colour_directions(prior)).to(device)
    analysis = trained_analysis(prior)
    analysis = None if analysis is None else analysis.to(device)
    return WarmStart(directions, analysis, lmbda_position(lmbda_index))


@torch.no_grad()
def set_network(
    network: GridNetwork, prior: Mapping[str, Tensor], picture: Tensor, latent_q_step: float
) -> None:
    """Set the tensors of a network to those of a prior, with the mean colour of a picture.

    Args:
        network: Its tensors are set.
        prior: Tensors of the prior, by name, in the shapes of the network's.
        picture: (C, H, W) in 0..1.
        latent_q_step: Colour difference that a latent of 1 stands for.
    """
    for name, parameter in network.named_parameters():
        parameter.copy_(prior[name])
    network.linear.bias.copy_(picture.mean((1, 2)))
    if network.spec.dim_out in (2, COLOURS + 1):  # alpha
        network.linear.weight[-1, -1] = latent_q_step


def lmbda_position(lmbda_index: float) -> float:
    """Return the position -1..1 of a lmbda index 0..`NUM_LMBDAS` - 1.

    >>> lmbda_position(0), lmbda_position(NUM_LMBDAS - 1)
    (-1.0, 1.0)
    """
    return 2 * lmbda_index / (NUM_LMBDAS - 1) - 1

"""Where the latents of a fit start: Laplacian pyramids, and what a network may add to them.

The pyramids are of colours along three directions, in units of what a latent of 1 shall mean. Cold,
the directions are the picture's principal ones; with a prior, those that it was trained with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from imgnet.codec.priors.loader import (
    CHROMA_LEVEL,
    COLOURS,
    NUM_LMBDAS,
    colour_directions,
    usual_latent_q_step,
)
from imgnet.fit.engine.latents import LatentGrids, padded
from imgnet.fit.engine.network import BICUBIC, GridNetwork, doubled
from imgnet.fit.grid.analysis_network import AnalysisNetwork, Planes, trained_analysis
from imgnet.spec import UPSAMPLING_REACH, Spec

DEADZONE = 0.25  # that the first latents lose of their magnitude
FINER = 0.6  # part of the usual step that graded pyramids are in: most of their latents are 0


def latent_q_step(lmbda: float, is_graded: bool) -> float:
    """Return what a latent of 1 at level 0 should mean, in units of the picture.

    Args:
        lmbda: Price of a bit a pixel, in squared error of colours in 0..1.
        is_graded: Whether coarser levels are finer, see `gain`.

    >>> round(latent_q_step(1e-3, is_graded=False), 3)
    0.161
    """
    return usual_latent_q_step(lmbda) * (FINER if is_graded else 1.0)


def gain(level: int) -> float:
    """Return how many times finer than at level 0 a latent of a graded pyramid shall be.

    What it gets wrong shows in 4**level pixels. It is the first pyramid that may be graded. Smooth
    pictures gain by it at high prices, detailed ones lose.

    >>> gain(0), gain(4)
    (1.0, 4.0)
    """
    return float(2 ** (level / 2))


def set_linear_path(network: GridNetwork, colours: Tensor, step: float, is_graded: bool) -> None:
    """Make a network draw pyramids, by its linear path, in the colours they are of.

    Args:
        network: Its weights of features are set.
        colours: (C, C), one direction a column.
        step: What a latent of 1 at level 0 means, in units of the picture.
        is_graded: Whether the first pyramid is.
    """
    spec, first = network.spec, network.spec.num_features - network.spec.dim_out + 1
    levels = range(spec.finest, spec.num_levels)
    gains = colours.new_tensor([gain(level) if is_graded else 1.0 for level in levels])
    with torch.no_grad():
        network.linear.weight[:, :first] = colours[:, :1] * step / gains
        network.linear.weight[:, first:] = colours[:, 1:] * step
        network.hidden.weight[:, :first] /= gains


def laplacian_pyramids(planes: Tensor, num_levels: int, is_graded: bool) -> Planes:
    """Return the Laplacian pyramid (h, w) of each plane of (P, H, W), by pyramid and level.

    The magnitudes of all but the coarsest level are lowered by `DEADZONE`.

    Args:
        planes: Pictures of one channel.
        num_levels: Of each pyramid.
        is_graded: Whether the first pyramid is multiplied by the gain of each level.
    """
    taps = planes.new_tensor(BICUBIC)
    pyramids: Planes = {}
    for level in range(num_levels):
        gains = planes.new_ones(len(planes), 1, 1)
        gains[0] = gain(level) if is_graded else 1.0
        above, rest = _halved(planes), planes * gains
        if level < num_levels - 1:
            _, height, width = planes.shape
            predicted = doubled(padded(above, UPSAMPLING_REACH), taps)[:, :height, :width]
            rest = functional.softshrink((planes - predicted) * gains, DEADZONE)
        pyramids |= {(p, level): plane for p, plane in enumerate(rest)}
        planes = above
    return pyramids


def _halved(planes: Tensor) -> Tensor:
    odd = (0, planes.shape[2] % 2, 0, planes.shape[1] % 2)
    even = functional.pad(planes[None], odd, mode="replicate")
    return functional.avg_pool2d(even, 2)[0]


@torch.no_grad()
def start_cold(picture: Tensor, step: float, network: GridNetwork, latents: LatentGrids) -> None:
    """Start from pyramids of the picture's principal colours.

    The synthesis' linear path is set to undo them, so that the first picture is already a likeness.

    Args:
        picture: (C, H, W) in 0..1.
        step: What a latent of 1 shall mean, in units of the picture.
        network: Its linear path is set.
        latents: Their values are set.
    """
    spec, flat = network.spec, picture.flatten(1)
    mean = flat.mean(1, keepdim=True)
    colours = torch.linalg.eigh((flat - mean) @ (flat - mean).T).eigenvectors.flip(1)
    colours *= torch.where(colours.sum(0) < 0, -1.0, 1.0)
    planes = (colours.T @ (flat - mean)).view_as(picture) / step
    latents.fill(laplacian_pyramids(planes, spec.num_levels, is_graded=False))
    set_linear_path(network, colours, step, is_graded=False)
    network.linear.bias.copy_(mean[:, 0])


@dataclass(frozen=True)
class WarmStart:
    """What writes the first latents of a fit that starts from a prior.

    Attributes:
        colours: (3, 3), the directions of the pyramids, one a column.
        analysis: Corrects the pyramids; None for what they are.
        position: Of the price of a bit, see `lmbda_position`.
    """

    colours: Tensor
    analysis: AnalysisNetwork | None
    position: float

    @property
    def is_graded(self) -> bool:
        """Whether the first pyramid is graded."""
        return self.analysis is None or self.analysis.is_graded

    def pyramids(self, picture: Tensor, step: float, spec: Spec) -> Planes:
        """Return the latents, (h, w) by pyramid and level.

        Args:
            picture: (C, H, W) in 0..1.
            step: What a latent of 1 shall mean, in units of the picture.
            spec: Of the network.
        """
        centred = (picture - picture.mean((1, 2))[:, None, None]) / step
        num_colours = COLOURS if spec.dim_out >= COLOURS else 1
        channels = centred[:num_colours].expand(COLOURS, -1, -1)
        planes = (self.colours.T @ channels.flatten(1)).view_as(channels)
        pyramids = laplacian_pyramids(planes, spec.num_levels, self.is_graded)
        if self.analysis is not None and spec.num_levels > CHROMA_LEVEL:
            corrections = self.analysis(planes, self.position, spec.num_levels)
            for grid, correction in corrections.items():
                pyramids[grid] = pyramids[grid] + correction
        if spec.dim_out > num_colours:  # alpha, which nothing is trained for
            others = laplacian_pyramids(centred[num_colours:], spec.num_levels, is_graded=False)
            pyramids |= {(num_colours, level): plane for (_, level), plane in others.items()}
        return pyramids


def warm_start(prior: str, lmbda_index: float, device: torch.device) -> WarmStart:
    """Return what a prior brings for the latents of fits."""
    colours = torch.from_numpy(colour_directions(prior)).to(device)
    analysis = trained_analysis(prior)
    analysis = None if analysis is None else analysis.to(device)
    return WarmStart(colours, analysis, lmbda_position(lmbda_index))


@torch.no_grad()
def set_network(
    network: GridNetwork, origins: Mapping[str, Tensor], picture: Tensor, step: float
) -> None:
    """Make a network that of a prior, with the mean colour of a picture.

    Args:
        network: Its tensors are set.
        origins: The tensors of the prior, in the shapes of the network's.
        picture: (C, H, W) in 0..1.
        step: What a latent of 1 shall mean, in units of the picture.
    """
    for name, parameter in network.named_parameters():
        parameter.copy_(origins[name])
    network.linear.bias.copy_(picture.mean((1, 2)))
    if network.spec.dim_out in (2, COLOURS + 1):  # alpha
        network.linear.weight[-1, -1] = step


def lmbda_position(lmbda_index: float) -> float:
    """Return where a lmbda_index lies among all, from -1 to 1."""
    return 2 * lmbda_index / (NUM_LMBDAS - 1) - 1


def filled(picture: Tensor, mask: Tensor) -> Tensor:
    """Give the samples that were not seen the mean of those around them, near or ever farther."""
    weights = mask.expand_as(picture).float()
    if weights.all() or picture[0].numel() == 1:
        return picture * weights
    counts = functional.avg_pool2d(weights, 2, ceil_mode=True)
    means = functional.avg_pool2d(picture * weights, 2, ceil_mode=True) / counts.clamp(min=1e-6)
    coarse = filled(means, counts > 0)
    around = functional.interpolate(coarse[None], picture.shape[1:], mode="bilinear")[0]
    return torch.where(weights.bool(), picture, around)

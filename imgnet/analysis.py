"""Where the latents of a fit start: Laplacian pyramids, and what a network may add to them.

The pyramids are of colours along three directions, in units of what a latent of 1 shall mean. Cold,
the directions are the picture's principal ones; with a prior, those that it was trained with.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from imgnet.analysis_network import AnalysisNetwork, Planes
from imgnet.grid_model import BICUBIC, REACH, GridNetwork, doubled
from imgnet.latents import LatentGrids, padded
from imgnet.priors import COLOURS, FINEST_COLOUR, NUM_BANDS

DEADZONE = 0.25  # that the first latents lose of their magnitude


def gain(level: int) -> float:
    """Return how many times finer than at level 0 a latent of the first pyramid shall be.

    What it gets wrong shows in 4**level pixels. Where every latent of a level matters, twice as
    fine a level would be right; at low rates most do not.

    >>> gain(0), gain(4)
    (1.0, 4.0)
    """
    return float(2 ** (level / 2))


def set_linear_path(network: GridNetwork, colours: Tensor, step: float) -> None:
    """Make a network draw pyramids, by its linear path, in the colours they are of.

    Args:
        network: Its weights of features are set.
        colours: (C, C), one direction a column.
        step: What a latent of 1 at level 0 means, in units of the picture.
    """
    spec, first = network.spec, network.spec.num_features - network.spec.dim_out + 1
    gains = colours.new_tensor([gain(level) for level in range(spec.finest, spec.num_levels)])
    with torch.no_grad():
        network.linear.weight[:, :first] = colours[:, :1] * step / gains
        network.linear.weight[:, first:] = colours[:, 1:] * step
        network.hidden.weight[:, :first] /= gains


def laplacian_pyramids(planes: Tensor, num_levels: int, is_graded: bool = True) -> Planes:
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
            predicted = doubled(padded(above, REACH), taps)[:, :height, :width]
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
    latents.fill(laplacian_pyramids(planes, spec.num_levels))
    set_linear_path(network, colours, step)
    network.linear.bias.copy_(mean[:, 0])


@torch.no_grad()
def start_warm(
    picture: Tensor,
    step: float,
    origins: Mapping[str, Tensor],
    colours: Tensor,
    analysis: AnalysisNetwork | None,
    network: GridNetwork,
    latents: LatentGrids,
) -> None:
    """Start from a prior, and from pyramids of its colours, corrected if a network does that.

    Args:
        picture: (C, H, W) in 0..1.
        step: What a latent of 1 shall mean, in units of the picture.
        origins: The tensors of the prior, in the shapes of the network's.
        colours: (3, 3), the directions of the pyramids, one a column.
        analysis: Trained with the prior, on pyramids without gain; None for pyramids as they are.
        network: Its tensors are set.
        latents: Their values are set.
    """
    spec = network.spec
    for name, parameter in network.named_parameters():
        parameter.copy_(origins[name])
    mean = picture.mean((1, 2))
    network.linear.bias.copy_(mean)
    centred = (picture - mean[:, None, None]) / step
    num_colours = COLOURS if spec.dim_out >= COLOURS else 1
    channels = centred[:num_colours].expand(COLOURS, -1, -1)
    planes = (colours.T @ channels.flatten(1)).view_as(channels)
    pyramids = laplacian_pyramids(planes, spec.num_levels, is_graded=analysis is None)
    if analysis is not None and spec.num_levels > FINEST_COLOUR:
        band = band_position(spec.band)
        for grid, correction in analysis(planes, band, spec.num_levels).items():
            pyramids[grid] += correction
    if spec.dim_out > num_colours:  # alpha, which nothing is trained for
        others = laplacian_pyramids(centred[num_colours:], spec.num_levels)
        pyramids |= {(num_colours, level): plane for (_, level), plane in others.items()}
        network.linear.weight[-1, -1] = step
    latents.fill(pyramids)


def band_position(band: float) -> float:
    """Return where a band lies among all, from -1 to 1."""
    return 2 * band / (NUM_BANDS - 1) - 1


def filled(picture: Tensor, mask: Tensor) -> Tensor:
    """Give the samples that were not seen the mean of those around them, near or ever farther."""
    weights = mask.expand_as(picture)
    if weights.all() or picture[0].numel() == 1:
        return picture * weights
    counts = functional.avg_pool2d(weights, 2, ceil_mode=True)
    means = functional.avg_pool2d(picture * weights, 2, ceil_mode=True) / counts.clamp(min=1e-6)
    coarse = filled(means, (counts > 0).float())
    around = functional.interpolate(coarse[None], picture.shape[1:], mode="bilinear")[0]
    return torch.where(weights.bool(), picture, around)

"""Where the latents of a fit start: Laplacian pyramids, and what a trained network adds to them.

The pyramids are of colours along three directions, in units of what a latent of 1 shall mean. Cold,
the directions are the picture's principal ones and nothing corrects the pyramids. With a prior, the
directions are those that it was trained with, and a convolutional network, run once over the whole
picture, adds what makes the latents cheaper to code or better to draw from.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from imgnet.grid_model import BICUBIC, REACH, GridNetwork, doubled
from imgnet.latents import LatentGrids, padded
from imgnet.priors import COLOURS, FINEST_COLOUR, NUM_BANDS, analysis_file

DEADZONE = 0.25  # that the first latents lose of their magnitude
FINE, DEEP = 48, 64  # channels at half the sides and below
INPUT_SCALE = 0.25

Planes = dict[tuple[int, int], Tensor]


class AnalysisNetwork(nn.Module):
    """A U-net from colours, in units of latents, to corrections of the pyramids of all levels.

    It begins at half the sides. Every level coarser than a quarter of the sides shares its weights
    with the others of these, so that pictures of any size have as many levels as they need.
    """

    def __init__(self) -> None:
        super().__init__()
        self.colours = nn.Parameter(torch.eye(COLOURS), requires_grad=False)
        self.stem = nn.Conv2d(4 * COLOURS + 1, FINE, 3, padding=1, padding_mode="replicate")
        self.fine = _conv(FINE, FINE)
        self.down = _conv(FINE, DEEP, stride=2)
        self.body = _conv(DEEP, DEEP)
        self.coarser = _conv(DEEP, DEEP, stride=2)
        self.coarser_body = _conv(DEEP, DEEP)
        self.up = nn.Conv2d(DEEP, DEEP, 1)
        self.up_fine = nn.Conv2d(DEEP, FINE, 1)
        self.heads = nn.ModuleList([_head(FINE, 4), _head(FINE, 1), _head(DEEP, COLOURS)])

    def forward(self, planes: Tensor, band: float, num_levels: int) -> Planes:
        """Return a correction (h, w) by pyramid and level.

        Args:
            planes: (3, H, W) colours along the directions, in units of latents.
            band: Of the price of a bit, from -1, dear, to 1.
            num_levels: Of the pyramids, at least 3.
        """
        _, height, width = planes.shape
        even = functional.pad(
            planes[None] * INPUT_SCALE, (0, width % 2, 0, height % 2), mode="replicate"
        )
        x = functional.pixel_unshuffle(even, 2)
        x = torch.cat([x, x.new_full((1, 1, *x.shape[2:]), band)], dim=1)
        fine = _residual(self.fine, functional.relu(self.stem(x)))
        steps = [_residual(self.body, functional.relu(self.down(fine)))]
        for _ in range(3, num_levels):
            coarser = functional.relu(self.coarser(steps[-1]))
            steps.append(_residual(self.coarser_body, coarser))
        corrections: Planes = {}
        above = None
        for level in reversed(range(2, num_levels)):
            x = steps[level - 2]
            if above is not None:
                x = functional.relu(x + _repeated(self.up(above), x))
            corrections |= {(p, level): y for p, y in enumerate(self.heads[2](x)[0])}
            above = x
        assert above is not None
        x = functional.relu(fine + _repeated(self.up_fine(above), fine))
        corrections[0, 1] = self.heads[1](x)[0, 0]
        corrections[0, 0] = functional.pixel_shuffle(self.heads[0](x), 2)[0, 0, :height, :width]
        return corrections


def _conv(dim_in: int, dim_out: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(dim_in, dim_out, 3, padding=1, stride=stride)


def _head(dim_in: int, dim_out: int) -> nn.Conv2d:
    head = _conv(dim_in, dim_out)
    for parameter in head.parameters():
        nn.init.zeros_(parameter)
    return head


def _residual(layer: nn.Module, x: Tensor) -> Tensor:
    return x + functional.relu(layer(x))


def _repeated(x: Tensor, like: Tensor) -> Tensor:
    doubled = functional.interpolate(x, scale_factor=2)
    return doubled[:, :, : like.shape[2], : like.shape[3]]


def laplacian_pyramids(planes: Tensor, num_levels: int) -> Planes:
    """Return the Laplacian pyramid (h, w) of each plane of (P, H, W), by pyramid and level.

    The magnitudes of all but the coarsest level are lowered by `DEADZONE`.
    """
    taps = planes.new_tensor(BICUBIC)
    pyramids: Planes = {}
    for level in range(num_levels):
        above, rest = _halved(planes), planes
        if level < num_levels - 1:
            _, height, width = planes.shape
            predicted = doubled(padded(above, REACH), taps)[:, :height, :width]
            rest = functional.softshrink(planes - predicted, DEADZONE)
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
    first = spec.num_features - spec.dim_out + 1
    network.linear.weight[:, :first] = colours[:, :1] * step
    network.linear.weight[:, first:] = colours[:, 1:] * step
    network.linear.bias.copy_(mean[:, 0])


@torch.no_grad()
def start_warm(
    picture: Tensor,
    step: float,
    origins: Mapping[str, Tensor],
    analysis: AnalysisNetwork,
    network: GridNetwork,
    latents: LatentGrids,
) -> None:
    """Start from a prior and its analysis network.

    Args:
        picture: (C, H, W) in 0..1.
        step: What a latent of 1 shall mean, in units of the picture.
        origins: The tensors of the prior, in the shapes of the network's.
        analysis: Trained with the prior.
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
    colours = centred[:num_colours].expand(COLOURS, -1, -1)
    planes = (analysis.colours.T @ colours.flatten(1)).view_as(colours)
    pyramids = laplacian_pyramids(planes, spec.num_levels)
    if spec.num_levels > FINEST_COLOUR:
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


@lru_cache(maxsize=1)
def trained_analysis(prior: str) -> AnalysisNetwork:
    """Return the analysis network that was trained with a prior."""
    network = AnalysisNetwork()
    stored = load_file(analysis_file(prior))
    network.load_state_dict({name: tensor.float() for name, tensor in stored.items()})
    return network.requires_grad_(False)

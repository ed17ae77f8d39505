"""Analysis network: corrections of the Laplacian pyramids that a fit starts from.

An encoder runs it once over the whole picture. The corrections lower the cost of the first latents.
The network is trained with a prior; a decoder does not need it.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from imgnet.codec.priors.loader import COLOURS, analysis_file

FINE, DEEP = 48, 64  # channels at half the sides and below
INPUT_SCALE = 0.25
STRIP, MARGIN = 64, 6  # rows at half the sides, both even

Planes = dict[tuple[int, int], Tensor]


class AnalysisNetwork(nn.Module):
    """U-net from planes of colours to corrections of all levels of their pyramids.

    Its first layer works at half the sides. All levels coarser than a quarter of the sides share
    their weights, so that one network suits any number of levels.

    Args:
        is_level_weighted: Whether the first pyramid is level-weighted.
    """

    def __init__(self, is_level_weighted: bool = False) -> None:
        super().__init__()
        # The name is that of the shipped files.
        self.register_buffer("graded", torch.tensor(float(is_level_weighted)))
        self.stem = nn.Conv2d(4 * COLOURS + 1, FINE, 3, padding=1, padding_mode="replicate")
        self.fine = _conv(FINE, FINE)
        self.down = _conv(FINE, DEEP, stride=2)
        self.body = _conv(DEEP, DEEP)
        self.coarser = _conv(DEEP, DEEP, stride=2)
        self.coarser_body = _conv(DEEP, DEEP)
        self.up = nn.Conv2d(DEEP, DEEP, 1)
        self.up_fine = nn.Conv2d(DEEP, FINE, 1)
        self.heads = nn.ModuleList([_head(FINE, 4), _head(FINE, 1), _head(DEEP, COLOURS)])

    @property
    def is_level_weighted(self) -> bool:
        """Whether the first pyramid is level-weighted."""
        return bool(self.graded)

    def forward(
        self,
        planes: Tensor,
        lmbda_position: float,
        num_levels: int,
        workers: ThreadPoolExecutor | None = None,
    ) -> Planes:
        """Return a correction (h, w) by pyramid and level.

        Args:
            planes: (3, H, W) colours along the directions of the prior, in units of latents.
            lmbda_position: Position of lmbda, from -1, the largest, to 1.
            num_levels: Levels of the pyramids, at least 3.
            workers: Pool in which strips are corrected at the same time; None for one after
                another.
        """
        map_ = workers.map if workers else map
        _, height, width = planes.shape
        strips = _strips(range((height + 1) // 2))
        reduce = partial(self._reduced, planes, lmbda_position)
        fine, reduced = zip(*map_(reduce, strips), strict=True)
        stages = [torch.cat(reduced, dim=2)]
        del reduced  # of a large picture, that is much memory
        for _ in range(3, num_levels):
            coarser = functional.relu(self.coarser(stages[-1]))
            stages.append(_residual(self.coarser_body, coarser))
        corrections: Planes = {}
        above = None
        for level in reversed(range(2, num_levels)):
            x = stages.pop()
            if above is not None:
                x = (x + _repeated(self.up(above), x)).relu_()
            corrections |= {(p, level): y for p, y in enumerate(self.heads[2](x)[0])}
            above = x
        assert above is not None
        finest = torch.cat(list(map_(partial(self._corrected, above), fine, strips)), dim=2)
        corrections[0, 1] = finest[0, 4]
        corrections[0, 0] = functional.pixel_shuffle(finest[:, :4], 2)[0, 0, :height, :width]
        return corrections

    def _reduced(
        self, planes: Tensor, lmbda_position: float, strip: range
    ) -> tuple[Tensor, Tensor]:
        """Return what belongs to a strip: at half the sides, widened, and at a quarter."""
        _, height, width = planes.shape
        first, last = _widened(strip, height)
        part = planes[None, :, 2 * first : 2 * last] * INPUT_SCALE
        even = functional.pad(part, (0, width % 2, 0, part.shape[2] % 2), mode="replicate")
        x = functional.pixel_unshuffle(even, 2)
        x = torch.cat([x, x.new_full((1, 1, *x.shape[2:]), lmbda_position)], dim=1)
        fine = _residual(self.fine, functional.relu(self.stem(x)))
        reduced = _residual(self.body, functional.relu(self.down(fine)))
        top = (strip.start - first) // 2
        kept = fine if fine.requires_grad else fine.half()  # in half of the memory
        return kept, reduced[:, :, top : top + (len(strip) + 1) // 2]

    def _corrected(self, above: Tensor, fine: Tensor, strip: range) -> Tensor:
        """Return the corrections (1, 5, h, w) of the two finest levels in a strip."""
        first = max(0, strip.start - MARGIN)
        below = self.up_fine(above[:, :, first // 2 : (first + fine.shape[2] + 1) // 2])
        x = functional.relu(fine.float() + _repeated(below, fine))
        corrections = torch.cat([head(x) for head in self.heads[:2]], dim=1)
        top = strip.start - first
        return corrections[:, :, top : top + len(strip)]


def _strips(rows: range) -> list[range]:
    """Cut rows into strips, which take less memory one after the other than all at once."""
    return [rows[i : i + STRIP] for i in rows[::STRIP]]


def _widened(strip: range, height: int) -> tuple[int, int]:
    """Return the first row and the last + 1 that the results of a strip depend on."""
    return max(0, strip.start - MARGIN), min((height + 1) // 2, strip.stop + MARGIN)


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


@lru_cache(maxsize=1)
def trained_analysis(prior: str) -> AnalysisNetwork | None:
    """Return the analysis network of a prior, or None if it has none."""
    if not analysis_file(prior).exists():
        return None
    network = AnalysisNetwork()
    stored = load_file(analysis_file(prior))
    network.load_state_dict({name: tensor.float() for name, tensor in stored.items()})
    return network.requires_grad_(False)

"""Which pixels a step sees: strided lattices that visit every pixel once an epoch.

A lattice (each sx-th column, each sy-th row) is as separable as the whole picture and covers it
evenly, so its gradient is less noisy than that of as many random pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import sqrt

import torch
from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """Some crossings of columns and rows, and their colours.

    Attributes:
        x: Positions of the columns, (W,).
        y: Positions of the rows, (H,).
        keep: Indices of the seen crossings, or None for all.
        target: (C, H * W) or (C, len(keep)) colours in 0..1.
        counted: Like `target`, False where any value will do; or None for nowhere.
    """

    x: Tensor
    y: Tensor
    keep: Tensor | None
    target: Tensor
    counted: Tensor | None = None


class LatticeSampler:
    """Cut a picture into lattices of about `pixels_per_step` seen pixels, in random order.

    Args:
        picture: (C, H, W) colours in 0..1.
        seen: (H, W) or (C, H, W) True where the fit may look, at least once; None for everywhere.
        pixels_per_step: Seen pixels of one lattice.
        chunk: Crossings of one batch; a lattice is handed out in several batches.
        generator: Source of the order.
    """

    def __init__(
        self,
        picture: Tensor,
        seen: Tensor | None,
        pixels_per_step: int,
        chunk: int,
        generator: torch.Generator,
    ) -> None:
        self.picture, self.chunk, self.generator = picture, chunk, generator
        self.counted = None if seen is None or seen.ndim == 2 else seen
        self.seen = seen = seen if seen is None or seen.ndim == 2 else seen.any(0)
        _, height, width = picture.shape
        fraction = 1.0 if seen is None else seen.float().mean().item()
        lattices = max(1.0, fraction * width * height / pixels_per_step)
        self.stride_x = max(1, min(width, round(sqrt(lattices))))
        self.stride_y = max(1, min(height, round(lattices / self.stride_x)))
        self._order: list[int] = []

    def lattice(self) -> list[Batch]:
        """Return the batches of the next lattice on which there is a seen pixel."""
        return self._next(self.chunk)

    def whole_lattice(self) -> Batch:
        """Return that lattice as one batch."""
        return self._next(self.picture.numel())[0]

    def _next(self, chunk: int) -> list[Batch]:
        batches: list[Batch] = []
        while not batches:
            if not self._order:
                count = self.stride_x * self.stride_y
                self._order = torch.randperm(count, generator=self.generator).tolist()
            offset_y, offset_x = divmod(self._order.pop(), self.stride_x)
            offsets = offset_x, offset_y
            batches = list(self._batches(*offsets, self.stride_x, self.stride_y, chunk))
        return batches

    def everything(self) -> Iterator[Batch]:
        """Yield the batches of the whole picture."""
        return self._batches(0, 0, 1, 1, self.chunk)

    def _batches(
        self, x0: int, y0: int, stride_x: int, stride_y: int, chunk: int
    ) -> Iterator[Batch]:
        _, height, width = self.picture.shape
        x = torch.arange(x0, width, stride_x, device=self.picture.device)
        y = torch.arange(y0, height, stride_y, device=self.picture.device)
        for rows in torch.split(y, max(1, chunk // len(x))):
            batch = self._batch(x, rows)
            if batch.target.numel():
                yield batch

    def _batch(self, x: Tensor, y: Tensor) -> Batch:
        target = self.picture[:, y][:, :, x].flatten(1)
        if self.seen is None:
            return Batch(x, y, None, target)
        keep = self.seen[y][:, x].flatten().nonzero()[:, 0]
        counted = None if self.counted is None else self.counted[:, y][:, :, x].flatten(1)[:, keep]
        return Batch(x, y, keep, target[:, keep], counted)

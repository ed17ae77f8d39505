"""Sampler of the pixels of a step: strided lattices, which have each pixel once an epoch.

A lattice has every n-th column and every m-th row. It is as separable as the whole picture and
covers it evenly, so that its gradient has less noise than that of as many random pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import sqrt

import torch
from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """Pixels at crossings of columns and rows, with their colours.

    Attributes:
        x: Positions of the columns, (W,).
        y: Positions of the rows, (H,).
        keep: Indices (K,) of the crossings in the mask; None for all.
        target: (C, H * W) or (C, len(keep)) colours in 0..1.
        sample_mask: In the shape of `target`, False for samples whose error is ignored; None where
            there are none.
    """

    x: Tensor
    y: Tensor
    keep: Tensor | None
    target: Tensor
    sample_mask: Tensor | None = None


class LatticeSampler:
    """Split a picture into lattices of about `pixels_per_step` pixels, in random order.

    Args:
        picture: (C, H, W) colours in 0..1.
        mask: (H, W) or (C, H, W), True for samples to fit, at least one; None for all.
        pixels_per_step: Approximate number of pixels of one lattice that are in the mask.
        chunk: Crossings of one batch, about; a lattice is split into batches.
        generator: Source of the order.
    """

    def __init__(
        self,
        picture: Tensor,
        mask: Tensor | None,
        pixels_per_step: int,
        chunk: int,
        generator: torch.Generator,
    ) -> None:
        self.picture, self.chunk, self.generator = picture, chunk, generator
        self.sample_mask = None if mask is None or mask.ndim == 2 else mask
        self.mask = mask = mask if mask is None or mask.ndim == 2 else mask.any(0)
        _, height, width = picture.shape
        fraction = 1.0 if mask is None else mask.float().mean().item()
        lattices = max(1.0, fraction * width * height / pixels_per_step)
        self.stride_x = max(1, min(width, round(sqrt(lattices))))
        self.stride_y = max(1, min(height, round(lattices / self.stride_x)))
        self._order: list[int] = []

    def lattice(self) -> list[Batch]:
        """Return the batches of the next lattice that has a pixel in the mask."""
        return self._next(self.chunk)

    def whole_lattice(self) -> Batch:
        """Return the next lattice that has a pixel in the mask, as one batch."""
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
        """Yield the batches of all pixels in the mask."""
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
        if self.mask is None:
            return Batch(x, y, None, target)
        keep = self.mask[y][:, x].flatten().nonzero()[:, 0]
        if self.sample_mask is None:
            return Batch(x, y, keep, target[:, keep])
        sample_mask = self.sample_mask[:, y][:, :, x].flatten(1)[:, keep]
        return Batch(x, y, keep, target[:, keep], sample_mask)

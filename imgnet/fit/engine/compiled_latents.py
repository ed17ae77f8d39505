"""Latent grids with compiled relaxation and Adam steps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from torch import Tensor

from imgnet.arrays import Int64Array
from imgnet.fit.engine.latents import MEAN_DECAY, LatentGrids
from imgnet.fit.kernels import latents as latent_kernels

SHARES = 4  # tasks of one relaxation


class CompiledLatentGrids(LatentGrids):
    """Latents of one picture, on the CPU."""

    def _relax(
        self,
        temperature: float,
        noise: float,
        parts: Sequence[slice],
        fresh: Tensor,
        workers: ThreadPoolExecutor | None,
    ) -> None:
        tensors = self.values, fresh, self.relaxed, self.slope
        arrays = [tensor.numpy() for tensor in tensors]

        def relax_share(ranges: Int64Array) -> None:
            latent_kernels.relax(temperature, noise, ranges, *arrays)

        list((workers.map if workers else map)(relax_share, shares(self._ranges(parts), SHARES)))

    def _adam(
        self, parts: Sequence[slice], rates: Sequence[tuple[float, float]], square_decay: float
    ) -> None:
        tensors = self.gradient, self.slope, self.mean, self.square, self.values
        ranges, decays = self._ranges(parts), (MEAN_DECAY, square_decay)
        arrays = (tensor.numpy() for tensor in tensors)
        latent_kernels.adam(ranges, np.array(rates, np.float32), decays, *arrays)

    def _ranges(self, parts: Iterable[slice]) -> Int64Array:
        """Return the first latent and the last + 1 of each part."""
        return np.array([part.indices(len(self.values))[:2] for part in parts])


def shares(ranges: Int64Array, number: int) -> list[Int64Array]:
    """Cut ranges into shares of about the same size.

    Args:
        ranges: (N, 2), first index and last index + 1 of each range.
        number: Number of shares.

    Returns:
        The ranges (N, 2) of each share, some of which may be empty.

    >>> [share.tolist() for share in shares(np.array([[0, 3], [7, 8]]), 2)]
    [[[0, 2], [7, 7]], [[2, 3], [7, 8]]]
    """
    first, sizes = ranges[:, :1], ranges[:, 1:] - ranges[:, :1]
    before = np.cumsum(sizes)[:, None] - sizes
    edges = np.arange(number + 1) * sizes.sum() // number
    return [first + np.clip(edges[i : i + 2] - before, 0, sizes) for i in range(number)]

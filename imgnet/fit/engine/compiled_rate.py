"""The bits of chunks of latents and their gradients, compiled: what goes in and what comes out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from imgnet.codec.entropy.context import CAUSAL, MARGIN, PARENTS, place_of
from imgnet.fit.engine.compiled_task import Arrays, Grids, Outcome
from imgnet.fit.engine.tiling import Chunk
from imgnet.fit.kernels import latents as latent_kernels
from imgnet.fit.kernels import rate as rate_kernels
from imgnet.fit.kernels.blocks import Floats
from imgnet.spec import Spec

_NOTHING, _NO_LENGTHS = np.zeros((0, 0), np.float32), np.zeros(0, np.float32)
_REST = ("second.weight", "second.bias", "last.weight")


class Context:
    """Count the bits of chunks.

    Args:
        spec: Shape of the network.
        grids: Latents.
    """

    def __init__(self, spec: Spec, grids: Grids) -> None:
        self.spec, self.grids = spec, grids

    def weights_of(self, weights: Arrays) -> tuple[Floats, ...]:
        """Return the weights of the context model as `rate_kernels.rate` wants them."""
        first = weights["context.first.weight"]
        own, parents, to_grid = np.split(first, [len(CAUSAL), len(CAUSAL) + len(PARENTS)], axis=1)
        biases = []
        for i, grid in enumerate(self.grids.places):
            bias = np.concatenate([weights["context.first.bias"], weights["context.last.bias"][i]])
            biases.append(bias + to_grid @ _place(grid))
        others = (weights[f"context.{name}"] for name in _REST)
        return (*map(np.ascontiguousarray, (own, parents)), np.stack(biases), *others)

    def rate(
        self, weights: tuple[Floats, ...], gradients: bool, chunk: Chunk, weight: float
    ) -> Outcome:
        """Count the bits of a chunk."""
        i, top, _ = chunk
        pyramid, level = self.grids.places[i]
        arguments = self._around(weights, chunk)
        bits, g_own, g_above, found = rate_kernels.rate(*arguments, gradients, _NO_LENGTHS)
        outcome = Outcome(bits, weight)
        if gradients:
            outcome.windows.append((i, top - MARGIN, -MARGIN, g_own))
            if len(g_above):
                outcome.windows.append(
                    (self.grids.index[pyramid, level + 1], (top >> 1) - 1, -1, g_above)
                )
            outcome.weights = self._gradients(i, weight, found)
        return outcome

    def _around(self, weights: tuple[Floats, ...], chunk: Chunk) -> tuple[Any, ...]:
        """Return a chunk, with what lies around it and above it, and the weights for its bits."""
        i, top, bottom = chunk
        pyramid, level = self.grids.places[i]
        to_own, to_parents, biases, *others = weights
        width = self.spec.grid_size(level)[1]
        own = np.zeros((bottom - top + MARGIN, width + 2 * MARGIN), np.float32)
        latent_kernels.window(self.grids.of(pyramid, level), top - MARGIN, -MARGIN, own)
        above, first = _NOTHING, (top >> 1) - 1
        if level < self.spec.num_levels - 1:
            columns = self.spec.grid_size(level + 1)[1]
            above = np.zeros(((bottom - 1 >> 1) + 2 - first, columns + 2), np.float32)
            latent_kernels.window(self.grids.of(pyramid, level + 1), first, -1, above)
        return own, above, top % 2, to_own, to_parents, biases[i], *others

    def _gradients(self, grid: int, weight: float, found: Sequence[Floats]) -> Arrays:
        own, parents, bias, *others = (np.float32(weight) * gradient for gradient in found)
        to_grid = np.outer(bias, _place(self.grids.places[grid]))
        last_bias = np.zeros((len(self.grids.places), 2), np.float32)
        last_bias[grid] = bias[-2:]
        gradients = {f"context.{n}": g for n, g in zip(_REST, others, strict=True)}
        gradients["context.first.weight"] = np.concatenate([own, parents, to_grid], axis=1)
        gradients["context.first.bias"] = bias[:-2]
        gradients["context.last.bias"] = last_bias
        return gradients

    def lengths(
        self, weights: tuple[Floats, ...], lengths: dict[int, Floats], chunk: Chunk
    ) -> None:
        """Set the bits of every latent of a chunk."""
        i, top, bottom = chunk
        rate_of = partial(rate_kernels.rate, *self._around(weights, chunk))
        rate_of(False, lengths[i][top:bottom].reshape(-1))


def _place(grid: tuple[int, int]) -> Floats:
    return np.array(place_of(*grid), np.float32)

"""Rate of chunks of latents with compiled kernels: bits and all gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from imgnet.arrays import Float32Array, Parameters
from imgnet.fit.engine.compiled_task import Grids, Outcome
from imgnet.fit.engine.tiling import Chunk
from imgnet.fit.kernels import latents as latent_kernels
from imgnet.fit.kernels import rate as rate_kernels
from imgnet.neighbourhood import CAUSAL, MARGIN, NUM_NEIGHBOURS, PARENT_MARGIN, place_of
from imgnet.spec import Spec

_NOTHING, _NO_LENGTHS = np.zeros((0, 0), np.float32), np.zeros(0, np.float32)
_REST = ("second.weight", "second.bias", "last.weight")


class Context:
    """Rate of chunks of latents under the context model.

    Args:
        spec: Shape of the network.
        grids: Latents.
    """

    def __init__(self, spec: Spec, grids: Grids) -> None:
        self.spec, self.grids = spec, grids

    def weights_of(self, weights: Parameters) -> tuple[Float32Array, ...]:
        """Return the weights of the context model as `rate_kernels.rate` takes them."""
        first = weights["context.first.weight"]
        own, parents, to_grid = np.split(first, [len(CAUSAL), NUM_NEIGHBOURS], axis=1)
        biases = []
        for i, grid in enumerate(self.grids.places):
            bias = np.concatenate([weights["context.first.bias"], weights["context.last.bias"][i]])
            biases.append(bias + to_grid @ _place(grid))
        others = (weights[f"context.{name}"] for name in _REST)
        return (*map(np.ascontiguousarray, (own, parents)), np.stack(biases), *others)

    def bits(self, weights: tuple[Float32Array, ...], chunk: Chunk) -> float:
        """Return the bits of a chunk."""
        bits: float = rate_kernels.rate(*self._around(weights, chunk), False, _NO_LENGTHS)[0]
        return bits

    def lengths(
        self, weights: tuple[Float32Array, ...], lengths: dict[int, Float32Array], chunk: Chunk
    ) -> None:
        """Set `lengths` of the grid (h, w) to the bits of every latent of a chunk."""
        i, top, bottom = chunk
        flat = lengths[i][top:bottom].reshape(-1)
        rate_kernels.rate(*self._around(weights, chunk), False, flat)

    def rate(self, weights: tuple[Float32Array, ...], chunk: Chunk, factor: float) -> Outcome:
        """Return the bits of a chunk and the gradients of factor * bits."""
        i, top, _ = chunk
        pyramid, level = self.grids.places[i]
        arguments = self._around(weights, chunk)
        bits, g_own, g_above, found = rate_kernels.rate(*arguments, True, _NO_LENGTHS)
        outcome = Outcome(bits, factor)
        outcome.windows.append((i, top - MARGIN, -MARGIN, g_own))
        if len(g_above):
            parent, first = self.grids.index[pyramid, level + 1], (top >> 1) - PARENT_MARGIN
            outcome.windows.append((parent, first, -PARENT_MARGIN, g_above))
        outcome.weights = self._gradients(i, factor, found)
        return outcome

    def _around(self, weights: tuple[Float32Array, ...], chunk: Chunk) -> tuple[Any, ...]:
        """Return the arguments of `rate_kernels.rate`: chunk, parents and weights."""
        i, top, bottom = chunk
        pyramid, level = self.grids.places[i]
        to_own, to_parents, biases, *others = weights
        width = self.spec.grid_size(level)[1]
        own = np.zeros((bottom - top + MARGIN, width + 2 * MARGIN), np.float32)
        latent_kernels.window(self.grids.of(pyramid, level), top - MARGIN, -MARGIN, own)
        above, first = _NOTHING, (top >> 1) - PARENT_MARGIN
        if level < self.spec.num_levels - 1:
            columns = self.spec.grid_size(level + 1)[1]
            last = (bottom + 1 >> 1) + PARENT_MARGIN
            above = np.zeros((last - first, columns + 2 * PARENT_MARGIN), np.float32)
            latent_kernels.window(self.grids.of(pyramid, level + 1), first, -PARENT_MARGIN, above)
        return own, above, top % 2, to_own, to_parents, biases[i], *others

    def _gradients(
        self, grid: int, factor: float, found: Sequence[Float32Array]
    ) -> dict[str, Float32Array]:
        own, parents, bias, *others = (np.float32(factor) * gradient for gradient in found)
        to_grid = np.outer(bias, _place(self.grids.places[grid]))
        last_bias = np.zeros((len(self.grids.places), 2), np.float32)
        last_bias[grid] = bias[-2:]
        gradients = {f"context.{n}": g for n, g in zip(_REST, others, strict=True)}
        gradients["context.first.weight"] = np.concatenate([own, parents, to_grid], axis=1)
        gradients["context.first.bias"] = bias[:-2]
        gradients["context.last.bias"] = last_bias
        return gradients


def _place(grid: tuple[int, int]) -> Float32Array:
    return np.array(place_of(*grid), np.float32)

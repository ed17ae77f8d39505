"""Rate of chunks of latents with compiled kernels: bits and all gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from imgnet.arrays import Float32Array, Parameters
from imgnet.fit.engine.compiled_task import Grids, Outcome
from imgnet.fit.engine.tiling import Chunk
from imgnet.fit.kernels import latents as latent_kernels
from imgnet.fit.kernels import rate as rate_kernels
from imgnet.neighbourhood import (
    CAUSAL,
    MARGIN,
    NUM_INPUTS,
    NUM_NEIGHBOURS,
    PARENT_MARGIN,
    PARENTS,
    place_of,
)
from imgnet.spec import Spec, coarse_name

_NOTHING, _NO_LENGTHS = np.zeros((0, 0), np.float32), np.zeros(0, np.float32)
_NO_FEATURES = np.zeros((0, 0, 0), np.float32)
_REST = ("second.weight", "second.bias", "last.weight")


class OfGrid(NamedTuple):
    """Weights of the context model in one grid.

    Attributes:
        coarse: (K, number of sources) weights of the coarse features; K is 0 where there are none.
        others: Arguments of `rate_kernels.rate` from `to_own` to `last`.
    """

    coarse: Float32Array
    others: tuple[Float32Array, ...]


Weights = list[OfGrid]


class Context:
    """Rate of chunks of latents under the context model.

    Args:
        spec: Shape of the network.
        grids: Latents.
    """

    def __init__(self, spec: Spec, grids: Grids) -> None:
        self.spec, self.grids = spec, grids
        self.sources = [
            [grids.index[source] for source in spec.coarser_grids(level)]
            for _, level in grids.places
        ]

    def weights_of(self, weights: Parameters) -> Weights:
        """Return the weights of the context model for each grid."""
        first, edges = weights["context.first.weight"], [len(CAUSAL), NUM_NEIGHBOURS, NUM_INPUTS]
        own, parents, to_place, to_features = np.split(first, edges, axis=1)
        own, alone = np.ascontiguousarray(own), np.ascontiguousarray(parents)
        above = np.concatenate([parents, to_features], axis=1)
        others = [weights[f"context.{name}"] for name in _REST]
        of_grids: Weights = []
        for i, grid in enumerate(self.grids.places):
            bias = np.concatenate([weights["context.first.bias"], weights["context.last.bias"][i]])
            bias += to_place @ _place(grid)
            coarse = weights.get(coarse_name(*grid), _NOTHING)
            of_grids.append(OfGrid(coarse, (own, above if coarse.size else alone, bias, *others)))
        return of_grids

    def bits(self, weights: Weights, chunk: Chunk) -> float:
        """Return the bits of a chunk."""
        bits: float = rate_kernels.rate(*self._arguments(weights, chunk), False, _NO_LENGTHS)[0]
        return bits

    def lengths(self, weights: Weights, lengths: dict[int, Float32Array], chunk: Chunk) -> None:
        """Set `lengths` of the grid (h, w) to the bits of every latent of a chunk."""
        i, top, bottom = chunk
        flat = lengths[i][top:bottom].reshape(-1)
        rate_kernels.rate(*self._arguments(weights, chunk), False, flat)

    def rate(self, weights: Weights, chunk: Chunk, factor: float) -> Outcome:
        """Return the bits of a chunk and the gradients of factor * bits."""
        i, top, _ = chunk
        pyramid, level = self.grids.places[i]
        arguments = self._arguments(weights, chunk)
        bits, (g_own, g_above, g_features), found = rate_kernels.rate(*arguments, True, _NO_LENGTHS)
        outcome = Outcome(bits, factor)
        outcome.windows.append((i, top - MARGIN, -MARGIN, g_own))
        if len(g_above):
            parent, first = self.grids.index[pyramid, level + 1], (top >> 1) - PARENT_MARGIN
            outcome.windows.append((parent, first, -PARENT_MARGIN, g_above))
        outcome.weights = self._gradients(i, factor, found)
        if len(g_features):
            self._add_coarse(outcome, weights[i].coarse, chunk, g_features)
        return outcome

    def _add_coarse(
        self, outcome: Outcome, weights: Float32Array, chunk: Chunk, gradient: Float32Array
    ) -> None:
        """Add the gradients of coarse features (K, h, w) in their weights and sources."""
        i, top, _ = chunk
        place = self.grids.places[i]
        planes, flat = self._planes(chunk), gradient.reshape(len(gradient), -1)
        in_weights = flat @ planes.reshape(len(planes), -1).T
        outcome.weights[coarse_name(*place)] = np.float32(outcome.factor) * in_weights
        for source, plane in zip(
            self.sources[i], (weights.T @ flat).reshape(planes.shape), strict=True
        ):
            shift = self.grids.places[source][1] - place[1] - 1
            outcome.repeats.append((source, top >> 1, shift, plane))

    def _arguments(self, weights: Weights, chunk: Chunk) -> tuple[Any, ...]:
        """Return the arguments of `rate_kernels.rate` up to `last`."""
        coarse, of_grid = weights[chunk[0]]
        return *self._around(chunk), self._features(coarse, chunk), *of_grid

    def _around(self, chunk: Chunk) -> tuple[Float32Array, Float32Array, int]:
        """Return the latents of a chunk and of its parents, with margins, and the rows to skip."""
        i, top, bottom = chunk
        pyramid, level = self.grids.places[i]
        width = self.spec.grid_size(level)[1]
        own = np.zeros((bottom - top + MARGIN, width + 2 * MARGIN), np.float32)
        latent_kernels.window(self.grids.of(pyramid, level), top - MARGIN, -MARGIN, own)
        above, first = _NOTHING, (top >> 1) - PARENT_MARGIN
        if level < self.spec.num_levels - 1:
            columns = self.spec.grid_size(level + 1)[1]
            last = (bottom + 1 >> 1) + PARENT_MARGIN
            above = np.zeros((last - first, columns + 2 * PARENT_MARGIN), np.float32)
            latent_kernels.window(self.grids.of(pyramid, level + 1), first, -PARENT_MARGIN, above)
        return own, above, top % 2

    def _features(self, weights: Float32Array, chunk: Chunk) -> Float32Array:
        """Return the coarse features (K, h, w) of a chunk, for each parent of its latents."""
        if not len(weights):
            return _NO_FEATURES
        planes = self._planes(chunk)
        flat = weights @ planes.reshape(len(planes), -1)
        return flat.reshape(len(weights), *planes.shape[1:])

    def _planes(self, chunk: Chunk) -> Float32Array:
        """Return the sources of the coarse features of a chunk, (number, h, w)."""
        i, top, bottom = chunk
        level, sources = self.grids.places[i][1], self.sources[i]
        first, last = top >> 1, bottom + 1 >> 1
        columns = self.spec.grid_size(level + 1)[1]
        planes = np.empty((len(sources), last - first, columns), np.float32)
        for plane, source in zip(planes, sources, strict=True):
            pyramid, other = self.grids.places[source]
            latent_kernels.repeated(self.grids.of(pyramid, other), first, other - level - 1, plane)
        return planes

    def _gradients(
        self, grid: int, factor: float, found: Sequence[Float32Array]
    ) -> dict[str, Float32Array]:
        own, above, bias, *others = (np.float32(factor) * gradient for gradient in found)
        to_place = np.outer(bias, _place(self.grids.places[grid]))
        parents, to_features = np.split(above, [len(PARENTS)], axis=1)
        if not to_features.size:
            to_features = np.zeros((len(above), self.spec.dim_coarse), np.float32)
        last_bias = np.zeros((len(self.grids.places), 2), np.float32)
        last_bias[grid] = bias[-2:]
        gradients = {f"context.{n}": g for n, g in zip(_REST, others, strict=True)}
        first = [own, parents, to_place, to_features]
        gradients["context.first.weight"] = np.concatenate(first, axis=1)
        gradients["context.first.bias"] = bias[:-2]
        gradients["context.last.bias"] = last_bias
        return gradients


def _place(grid: tuple[int, int]) -> Float32Array:
    return np.array(place_of(*grid), np.float32)

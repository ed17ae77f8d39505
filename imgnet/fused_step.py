"""One evaluation of `grid` on some rows of the picture, compiled: what `grid_step.py` computes.

Its tasks are the same tiles and bands, cut out of the latents as they lie, and every task goes
forward and backward by itself. Tasks return gradients, which are added up in order: a fit is
repeatable.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from imgnet import fused_latents, fused_rate, fused_synthesis
from imgnet.blocks import Floats
from imgnet.context import CAUSAL, MARGIN, PARENTS
from imgnet.grid_cuts import TILE, Band, Costs, Cuts, Rows, Tile, affected
from imgnet.grid_model import REACH, GridNetwork
from imgnet.latents import LatentGrids

_NOTHING = np.zeros((0, 0), np.float32)
_NO_LENGTHS = np.zeros(0, np.float32)
_NO_MASK = np.zeros((0, 0, 0), np.float32)

Arrays = dict[str, Floats]


@dataclass
class Outcome:
    """What a task found.

    Attributes:
        value: Squared error or bits.
        weight: What they count.
        crops: Gradients of parts of grids whose edges repeat: grid, top, left, values.
        windows: The same of parts of grids with zeros around, yet to be weighed.
        weights: Gradients of the network's parameters.
    """

    value: float
    weight: float
    crops: list[tuple[int, int, int, Floats]] = field(default_factory=list)
    windows: list[tuple[int, int, int, Floats]] = field(default_factory=list)
    weights: Arrays = field(default_factory=dict)


class FusedStep:
    """Evaluate the network on a picture, on the CPU.

    Args:
        network: Its parameters get gradients.
        latents: What it draws; `latents.gradient` is set.
        picture: (C, H, W) in 0..1.
        seen: (H, W) or (C, H, W) 1 where the distortion counts, else 0; None for everywhere.
        workers: Where tasks run.
        tile: Rows and columns of a distortion task.
    """

    def __init__(
        self,
        network: GridNetwork,
        latents: LatentGrids,
        picture: Tensor,
        seen: Tensor | None,
        workers: ThreadPoolExecutor,
        tile: tuple[int, int] = TILE,
    ) -> None:
        self.network, self.latents, self.workers = network, latents, workers
        self.spec = spec = network.spec
        self.cuts = Cuts(spec, tile)
        self.picture = picture.contiguous().numpy()
        self.seen = None if seen is None else seen.expand_as(picture).numpy()
        self.grids = spec.grids()
        self.index = {grid: i for i, grid in enumerate(self.grids)}

    def evaluate(
        self, rows: Sequence[Rows], lmbda: float, coarse_weight: float = 1.0
    ) -> tuple[float, float]:
        """See `Evaluator.evaluate`."""
        return self._run(rows, lmbda, gradients=True, coarse_weight=coarse_weight)

    def measure(
        self, rows: Sequence[Rows], error: bool = True, bits: bool = True
    ) -> tuple[float, float]:
        """See `Evaluator.measure`."""
        return self._run(rows, 1.0, gradients=False, error=error, bits=bits)

    def _run(
        self,
        rows: Sequence[Rows],
        lmbda: float,
        gradients: bool,
        error: bool = True,
        bits: bool = True,
        coarse_weight: float = 1.0,
    ) -> tuple[float, float]:
        weights = self._weights()
        pixels = self.spec.width * sum(bottom - top for top, bottom in rows)
        share = 1 / (self.spec.dim_out * pixels)
        of_tile = partial(self._distortion, weights, self._phases(weights), share, gradients)
        of_band = partial(self._rate, self._context_weights(weights), gradients)
        tiles = [partial(of_tile, tile) for tile in self.cuts.tiles(rows) if error]
        shares = self.cuts.weighed_bands(rows, coarse_weight) if bits else []
        bands = [partial(of_band, band, lmbda * share / pixels) for band, share in shares]
        outcomes = list(self.workers.map(lambda task: task(), [*tiles, *bands]))
        if gradients:
            self._collect(outcomes)
        errors = sum(outcome.value for outcome in outcomes[: len(tiles)])
        weighed = zip(outcomes[len(tiles) :], shares, strict=True)
        code_length = sum(outcome.value * share for outcome, (_, share) in weighed)
        return errors / (self.spec.dim_out * pixels), code_length / pixels

    def _collect(self, outcomes: Sequence[Outcome]) -> None:
        latents = self.latents
        latents.gradient.zero_()
        gradients = [latents.grid(latents.gradient, i).numpy() for i in range(len(self.grids))]
        totals = {n: _cleared_gradient(p) for n, p in self.network.named_parameters()}
        for outcome in outcomes:
            for i, top, left, gradient in outcome.crops:
                fused_latents.crop_back(gradient, top, left, gradients[i])
            for i, top, left, gradient in outcome.windows:
                fused_latents.window_back(gradient, top, left, outcome.weight, gradients[i])
            for name, gradient in outcome.weights.items():
                totals[name] += gradient

    def _grid(self, pyramid: int, level: int) -> Floats:
        latents = self.latents
        grid: Floats = latents.grid(latents.relaxed, self.index[pyramid, level]).numpy()
        return grid

    def costs(self, grid: int) -> Costs:
        """See `Evaluator.costs`."""
        rows = [(0, self.spec.height)]
        weights = self._weights()
        error = np.empty(self.picture.shape[1:], np.float32)
        sizes = {i: self.spec.grid_size(self.grids[i][1]) for i in affected(self.grids, grid)}
        lengths = {i: np.empty(size, np.float32) for i, size in sizes.items()}
        of_tile = partial(self._errors, weights, self._phases(weights), error)
        of_band = partial(self._lengths, self._context_weights(weights), lengths)
        tiles = [partial(of_tile, tile) for tile in self.cuts.tiles(rows)]
        bands = [partial(of_band, band) for band in self.cuts.bands(rows) if band[0] in lengths]
        list(self.workers.map(lambda task: task(), [*tiles, *bands]))
        return error, lengths

    def _weights(self) -> Arrays:
        return {n: p.detach().numpy() for n, p in self.network.named_parameters()}

    def _phases(self, weights: Arrays) -> list[Floats]:
        return [_phases(weights[f"upsample.{i}"]) for i in range(self.spec.num_levels - 1)]

    def _drawn(
        self, weights: Arrays, phases: list[Floats], place: Tile
    ) -> tuple[list[tuple[Tile, Floats]], list[Floats]]:
        """Return the features of a tile, level by level, and its colours, layer by layer."""
        top, bottom, left, right = place
        n = self.spec.num_layers
        features = self._features(phases, (top - n, bottom + n, left - n, right + n))
        _, finest = features[0]
        head = [weights[name] for name in _HEAD]
        flat = finest.reshape(len(finest), -1)
        colours = [fused_synthesis.two_layers(flat, *head).reshape(-1, *finest.shape[1:])]
        for i in range(n):
            layer = [weights[f"residuals.{i}.{name}"] for name in _LAYER]
            colours.append(fused_synthesis.rezero_layer(colours[-1], *layer))
        return features, colours

    def _errors(self, weights: Arrays, phases: list[Floats], error: Floats, place: Tile) -> None:
        """Draw a tile and set the squared errors of its pixels."""
        top, bottom, left, right = place
        here = (slice(None), slice(top, bottom), slice(left, right))
        _, colours = self._drawn(weights, phases, place)
        squares = np.square(np.clip(colours[-1], 0, 1) - self.picture[here])
        if self.seen is not None:
            squares *= self.seen[here]
        error[here[1:]] = squares.sum(0)

    def _lengths(self, weights: tuple[Floats, ...], lengths: dict[int, Floats], band: Band) -> None:
        """Set the bits of every latent of a band."""
        i, top, bottom = band
        rate_of = partial(fused_rate.rate, *self._around(weights, band))
        rate_of(False, lengths[i][top:bottom].reshape(-1))

    def _distortion(
        self,
        weights: Arrays,
        phases: list[Floats],
        weight: float,
        gradients: bool,
        place: Tile,
    ) -> Outcome:
        """Draw a tile and compare it with the picture."""
        top, bottom, left, right = place
        n = self.spec.num_layers
        features, colours = self._drawn(weights, phases, place)
        _, finest = features[0]
        flat = finest.reshape(len(finest), -1)
        head = [weights[name] for name in _HEAD]
        layers = [[weights[f"residuals.{i}.{name}"] for name in _LAYER] for i in range(n)]
        here = (slice(None), slice(top, bottom), slice(left, right))
        seen = _NO_MASK if self.seen is None else self.seen[here]
        error = fused_synthesis.squared_error(colours[-1], self.picture[here], seen, weight)
        outcome = Outcome(error, weight)
        if not gradients:
            return outcome
        gradient = colours[-1]
        for i in reversed(range(n)):
            gradient, *found = fused_synthesis.rezero_layer_back(colours[i], *layers[i], gradient)
            for name, value in zip(_LAYER, found, strict=True):
                outcome.weights[f"residuals.{i}.{name}"] = value
        flat_gradient = gradient.reshape(len(gradient), -1)
        back, *found = fused_synthesis.two_layers_back(flat, *head, flat_gradient)
        outcome.weights |= dict(zip(_HEAD, found, strict=True))
        self._features_back(phases, features, back.reshape(finest.shape), outcome)
        return outcome

    def _features(self, phases: list[Floats], place: Tile) -> list[tuple[Tile, Floats]]:
        """Return the features of a place at level 0, with those behind them, level by level."""
        spec, places = self.spec, [place]
        for _ in range(spec.num_levels - 1):
            places.append(_above(places[-1]))
        features: list[tuple[Tile, Floats]] = []
        for level in reversed(range(spec.num_levels)):
            top, bottom, left, right = here = places[level]
            number = spec.num_levels - max(level, spec.finest) + spec.dim_out - 1
            out = np.empty((number, bottom - top, right - left), np.float32)
            row = self._own(level)
            if row:
                fused_latents.crop(self._grid(0, level), top, left, out[0])
            if features:
                skip = top & 1, left & 1
                fused_synthesis.doubled(features[-1][1], phases[level], skip, out[row:])
            else:
                out[row:] = 0
            for pyramid, index in self._colours(level, number):
                fused_latents.add_crop(self._grid(pyramid, level), top, left, out[index])
            features.append((here, out))
        return features[::-1]

    def _features_back(
        self,
        phases: list[Floats],
        features: list[tuple[Tile, Floats]],
        gradient: Floats,
        outcome: Outcome,
    ) -> None:
        """Carry the gradient of the features of level 0 to grids and to upsampling weights."""
        for level, ((top, _, left, _), own) in enumerate(features):
            row = self._own(level)
            if row:
                outcome.crops.append((self.index[0, level], top, left, gradient[0]))
            for pyramid, index in self._colours(level, len(own)):
                outcome.crops.append((self.index[pyramid, level], top, left, gradient[index]))
            if level < self.spec.num_levels - 1:
                gradient, to_phases = fused_synthesis.doubled_back(
                    features[level + 1][1], phases[level], (top & 1, left & 1), gradient[row:]
                )
                taps = to_phases[0, -2::-1] + to_phases[1, 1:]
                outcome.weights[f"upsample.{level}"] = taps

    def _own(self, level: int) -> int:
        """Return how many features a level has of its own: 1, or 0 above the finest."""
        return int(level >= self.spec.finest)

    def _colours(self, level: int, number: int) -> list[tuple[int, int]]:
        """List the further pyramids of a level, each with the feature it is added to."""
        others = self.spec.dim_out - 1
        if level < self.spec.colour:
            return []
        return [(pyramid + 1, number - others + pyramid) for pyramid in range(others)]

    def _context_weights(self, weights: Arrays) -> tuple[Floats, ...]:
        first = weights["context.first.weight"]
        own, parents, to_grid = np.split(first, [len(CAUSAL), len(CAUSAL) + len(PARENTS)], axis=1)
        biases = []
        for i, grid in enumerate(self.grids):
            bias = np.concatenate([weights["context.first.bias"], weights["context.last.bias"][i]])
            biases.append(bias + to_grid @ _where(*grid))
        others = (weights[f"context.{name}"] for name in _REST)
        return (*map(np.ascontiguousarray, (own, parents)), np.stack(biases), *others)

    def _rate(
        self, weights: tuple[Floats, ...], gradients: bool, band: Band, weight: float
    ) -> Outcome:
        """Count the bits of a band."""
        i, top, _ = band
        pyramid, level = self.grids[i]
        arguments = self._around(weights, band)
        bits, g_own, g_above, found = fused_rate.rate(*arguments, gradients, _NO_LENGTHS)
        outcome = Outcome(bits, weight)
        if gradients:
            outcome.windows.append((i, top - MARGIN, -MARGIN, g_own))
            if len(g_above):
                outcome.windows.append(
                    (self.index[pyramid, level + 1], (top >> 1) - 1, -1, g_above)
                )
            outcome.weights = self._context_gradients(i, weight, found)
        return outcome

    def _around(self, weights: tuple[Floats, ...], band: Band) -> tuple[Any, ...]:
        """Return a band, with what lies around it and above it, and the weights for its bits."""
        i, top, bottom = band
        pyramid, level = self.grids[i]
        to_own, to_parents, biases, *others = weights
        width = self.spec.grid_size(level)[1]
        own = np.zeros((bottom - top + MARGIN, width + 2 * MARGIN), np.float32)
        fused_latents.window(self._grid(pyramid, level), top - MARGIN, -MARGIN, own)
        above, first = _NOTHING, (top >> 1) - 1
        if level < self.spec.num_levels - 1:
            columns = self.spec.grid_size(level + 1)[1]
            above = np.zeros(((bottom - 1 >> 1) + 2 - first, columns + 2), np.float32)
            fused_latents.window(self._grid(pyramid, level + 1), first, -1, above)
        return own, above, top % 2, to_own, to_parents, biases[i], *others

    def _context_gradients(self, grid: int, weight: float, found: Sequence[Floats]) -> Arrays:
        own, parents, bias, *others = (np.float32(weight) * gradient for gradient in found)
        to_grid = np.outer(bias, _where(*self.grids[grid]))
        last_bias = np.zeros((len(self.grids), 2), np.float32)
        last_bias[grid] = bias[-2:]
        gradients = {f"context.{n}": g for n, g in zip(_REST, others, strict=True)}
        gradients["context.first.weight"] = np.concatenate([own, parents, to_grid], axis=1)
        gradients["context.first.bias"] = bias[:-2]
        gradients["context.last.bias"] = last_bias
        return gradients


_HEAD = ("hidden.weight", "hidden.bias", "output.weight", "linear.weight", "linear.bias")
_LAYER = ("weight", "bias", "alpha")
_REST = ("second.weight", "second.bias", "last.weight")


def _cleared_gradient(parameter: Tensor) -> Floats:
    """Return the gradient of a parameter, in its own memory, set to zeros."""
    if parameter.grad is None:
        parameter.grad = torch.zeros_like(parameter)
    gradient: Floats = parameter.grad.zero_().numpy()
    return gradient


def _where(pyramid: int, level: int) -> Floats:
    """Return what the context model is told about a grid."""
    return np.array([level, min(pyramid, 1)], np.float32)


def _phases(taps: Floats) -> Floats:
    """Return the weights of 5 samples in each of the two that replace the middle one."""
    none = np.zeros(1, np.float32)
    return np.stack([np.concatenate([taps[::-1], none]), np.concatenate([none, taps])])


def _above(place: Tile) -> Tile:
    """Return the place of the next coarser level that one depends on."""
    top, bottom, left, right = place
    return (
        (top >> 1) - REACH,
        (bottom - 1 >> 1) + 1 + REACH,
        (left >> 1) - REACH,
        (right - 1 >> 1) + 1 + REACH,
    )

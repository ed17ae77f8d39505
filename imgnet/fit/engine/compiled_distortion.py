"""Synthesis of tiles with compiled kernels: colours, squared errors and gradients."""

from __future__ import annotations

import numpy as np

from imgnet.arrays import Float32Array, Parameters
from imgnet.fit.engine.compiled_task import Grids, Outcome
from imgnet.fit.engine.tiling import Tile, above
from imgnet.fit.kernels import latents as latent_kernels
from imgnet.fit.kernels import synthesis as synthesis_kernels
from imgnet.fit.kernels import upsampling as upsampling_kernels
from imgnet.spec import Spec

_NO_WEIGHT = np.zeros((0, 0, 0), np.float32)
_HEAD = ("hidden.weight", "hidden.bias", "output.weight", "linear.weight", "linear.bias")
_LAYER = ("weight", "bias", "alpha")


class Synthesis:
    """Synthesis of tiles, and their distortion against a picture.

    Args:
        spec: Shape of the network.
        grids: Latents.
        picture: (C, H, W) in 0..1.
        weight: (C, H, W) weight of each squared error; None for 1.
    """

    def __init__(
        self, spec: Spec, grids: Grids, picture: Float32Array, weight: Float32Array | None
    ) -> None:
        self.spec, self.grids, self.picture, self.weight = spec, grids, picture, weight

    def render(self, weights: Parameters, place: Tile) -> Float32Array:
        """Return the colours of a tile, (C, h, w) in 0..1, times the root of the error weight."""
        _, colours = self._forward(weights, place)
        clamped: Float32Array = np.clip(colours[-1], 0, 1)
        return clamped if self.weight is None else clamped * np.sqrt(self.weight[_here(place)])

    def errors(self, weights: Parameters, error: Float32Array, place: Tile) -> None:
        """Set `error` (H, W) to the weighted squared errors of the pixels of a tile."""
        here = _here(place)
        _, colours = self._forward(weights, place)
        squares = np.square(np.clip(colours[-1], 0, 1) - self.picture[here])
        if self.weight is not None:
            squares *= self.weight[here]
        error[here[1:]] = squares.sum(0)

    def error(self, weights: Parameters, place: Tile) -> float:
        """Return the weighted squared error of a tile."""
        _, colours = self._forward(weights, place)
        return self._compare(colours[-1], place, 1.0)

    def distortion(self, weights: Parameters, factor: float, place: Tile) -> Outcome:
        """Return the squared error of a tile, and the gradients of factor * error."""
        features, colours = self._forward(weights, place)
        outcome = Outcome(self._compare(colours[-1], place, factor), factor)
        gradient, layers = colours[-1], self._layers(weights)
        for i in reversed(range(self.spec.num_layers)):
            gradient, *found = synthesis_kernels.rezero_layer_back(colours[i], *layers[i], gradient)
            for name, value in zip(_LAYER, found, strict=True):
                outcome.weights[f"residuals.{i}.{name}"] = value
        _, finest = features[0]
        head = [weights[name] for name in _HEAD]
        pair = finest.reshape(len(finest), -1), gradient.reshape(len(gradient), -1)
        back, *found = synthesis_kernels.two_layers_back(pair[0], *head, pair[1])
        outcome.weights |= dict(zip(_HEAD, found, strict=True))
        self._features_back(weights, features, back.reshape(finest.shape), outcome)
        return outcome

    def _forward(
        self, weights: Parameters, place: Tile
    ) -> tuple[list[tuple[Tile, Float32Array]], list[Float32Array]]:
        """Return the features of a tile, level by level, and its colours, layer by layer."""
        (top, bottom, left, right), n = place, self.spec.num_layers
        features = self._features(weights, (top - n, bottom + n, left - n, right + n))
        _, finest = features[0]
        head = [weights[name] for name in _HEAD]
        flat = finest.reshape(len(finest), -1)
        colours = [synthesis_kernels.two_layers(flat, *head).reshape(-1, *finest.shape[1:])]
        for layer in self._layers(weights):
            colours.append(synthesis_kernels.rezero_layer(colours[-1], *layer))
        return features, colours

    def _layers(self, weights: Parameters) -> list[list[Float32Array]]:
        layers = range(self.spec.num_layers)
        return [[weights[f"residuals.{i}.{name}"] for name in _LAYER] for i in layers]

    def _compare(self, colours: Float32Array, place: Tile, factor: float) -> float:
        """Return the squared error of colours; replace them by the gradients of factor * error."""
        here = _here(place)
        weight = _NO_WEIGHT if self.weight is None else self.weight[here]
        # Contiguous, so that one version of the kernel serves tiles as wide as the picture as well.
        goal = np.ascontiguousarray(self.picture[here])
        error: float = synthesis_kernels.squared_error(colours, goal, weight, factor)
        return error

    def _features(self, weights: Parameters, place: Tile) -> list[tuple[Tile, Float32Array]]:
        """Return the features of a place at level 0 and of the places above it, level by level."""
        spec, places = self.spec, [place]
        for _ in range(spec.num_levels - 1):
            places.append(above(places[-1]))
        features: list[tuple[Tile, Float32Array]] = []
        for level in reversed(range(spec.num_levels)):
            top, bottom, left, right = here = places[level]
            number = spec.num_levels - max(level, spec.finest) + spec.dim_out - 1
            out = np.empty((number, bottom - top, right - left), np.float32)
            row = self._own(level)
            if row:
                latent_kernels.crop(self.grids.of(0, level), top, left, out[0])
            if features:
                skip = top & 1, left & 1
                taps = weights[f"upsample.{level}"]
                upsampling_kernels.doubled(features[-1][1], taps, skip, out[row:])
            else:
                out[row:] = 0
            for pyramid, index in self._chroma(level, number):
                latent_kernels.add_crop(self.grids.of(pyramid, level), top, left, out[index])
            features.append((here, out))
        return features[::-1]

    def _features_back(
        self,
        weights: Parameters,
        features: list[tuple[Tile, Float32Array]],
        gradient: Float32Array,
        outcome: Outcome,
    ) -> None:
        """Set the gradients of grids and upsampling weights from that of the finest features."""
        for level, ((top, _, left, _), own) in enumerate(features):
            row = self._own(level)
            if row:
                outcome.crops.append((self.grids.index[0, level], top, left, gradient[0]))
            for pyramid, index in self._chroma(level, len(own)):
                outcome.crops.append((self.grids.index[pyramid, level], top, left, gradient[index]))
            if level < self.spec.num_levels - 1:
                name, skip = f"upsample.{level}", (top & 1, left & 1)
                gradient, outcome.weights[name] = upsampling_kernels.doubled_back(
                    features[level + 1][1], weights[name], skip, gradient[row:]
                )

    def _own(self, level: int) -> int:
        """Return the number of features from the first pyramid at a level, 0 or 1."""
        return int(level >= self.spec.finest)

    def _chroma(self, level: int, number: int) -> list[tuple[int, int]]:
        """List the chroma pyramids of a level, each with the feature that it is added to."""
        others = self.spec.dim_out - 1
        if level < self.spec.chroma_level:
            return []
        return [(pyramid + 1, number - others + pyramid) for pyramid in range(others)]


def _here(place: Tile) -> tuple[slice, slice, slice]:
    """Return the index of a tile in a picture (C, H, W)."""
    top, bottom, left, right = place
    return slice(None), slice(top, bottom), slice(left, right)

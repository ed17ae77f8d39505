"""The colours of a tile, their errors and all gradients, compiled part by part."""

from __future__ import annotations

import numpy as np

from imgnet.fit.engine.compiled_task import Arrays, Grids, Outcome
from imgnet.fit.engine.tiling import Tile
from imgnet.fit.kernels import latents as latent_kernels
from imgnet.fit.kernels import synthesis as synthesis_kernels
from imgnet.fit.kernels import upsampling as upsampling_kernels
from imgnet.fit.kernels.blocks import Floats
from imgnet.spec import UPSAMPLING_REACH, Spec

_NO_MASK = np.zeros((0, 0, 0), np.float32)
_HEAD = ("hidden.weight", "hidden.bias", "output.weight", "linear.weight", "linear.bias")
_LAYER = ("weight", "bias", "alpha")


class Drawing:
    """Draw tiles and compare them with a picture.

    Args:
        spec: Shape of the network.
        grids: Latents.
        picture: (C, H, W) in 0..1.
        seen: (C, H, W) what each squared error counts; None for 1.
    """

    def __init__(self, spec: Spec, grids: Grids, picture: Floats, seen: Floats | None) -> None:
        self.spec, self.grids, self.picture, self.seen = spec, grids, picture, seen

    def _drawn(
        self, weights: Arrays, place: Tile
    ) -> tuple[list[tuple[Tile, Floats]], list[Floats]]:
        """Return the features of a tile, level by level, and its colours, layer by layer."""
        top, bottom, left, right = place
        n = self.spec.num_layers
        features = self._features(weights, (top - n, bottom + n, left - n, right + n))
        _, finest = features[0]
        head = [weights[name] for name in _HEAD]
        flat = finest.reshape(len(finest), -1)
        colours = [synthesis_kernels.two_layers(flat, *head).reshape(-1, *finest.shape[1:])]
        for layer in self._layers(weights):
            colours.append(synthesis_kernels.rezero_layer(colours[-1], *layer))
        return features, colours

    def _layers(self, weights: Arrays) -> list[list[Floats]]:
        layers = range(self.spec.num_layers)
        return [[weights[f"residuals.{i}.{name}"] for name in _LAYER] for i in layers]

    def draw(self, weights: Arrays, place: Tile) -> Floats:
        """Return the colours of a tile, (C, h, w) in 0..1, times the root of what they count."""
        top, bottom, left, right = place
        _, colours = self._drawn(weights, place)
        drawn: Floats = np.clip(colours[-1], 0, 1)
        return drawn if self.seen is None else drawn * np.sqrt(self.seen[:, top:bottom, left:right])

    def errors(self, weights: Arrays, error: Floats, place: Tile) -> None:
        """Draw a tile and set the squared errors of its pixels."""
        top, bottom, left, right = place
        here = (slice(None), slice(top, bottom), slice(left, right))
        _, colours = self._drawn(weights, place)
        squares = np.square(np.clip(colours[-1], 0, 1) - self.picture[here])
        if self.seen is not None:
            squares *= self.seen[here]
        error[here[1:]] = squares.sum(0)

    def distortion(
        self,
        weights: Arrays,
        weight: float,
        gradients: bool,
        place: Tile,
    ) -> Outcome:
        """Draw a tile and compare it with the picture."""
        top, bottom, left, right = place
        n = self.spec.num_layers
        features, colours = self._drawn(weights, place)
        _, finest = features[0]
        flat = finest.reshape(len(finest), -1)
        head = [weights[name] for name in _HEAD]
        layers = self._layers(weights)
        here = (slice(None), slice(top, bottom), slice(left, right))
        seen = _NO_MASK if self.seen is None else self.seen[here]
        error = synthesis_kernels.squared_error(colours[-1], self.picture[here], seen, weight)
        outcome = Outcome(error, weight)
        if not gradients:
            return outcome
        gradient = colours[-1]
        for i in reversed(range(n)):
            gradient, *found = synthesis_kernels.rezero_layer_back(colours[i], *layers[i], gradient)
            for name, value in zip(_LAYER, found, strict=True):
                outcome.weights[f"residuals.{i}.{name}"] = value
        flat_gradient = gradient.reshape(len(gradient), -1)
        back, *found = synthesis_kernels.two_layers_back(flat, *head, flat_gradient)
        outcome.weights |= dict(zip(_HEAD, found, strict=True))
        self._features_back(weights, features, back.reshape(finest.shape), outcome)
        return outcome

    def _features(self, weights: Arrays, place: Tile) -> list[tuple[Tile, Floats]]:
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
                latent_kernels.crop(self.grids.of(0, level), top, left, out[0])
            if features:
                skip = top & 1, left & 1
                taps = weights[f"upsample.{level}"]
                upsampling_kernels.doubled(features[-1][1], taps, skip, out[row:])
            else:
                out[row:] = 0
            for pyramid, index in self._colours(level, number):
                latent_kernels.add_crop(self.grids.of(pyramid, level), top, left, out[index])
            features.append((here, out))
        return features[::-1]

    def _features_back(
        self,
        weights: Arrays,
        features: list[tuple[Tile, Floats]],
        gradient: Floats,
        outcome: Outcome,
    ) -> None:
        """Carry the gradient of the features of level 0 to grids and to upsampling weights."""
        for level, ((top, _, left, _), own) in enumerate(features):
            row = self._own(level)
            if row:
                outcome.crops.append((self.grids.index[0, level], top, left, gradient[0]))
            for pyramid, index in self._colours(level, len(own)):
                outcome.crops.append((self.grids.index[pyramid, level], top, left, gradient[index]))
            if level < self.spec.num_levels - 1:
                name, skip = f"upsample.{level}", (top & 1, left & 1)
                gradient, outcome.weights[name] = upsampling_kernels.doubled_back(
                    features[level + 1][1], weights[name], skip, gradient[row:]
                )

    def _own(self, level: int) -> int:
        """Return how many features a level has of its own: 1, or 0 above the finest."""
        return int(level >= self.spec.finest)

    def _colours(self, level: int, number: int) -> list[tuple[int, int]]:
        """List the further pyramids of a level, each with the feature it is added to."""
        others = self.spec.dim_out - 1
        if level < self.spec.chroma_level:
            return []
        return [(pyramid + 1, number - others + pyramid) for pyramid in range(others)]


def _above(place: Tile) -> Tile:
    """Return the place of the next coarser level that one depends on."""
    top, bottom, left, right = place
    return (
        (top >> 1) - UPSAMPLING_REACH,
        (bottom - 1 >> 1) + 1 + UPSAMPLING_REACH,
        (left >> 1) - UPSAMPLING_REACH,
        (right - 1 >> 1) + 1 + UPSAMPLING_REACH,
    )

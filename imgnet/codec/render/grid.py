"""Renderer of `grid` networks at native size, in exact integers.

The image is rendered tile by tile. A tile upsamples the part of each latent grid that it depends on
by x2 stages. The features of a pixel are one value for each level of the first pyramid and, for
each further pyramid, the sum over its levels. A linear path and a hidden layer map the features to
a colour, to which 3x3 ReZero layers add. The arithmetic consists of products, floors, clamps and
ReLUs on integers in float64; see `fixed_point.py`. The bounds are proved by `test_grid_bounds.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from math import prod
from typing import Any

import numpy as np

from imgnet.arrays import ByteArray, Float32Array, Float64Array, Parameters
from imgnet.codec.entropy.context import LARGEST_LATENT
from imgnet.codec.entropy.fixed_point import FRACTION_BITS, WEIGHT_BITS, clamp, from_real, multiply
from imgnet.codec.entropy.wavefront import num_wavefronts
from imgnet.codec.render.threads import on_all_cores
from imgnet.image.geometry import Crop
from imgnet.image.picture import DTYPES, Samples, peak_of
from imgnet.spec import (
    UPSAMPLING_REACH,
    UPSAMPLING_TAPS,
    Spec,
    latents_name,
    network_shapes,
)

Tile = tuple[range, range]  # rows and columns
Weights = Mapping[str, Float64Array]  # tensors of the network, as integers

LARGEST_FEATURE = (1 << 25) - 1  # all in units of 2**-12
LARGEST_HIDDEN = (1 << 24) - 1
LARGEST_COLOUR = (1 << 22) - 1
_TILE_ROWS, _TILE_COLUMNS = 128, 128  # of the tile that a thread renders at a time
_ONE = 1 << FRACTION_BITS


def render(
    spec: Spec,
    parameters: Parameters,
    level: int = 0,
    depth: int = 8,
    part: Crop | None = None,
) -> Samples:
    """Render an image at the size of a level; level 0 is the native size.

    Args:
        spec: Shape of the network.
        parameters: Tensors of the network by name. Weights are rounded to multiples of 2**-15,
            biases to multiples of 2**-12, latents to integers.
        level: Level whose size the image gets; latents of finer levels count as zeros.
        depth: Bits of a sample, 8 or 16.
        part: The samples that are needed, in the image at that size; the others are arbitrary. None
            for all.

    Returns:
        (H, W, C) pixels, 0..255 or 0..65535; at level 0 the same on every machine.
    """
    weights = from_real({name: parameters[name] for name in network_shapes(spec)})
    height, width = spec.grid_size(level)
    pixels = np.zeros((height, width, spec.dim_out), DTYPES[depth])
    part = part or Crop(0, 0, width, height)

    def render_tile(tile: Tile) -> None:
        rows, columns = tile
        around = _widened(rows, spec.num_layers), _widened(columns, spec.num_layers)
        features = _features(spec, weights, parameters, level, *around)
        if level:
            missing = np.zeros((max(level - spec.finest, 0), *features.shape[1:]))
            features = np.concatenate([missing, _as_if_doubled(weights, features, level)])
        x_hat = quantize_colours(_colours(spec, weights, features), depth)
        pixels[rows.start : rows.stop, columns.start : columns.stop] = x_hat

    tiles = product(
        _cut(part.y, part.y + part.height, _TILE_ROWS),
        _cut(part.x, part.x + part.width, _TILE_COLUMNS),
    )
    on_all_cores(render_tile, tiles)
    return pixels


def needed_wavefronts(spec: Spec, level: int, part: Crop) -> int | None:
    """Return how many wavefronts of the finest decoded level a part of an image depends on.

    Args:
        spec: Shape of the network.
        level: Level that is rendered.
        part: Part of the image at the size of that level.

    Returns:
        None for all.
    """
    rows = _widened(range(part.y, part.y + part.height), spec.num_layers)
    columns = _widened(range(part.x, part.x + part.width), spec.num_layers)
    for _ in range(level, spec.finest):
        rows, columns = _sources(rows), _sources(columns)
    height, width = size = spec.grid_size(max(level, spec.finest))
    count = min(columns.stop, width) + 2 * (min(rows.stop, height) - 1)
    return count if count < num_wavefronts(size) else None


def _cut(start: int, stop: int, length: int) -> list[range]:
    return [range(i, min(i + length, stop)) for i in range(start, stop, length)]


def _widened(samples: range, margin: int) -> range:
    return range(samples.start - margin, samples.stop + margin)


def _sources(samples: range) -> range:
    """Return the samples of the next coarser level that those of a level are upsampled from."""
    return _widened(range(samples.start >> 1, (samples.stop - 1 >> 1) + 1), UPSAMPLING_REACH)


def _features(
    spec: Spec,
    weights: Weights,
    parameters: Parameters,
    level: int,
    rows: range,
    columns: range,
) -> Float64Array:
    """Return the features (F, rows, columns) of a level, inside and outside the image."""
    if level == spec.num_levels - 1:
        features = np.zeros((spec.dim_out - 1, len(rows), len(columns)))
    else:
        around = _sources(rows), _sources(columns)
        coarse = _features(spec, weights, parameters, level + 1, *around)
        doubled = upsample(coarse, weights[f"upsample.{level}"])
        features = doubled[:, rows.start % 2 :, columns.start % 2 :]
        features = features[:, : len(rows), : len(columns)]
    return _join(spec, parameters, features, level, rows, columns)


def _as_if_doubled(weights: Weights, features: Float64Array, level: int) -> Float64Array:
    """Scale features by the gains of the skipped upsampling stages of finer levels."""
    sums = [weights[f"upsample.{stage}"].sum() * 2.0**-WEIGHT_BITS for stage in range(level)]
    return clamp(np.floor(features * prod(sums) ** 2), -LARGEST_FEATURE, LARGEST_FEATURE)


def _join(
    spec: Spec,
    parameters: Parameters,
    features: Float64Array,
    level: int,
    rows: range,
    columns: range,
) -> Float64Array:
    """Join a part of the latents of a level to the features from coarser levels.

    The first pyramid adds a feature; those of the further pyramids are summed over levels.
    """
    if level >= spec.chroma_level:
        for pyramid in range(1, spec.dim_out):
            grid = parameters[latents_name(pyramid, level)]
            features[pyramid - spec.dim_out] += _latents(grid, rows, columns)
    if level < spec.finest:
        return features
    own = _latents(parameters[latents_name(0, level)], rows, columns)
    return np.concatenate([own[None], features])


def _latents(grid: Float32Array, rows: range, columns: range) -> Float64Array:
    """Return a part of a latent grid in units of 2**-12; outside it repeats its edge."""
    y, x = (
        np.clip(samples, 0, length - 1)
        for samples, length in zip((rows, columns), grid.shape, strict=True)
    )
    part: Float64Array = grid[y][:, x].astype(np.float64)
    np.rint(part, out=part)  # they are no integers yet in a file of floats
    clamp(part, -LARGEST_LATENT, LARGEST_LATENT)
    part *= _ONE
    return part


def upsample(padded: Float64Array, taps: Float64Array) -> Float64Array:
    """Double the height and width of features.

    New samples lie a quarter of a sample before and behind each old one. Each is a weighted sum of
    four old samples.

    Args:
        padded: (F, h + 4, w + 4) features, padded by `UPSAMPLING_REACH`.
        taps: Weights of the old samples at distances 1.25, 0.25, 0.75 and 1.75, in units of 2**-15.

    Returns:
        (F, 2 h, 2 w).
    """
    return _double(_double(padded, taps, 1), taps, 2)


def _double(x: Float64Array, taps: Float64Array, axis: int) -> Float64Array:
    """Double one axis and drop its padding."""
    length = x.shape[axis] - 2 * UPSAMPLING_REACH
    before, behind = x.shape[:axis], x.shape[axis + 1 :]
    outer: tuple[Any, ...] = (slice(None),) * axis
    doubled = np.empty((*before, length, 2, *behind))
    total, product = np.empty((2, *before, length, *behind))
    for phase, weights in enumerate((taps[::-1], taps)):
        scaled = weights * 2.0**-WEIGHT_BITS
        for i in range(UPSAMPLING_TAPS):
            part = x[(*outer, slice(phase + i, phase + i + length))]
            np.multiply(part, scaled[i], out=product if i else total)
            if i:
                total += product
        np.floor(total, out=total)
        clamp(total, -LARGEST_FEATURE, LARGEST_FEATURE)
        doubled[(*outer, slice(None), phase)] = total
    return doubled.reshape(*before, 2 * length, *behind)


def _colours(spec: Spec, weights: Weights, features: Float64Array) -> Float64Array:
    """Map features (F, h + 2 n, w + 2 n) to colours (C, h, w) in units of 2**-12."""
    flat = features.reshape(len(features), -1)
    hidden = multiply(weights["hidden.weight"], flat, weights["hidden.bias"][:, None])
    clamp(hidden, 0, LARGEST_HIDDEN)
    colours = multiply(weights["linear.weight"], flat, weights["linear.bias"][:, None])
    colours += multiply(weights["output.weight"], hidden)
    clamp(colours, -LARGEST_COLOUR, LARGEST_COLOUR)
    colours = colours.reshape(-1, *features.shape[1:])
    for i in range(spec.num_layers):
        colours = _residual(weights, f"residuals.{i}", colours)
    return colours


def _residual(weights: Weights, name: str, colours: Float64Array) -> Float64Array:
    """Add a 3x3 ReZero layer, (C, h + 2, w + 2) to (C, h, w)."""
    channels, height, width = colours.shape
    height, width = height - 2, width - 2
    windows = np.stack(
        [colours[:, y : y + height, x : x + width] for y in range(3) for x in range(3)]
    ).reshape(9 * channels, -1)
    inner = multiply(weights[f"{name}.weight"], windows, weights[f"{name}.bias"][:, None])
    clamp(inner, 0, LARGEST_HIDDEN)
    inner *= weights[f"{name}.alpha"][:, None] * 2.0**-WEIGHT_BITS
    total = np.floor(inner, out=inner).reshape(channels, height, width)
    total += colours[:, 1:-1, 1:-1]
    return clamp(total, -LARGEST_COLOUR, LARGEST_COLOUR)


def quantize_colours(colours: Float64Array, depth: int) -> Samples:
    """Round colours to samples.

    Args:
        colours: (C, H, W), 0..1 in units of 2**-12.
        depth: Bits of a sample, 8 or 16.

    Returns:
        (H, W, C) in 0..2**depth - 1.

    >>> quantize_colours(np.array([[[0.0, 2048.0, 5000.0]]]), 8).ravel().tolist()
    [0, 128, 255]
    """
    peak = peak_of(DTYPES[depth])
    levels = np.floor((colours * peak + _ONE // 2) * (1 / _ONE))
    return clamp(levels, 0, peak).astype(DTYPES[depth]).transpose(1, 2, 0)


def eight_bits(pixels: Samples) -> ByteArray:
    """Convert pixels rendered with 16 bits to those that rendering with 8 bits gives.

    The colours are in units of 2**-12, so that 16 bits determine them exactly.

    >>> eight_bits(np.array([[[0, 16, 65535]]], np.uint16)).tolist()
    [[[0, 0, 255]]]
    """
    if pixels.dtype == np.uint8:
        return pixels.astype(np.uint8, copy=False)
    colours = np.rint(pixels * (_ONE / 65535))
    return quantize_colours(colours.transpose(2, 0, 1), 8).astype(np.uint8)

"""Renderer of `grid` networks at native size, in exact integers.

All latent grids are upsampled to full size by x2 stages. The features of a pixel are one value for
each level of the first pyramid and, for each further pyramid, the sum over its levels. A linear
path and a hidden layer map the features to a colour, to which 3x3 ReZero layers add. The arithmetic
consists of products, floors, clamps and ReLUs on integers in float64; see `fixed_point.py`. The
bounds are proved by `test_grid_bounds.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

import numpy as np

from imgnet.arrays import ByteArray, Float64Array, Parameters
from imgnet.codec.entropy.context import LARGEST_LATENT
from imgnet.codec.entropy.fixed_point import FRACTION_BITS, WEIGHT_BITS, clamp, from_real, multiply
from imgnet.codec.render.threads import on_all_cores
from imgnet.image.picture import DTYPES, Samples, peak_of
from imgnet.spec import (
    UPSAMPLING_REACH,
    UPSAMPLING_TAPS,
    Spec,
    edge_margin,
    latents_name,
    network_shapes,
)

Weights = Mapping[str, Float64Array]  # tensors of the network, as integers

LARGEST_FEATURE = (1 << 25) - 1  # all in units of 2**-12
LARGEST_HIDDEN = (1 << 24) - 1
LARGEST_COLOUR = (1 << 22) - 1
_STRIP_SAMPLES = 1 << 14  # pixels of the strip that a thread renders at a time
_ONE = 1 << FRACTION_BITS


def render(spec: Spec, parameters: Parameters, level: int = 0, depth: int = 8) -> Samples:
    """Render an image at the size of a level; level 0 is the native size.

    Args:
        spec: Shape of the network.
        parameters: Tensors of the network by name. Weights are rounded to multiples of 2**-15,
            biases to multiples of 2**-12, latents to integers.
        level: Level whose size the image gets; latents of finer levels count as zeros.
        depth: Bits of a sample, 8 or 16.

    Returns:
        (H, W, C) pixels, 0..255 or 0..65535; at level 0 the same on every machine.
    """
    weights = from_real({name: parameters[name] for name in network_shapes(spec)})
    coarse = features_of_level(spec, weights, parameters, level + 1)
    height, width = spec.grid_size(level)
    pixels = np.empty((height, width, spec.dim_out), DTYPES[depth])
    rows = 2 * max(1, _STRIP_SAMPLES // (2 * width))

    def render_strip(top: int) -> None:
        bottom = min(top + rows, height)
        features = _rows(spec, weights, parameters, coarse, level, top, bottom)
        if level:
            missing = np.zeros((max(level - spec.finest, 0), *features.shape[1:]))
            features = np.concatenate([missing, _as_if_doubled(weights, features, level)])
        pixels[top:bottom] = quantize_colours(_colours(spec, weights, features), depth)

    on_all_cores(render_strip, range(0, height, rows))
    return pixels


def features_of_level(
    spec: Spec,
    weights: Weights,
    parameters: Parameters,
    finest: int,
) -> Float64Array:
    """Return the features (F, h + 2 m, w + 2 m) of a level, with the margin m of `edge_margin`.

    For `finest == num_levels`, above the coarsest level, they are zeros.
    """
    margin = edge_margin(spec.num_layers)
    height, width = spec.grid_size(spec.num_levels)
    features = np.zeros((spec.dim_out - 1, height + 2 * margin, width + 2 * margin))
    for level in reversed(range(finest, spec.num_levels)):
        rows = slice(0, spec.grid_size(level)[0] + 2 * margin)
        features = _join(spec, parameters, _doubled(spec, weights, features, level), level, rows)
    return features


def _doubled(spec: Spec, weights: Weights, features: Float64Array, level: int) -> Float64Array:
    """Upsample features with margin from the next coarser level to a level, with margin."""
    margin = edge_margin(spec.num_layers)
    height, width = spec.grid_size(level)
    if level == spec.num_levels - 1:
        return np.zeros((len(features), height + 2 * margin, width + 2 * margin))
    skip = margin - 2 * UPSAMPLING_REACH
    doubled = upsample(features, weights[f"upsample.{level}"])
    return doubled[:, skip : skip + height + 2 * margin, skip : skip + width + 2 * margin]


def _rows(
    spec: Spec,
    weights: Weights,
    parameters: Parameters,
    coarse: Float64Array,
    level: int,
    top: int,
    bottom: int,
) -> Float64Array:
    """Return the features (F, rows + 2 n, width + 2 n) of rows of a level, for n 3x3 layers.

    Args:
        spec: Shape of the network.
        weights: Tensors of the network, as integers.
        parameters: Tensors by name, for the latents.
        coarse: Features of the next coarser level, with margin.
        level: Level.
        top: First row.
        bottom: Row behind the last one.
    """
    margin, n = edge_margin(spec.num_layers), spec.num_layers
    first, last = top - n, bottom + n
    width = spec.grid_size(level)[1]
    columns = slice(margin - n, margin + width + n)
    if level == spec.num_levels - 1:
        features = np.zeros((spec.dim_out - 1, last - first, width + 2 * margin))
    else:
        above = (
            (first >> 1) - UPSAMPLING_REACH + margin,
            (last - 1 >> 1) + 1 + UPSAMPLING_REACH + margin,
        )
        doubled = upsample(coarse[:, slice(*above)], weights[f"upsample.{level}"])
        skip = margin - 2 * UPSAMPLING_REACH
        features = doubled[:, first % 2 :, skip : skip + width + 2 * margin]
        features = features[:, : last - first]
    rows = slice(first + margin, last + margin)
    return _join(spec, parameters, features, level, rows)[:, :, columns]


def _as_if_doubled(weights: Weights, features: Float64Array, level: int) -> Float64Array:
    """Scale features by the gains of the skipped upsampling stages of finer levels."""
    sums = [weights[f"upsample.{stage}"].sum() * 2.0**-WEIGHT_BITS for stage in range(level)]
    return clamp(np.floor(features * prod(sums) ** 2), -LARGEST_FEATURE, LARGEST_FEATURE)


def _join(
    spec: Spec,
    parameters: Parameters,
    features: Float64Array,
    level: int,
    rows: slice,
) -> Float64Array:
    """Join rows of the latents of a level to the features from coarser levels.

    The first pyramid adds a feature; those of the further pyramids are summed over levels.
    """
    if level >= spec.chroma_level:
        for pyramid in range(1, spec.dim_out):
            features[pyramid - spec.dim_out] += _latents(spec, parameters, pyramid, level, rows)
    if level < spec.finest:
        return features
    return np.concatenate([_latents(spec, parameters, 0, level, rows)[None], features])


def _latents(
    spec: Spec,
    parameters: Parameters,
    pyramid: int,
    level: int,
    rows: slice,
) -> Float64Array:
    """Return rows of a latent grid with margin, in units of 2**-12; `rows` includes the margin."""
    margin = edge_margin(spec.num_layers)
    grid = parameters[latents_name(pyramid, level)]
    nearest = np.clip(np.arange(rows.start, rows.stop) - margin, 0, len(grid) - 1)
    strip = np.rint(grid[nearest].astype(np.float64))  # not integers yet in a file of floats
    clamp(strip, -LARGEST_LATENT, LARGEST_LATENT)
    strip *= _ONE
    return np.pad(strip, ((0, 0), (margin, margin)), mode="edge")


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
    x = np.moveaxis(x, axis, 0)
    length = len(x) - 2 * UPSAMPLING_REACH
    doubled = np.empty((length, 2, *x.shape[1:]))
    for phase, weights in enumerate((taps[::-1], taps)):
        total = doubled[:, phase]
        np.multiply(x[phase : phase + length], weights[0], out=total)
        for i in range(1, UPSAMPLING_TAPS):
            total += x[phase + i : phase + i + length] * weights[i]
    doubled *= 2.0**-WEIGHT_BITS
    np.floor(doubled, out=doubled)
    clamp(doubled, -LARGEST_FEATURE, LARGEST_FEATURE)
    return np.moveaxis(doubled.reshape(2 * length, *x.shape[1:]), 0, axis)


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

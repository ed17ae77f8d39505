"""Latents to the pixels of `grid` at native size, in exact integers.

Every grid is brought to full size by x2 stages. What the levels of the first pyramid give at a
pixel are its first features; of the other pyramids, the sum over the levels is one feature each. A
linear path and a hidden layer map the features to a colour, to which 3x3 ReZero layers add. Only
products, floors, clamps and ReLUs lie between latents and pixels, all on whole numbers in float64
(see `fixedpoint.py`; `test_synthesis_bounds.py` proves the bounds).
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

import numpy as np
from numpy.typing import NDArray

from imgnet.codec.entropy.context import LARGEST_LATENT
from imgnet.codec.entropy.fixed_point import FRACTION_BITS, WEIGHT_BITS, clamp, from_real, multiply
from imgnet.codec.render.threads import on_all_cores
from imgnet.image.picture import DTYPES, Samples
from imgnet.spec import UPSAMPLING_TAPS, Spec, edge_margin, is_latents, latents_name

Array = NDArray[np.float64]

LARGEST_FEATURE = (1 << 25) - 1  # all in units of 2**-12
LARGEST_HIDDEN = (1 << 24) - 1
LARGEST_COLOUR = (1 << 22) - 1
REACH = 2  # samples that an upsampled one depends on, on each side

_STRIP_SAMPLES = 1 << 14  # pixels that a thread draws at a time
_ONE = 1 << FRACTION_BITS


def draw(
    spec: Spec, parameters: Mapping[str, NDArray[np.float32]], level: int = 0, depth: int = 8
) -> Samples:
    """Draw a picture at native size, or smaller from fewer levels.

    Args:
        spec: Shape of the network.
        parameters: Its tensors by name; rounded to multiples of 2**-15 (biases of 2**-12), latents
            to whole numbers.
        level: Whose size the picture gets; latents of finer levels are taken for zeros.
        depth: Bits of a sample, 8 or 16.

    Returns:
        (height, width, channels) pixels, 0..255 or 0..65535; at level 0 the same on every machine.
    """
    weights = from_real({k: v for k, v in parameters.items() if not is_latents(k)})
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
        pixels[top:bottom] = _to_pixels(_colours(spec, weights, features), depth)

    on_all_cores(render_strip, range(0, height, rows))
    return pixels


def features_of_level(
    spec: Spec,
    weights: Mapping[str, Array],
    parameters: Mapping[str, NDArray[np.float32]],
    finest: int,
) -> Array:
    """Return the features (F, h + 2 m, w + 2 m) of a level, with the margin `spec.edge_margin`.

    Above the coarsest level there is nothing, so its features are zeros of colour.
    """
    margin = edge_margin(spec.num_layers)
    height, width = spec.grid_size(spec.num_levels)
    features = np.zeros((spec.dim_out - 1, height + 2 * margin, width + 2 * margin))
    for level in reversed(range(finest, spec.num_levels)):
        rows = slice(0, spec.grid_size(level)[0] + 2 * margin)
        features = _join(spec, parameters, _doubled(spec, weights, features, level), level, rows)
    return features


def _doubled(spec: Spec, weights: Mapping[str, Array], features: Array, level: int) -> Array:
    """Bring features with margin to the level below, with margin."""
    margin = edge_margin(spec.num_layers)
    height, width = spec.grid_size(level)
    if level == spec.num_levels - 1:
        return np.zeros((len(features), height + 2 * margin, width + 2 * margin))
    skip = margin - 2 * REACH
    doubled = upsample(features, weights[f"upsample.{level}"])
    return doubled[:, skip : skip + height + 2 * margin, skip : skip + width + 2 * margin]


def _rows(
    spec: Spec,
    weights: Mapping[str, Array],
    parameters: Mapping[str, NDArray[np.float32]],
    coarse: Array,
    level: int,
    top: int,
    bottom: int,
) -> Array:
    """Return the features (F, rows + 2 n, width + 2 n) of rows of a level, for n 3x3 layers."""
    margin, n = edge_margin(spec.num_layers), spec.num_layers
    first, last = top - n, bottom + n
    width = spec.grid_size(level)[1]
    columns = slice(margin - n, margin + width + n)
    if level == spec.num_levels - 1:
        features = np.zeros((spec.dim_out - 1, last - first, width + 2 * margin))
    else:
        above = (first >> 1) - REACH + margin, (last - 1 >> 1) + 1 + REACH + margin
        doubled = upsample(coarse[:, slice(*above)], weights[f"upsample.{level}"])
        skip = margin - 2 * REACH
        features = doubled[:, first % 2 :, skip : skip + width + 2 * margin]
        features = features[:, : last - first]
    rows = slice(first + margin, last + margin)
    return _join(spec, parameters, features, level, rows)[:, :, columns]


def _as_if_doubled(weights: Mapping[str, Array], features: Array, level: int) -> Array:
    """Scale features of a level as the stages below it do on the way to full size."""
    sums = [weights[f"upsample.{stage}"].sum() * 2.0**-WEIGHT_BITS for stage in range(level)]
    return clamp(np.floor(features * prod(sums) ** 2), -LARGEST_FEATURE, LARGEST_FEATURE)


def _join(
    spec: Spec,
    parameters: Mapping[str, NDArray[np.float32]],
    features: Array,
    level: int,
    rows: slice,
) -> Array:
    """Put rows of a level's own latents to the features from above; colour adds up over levels."""
    if level >= spec.chroma_level:
        for pyramid in range(1, spec.dim_out):
            features[pyramid - spec.dim_out] += _latents(spec, parameters, pyramid, level, rows)
    if level < spec.finest:
        return features
    return np.concatenate([_latents(spec, parameters, 0, level, rows)[None], features])


def _latents(
    spec: Spec,
    parameters: Mapping[str, NDArray[np.float32]],
    pyramid: int,
    level: int,
    rows: slice,
) -> Array:
    """Return rows of a grid with margin, in units of 2**-12; the rows are those with margin."""
    margin = edge_margin(spec.num_layers)
    grid = parameters[latents_name(pyramid, level)]
    nearest = np.clip(np.arange(rows.start, rows.stop) - margin, 0, len(grid) - 1)
    strip = np.rint(grid[nearest].astype(np.float64))  # whole already, unless a file holds floats
    clamp(strip, -LARGEST_LATENT, LARGEST_LATENT)
    strip *= _ONE
    return np.pad(strip, ((0, 0), (margin, margin)), mode="edge")


def upsample(padded: Array, taps: Array) -> Array:
    """Double the height and width of features that are padded by `REACH`, (F, h + 4, w + 4).

    Each of the two new samples beside an old one, a quarter of a step before and behind it, is a
    sum of four old ones; `taps` are the weights of those at distances 1.25, 0.25, 0.75 and 1.75.
    """
    return _double(_double(padded, taps, 1), taps, 2)


def _double(x: Array, taps: Array, axis: int) -> Array:
    """Double one axis, dropping its padding."""
    x = np.moveaxis(x, axis, 0)
    length = len(x) - 2 * REACH
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


def _colours(spec: Spec, weights: Mapping[str, Array], features: Array) -> Array:
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


def _residual(weights: Mapping[str, Array], name: str, colours: Array) -> Array:
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


def _to_pixels(colours: Array, depth: int) -> Samples:
    """Round colours (C, H, W), 0..1 in units of 2**-12, to (H, W, C) in 0..2**depth - 1."""
    peak = (1 << depth) - 1
    levels = np.floor((colours * peak + _ONE // 2) * (1 / _ONE))
    return clamp(levels, 0, peak).astype(DTYPES[depth]).transpose(1, 2, 0)


def eight_bits(pixels: Samples) -> NDArray[np.uint8]:
    """Return the 8-bit pixels of a picture that was drawn with 16: its colours are still known.

    >>> eight_bits(np.array([[[0, 16, 65535]]], np.uint16)).tolist()
    [[[0, 0, 255]]]
    """
    if pixels.dtype == np.uint8:
        return pixels.astype(np.uint8, copy=False)
    colours = np.rint(pixels * (_ONE / 65535))
    return _to_pixels(colours.transpose(2, 0, 1), 8).astype(np.uint8)

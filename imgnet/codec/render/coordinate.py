"""Draw a network on a pixel grid of any size, in NumPy alone.

The arithmetic is that of `model.py` in float32. What depends on one axis is computed once for all
columns and all rows; what depends on both is computed tile by tile, so memory does not grow with
the picture. Below native size every pixel is the mean of evenly spaced samples of its area.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import ceil, pi, sqrt

import numpy as np
from numpy.typing import NDArray

from imgnet.image.geometry import Crop, Size, resolve_size
from imgnet.image.picture import DTYPES, Samples
from imgnet.spec import MLP_FREQUENCIES, Spec, num_frequencies

Array = NDArray[np.float32]
Parameters = Mapping[str, Array]

TILE = 16384  # samples of a tile: large enough for a fast product, small enough for the cache
MOST_SAMPLES = 64  # an axis and pixel: their square still fits into a tile
_LEAST_ALPHA = np.float32(1e-6)
C0 = np.float32(sqrt(2 / pi))
C1 = np.float32(sqrt(2 / pi) * 0.044715)


def render(
    spec: Spec,
    parameters: Parameters,
    *,
    size: Size | None = None,
    crop: Crop | None = None,
    depth: int = 8,
) -> Samples:
    """Draw the picture, or the part of it in `crop`, at `size`.

    Args:
        spec: Shape of the network.
        parameters: Its tensors by name.
        size: See `geometry.resolve_size`; relative to the crop where there is one.
        crop: Part in native pixels; None draws everything.
        depth: Bits of a sample, 8 or 16.

    Returns:
        (height, width, channels) pixels, 0..255 or 0..65535.

    Raises:
        UsageError: The size or the crop makes no sense for this picture.
    """
    crop = crop or Crop(0, 0, spec.width, spec.height)
    crop.check(spec.width, spec.height)
    width, height = resolve_size((crop.width, crop.height), size)
    x, samples_x = _positions(crop.x, crop.width, width)
    y, samples_y = _positions(crop.y, crop.height, height)
    columns, rows = _project_axes(spec, parameters, x, y)
    pixels = np.empty((height, width, spec.dim_out), DTYPES[depth])
    for row, column in _tiles(width, height, samples_x, samples_y):
        drawn = _draw_tile(
            spec,
            parameters,
            columns[:, column.start * samples_x : column.stop * samples_x],
            rows[:, row.start * samples_y : row.stop * samples_y],
        )
        pixels[row, column] = to_pixels(drawn, samples_x, samples_y, depth)
    return pixels


def _positions(start: int, length: int, count: int) -> tuple[NDArray[np.float64], int]:
    """Place samples in `count` equal cells of start..start + length; centres are whole numbers."""
    samples = min(max(1, ceil(length / count)), MOST_SAMPLES)
    step = length / (count * samples)
    centres = (np.arange(count * samples) + 0.5) * step - 0.5
    return (start + centres).astype(np.float64), samples


def _tiles(
    width: int, height: int, samples_x: int, samples_y: int
) -> Iterator[tuple[slice, slice]]:
    """Cut the output into tiles of about TILE samples."""
    tile_width = min(width, max(1, TILE // (samples_x * samples_y)))
    tile_height = max(1, TILE // (samples_x * samples_y * tile_width))
    for top in range(0, height, tile_height):
        for left in range(0, width, tile_width):
            bottom, right = min(top + tile_height, height), min(left + tile_width, width)
            yield slice(top, bottom), slice(left, right)


def to_pixels(drawn: Array, samples_x: int, samples_y: int, depth: int) -> Samples:
    """Average the samples of each pixel, (C, H sy, W sx) in 0..1 to (H, W, C) of some depth."""
    mean = drawn
    if samples_x * samples_y > 1:
        has_alpha = len(drawn) in (2, 4)
        if has_alpha:  # what is transparent, and may have any colour, gives none to its neighbours
            drawn[:-1] *= drawn[-1:]
        channels, height, width = drawn.shape
        mean = drawn.reshape(
            channels, height // samples_y, samples_y, width // samples_x, samples_x
        ).mean(axis=(2, 4))
        if has_alpha:
            mean[:-1] /= np.maximum(mean[-1:], _LEAST_ALPHA)
    return np.rint(mean * ((1 << depth) - 1)).astype(DTYPES[depth]).transpose(1, 2, 0)


def encode_positions(family: str, length: int, positions: NDArray[np.float64]) -> Array:
    """Return the Fourier features (frequencies, N) of positions (N,) in pixels; see `model.py`.

    >>> encode_positions("gated", 8, np.array([0.0, 1.0])).shape
    (5, 2)
    """
    if family == "gated":
        angles = positions * 2.0 ** (1 - np.arange(num_frequencies(length)))[:, None]
    else:
        octaves = below_nyquist(2.0 ** (np.arange(MLP_FREQUENCIES) + 1) * pi / length)
        angles = np.concatenate([octaves, octaves])[:, None] * positions
        angles[MLP_FREQUENCIES:] += pi / 2
    return np.sin(angles).astype(np.float32)


def below_nyquist(frequency: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the alias within -pi..pi of frequencies in radians a pixel.

    It has the same values at all pixel centres, but does not swing between them.

    >>> below_nyquist(np.array([1.0, 2 * np.pi + 1.0])).round(6).tolist()
    [1.0, 1.0]
    """
    alias: NDArray[np.float64] = frequency - 2 * pi * np.rint(frequency / (2 * pi))
    return alias


def _project_axes(
    spec: Spec, parameters: Parameters, x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[Array, Array]:
    """Return each axis' summand of the first joint product, (D, W) and (D, H)."""
    columns = encode_positions(spec.family, spec.width, x)
    rows = encode_positions(spec.family, spec.height, y)
    first = "joint" if spec.family == "gated" else "layers.0"
    if spec.family == "gated":
        columns = _gated_layer(parameters, "axis_x", columns)
        rows = _gated_layer(parameters, "axis_y", rows)
    weight_x, weight_y = np.split(parameters[f"{first}.weight"], [len(columns)], axis=1)
    return weight_x @ columns, weight_y @ rows + parameters[f"{first}.bias"][:, None]


def _draw_tile(spec: Spec, parameters: Parameters, columns: Array, rows: Array) -> Array:
    """Draw (D, W) columns by (D, H) rows as (C, H, W) in 0..1."""
    shape = rows.shape[1], columns.shape[1]
    stacked = (rows[:, :, None] + columns[:, None, :]).reshape(len(rows), -1)
    hidden = (_gated_trunk if spec.family == "gated" else _mlp_trunk)(spec, parameters, stacked)
    output = _affine(parameters, "output", hidden)
    output *= 0.5  # sigmoid(x) = (tanh(x / 2) + 1) / 2, which cannot overflow
    np.tanh(output, out=output)
    output += 1
    output *= 0.5
    return output.reshape(-1, *shape)


def _gated_trunk(spec: Spec, parameters: Parameters, stacked: Array) -> Array:
    hidden = _gate(stacked, parameters["joint.shift"])
    for i in range(spec.num_layers):
        inner = _gated_layer(parameters, f"blocks.{i}.0", hidden)
        residual = _gated_layer(parameters, f"blocks.{i}.1", inner)
        residual *= parameters[f"blocks.{i}.alpha"]
        hidden += residual
    return hidden


def _mlp_trunk(spec: Spec, parameters: Parameters, stacked: Array) -> Array:
    hidden = _leaky_relu(stacked)
    for i in range(1, spec.num_layers):
        hidden = _leaky_relu(_affine(parameters, f"layers.{i}", hidden))
    return hidden


def _affine(parameters: Parameters, name: str, x: Array) -> Array:
    output: Array = parameters[f"{name}.weight"] @ x
    output += parameters[f"{name}.bias"][:, None]
    return output


def _gated_layer(parameters: Parameters, name: str, x: Array) -> Array:
    return _gate(_affine(parameters, name, x), parameters[f"{name}.shift"])


def _gate(stacked: Array, shift: Array) -> Array:
    """gelu(tanh(q k) v + shift), (3 D, N) to (D, N); works in place."""
    q, k, v = np.split(stacked, 3)
    q *= k
    np.tanh(q, out=q)
    q *= v
    q += shift[:, None]
    np.multiply(q, q, out=k)
    k *= C1
    k += C0
    k *= q
    np.tanh(k, out=k)
    k += 1
    q *= 0.5
    q *= k
    return q


def _leaky_relu(x: Array) -> Array:
    np.maximum(x, np.float32(0.1) * x, out=x)
    return x

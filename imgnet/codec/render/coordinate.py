"""Renderer of coordinate networks (`gated`, `mlp`) at any size, in NumPy.

The arithmetic is that of `fit/coordinate/network.py` in float32. Features of one axis are computed
once for all columns and once for all rows; the layers on both axes run tile by tile, so memory does
not grow with the image. Below native size each pixel is the mean of evenly spaced samples of its
area.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil, pi, sqrt

import numpy as np

from imgnet.arrays import Float32Array, Float64Array, Parameters
from imgnet.image.alpha import has_alpha
from imgnet.image.geometry import Crop, Size, resolve_size
from imgnet.image.picture import DTYPES, Samples, peak_of
from imgnet.spec import MLP_FREQUENCIES, Spec, num_frequencies

TILE = 16384  # samples of a tile: enough for fast products, few enough for the cache
MOST_SAMPLES = 64  # of a pixel along one axis; their square still fits into a tile
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
    """Render the image, or a crop of it, at a size.

    Args:
        spec: Shape of the network.
        parameters: Tensors of the network by name.
        size: See `geometry.resolve_size`; relative to the crop if there is one.
        crop: Part in native pixels; None for the whole image.
        depth: Bits of a sample, 8 or 16.

    Returns:
        (H, W, C) pixels, 0..255 or 0..65535.

    Raises:
        UsageError: The crop is not inside the image, or the size is malformed or too large.
    """
    crop = crop or Crop(0, 0, spec.width, spec.height)
    crop.check(spec.width, spec.height)
    width, height = resolve_size((crop.width, crop.height), size)
    x, samples_x = _positions(crop.x, crop.width, width)
    y, samples_y = _positions(crop.y, crop.height, height)
    columns, rows = _project_axes(spec, parameters, x, y)
    pixels = np.empty((height, width, spec.dim_out), DTYPES[depth])
    for row, column in _tiles(width, height, samples_x, samples_y):
        x_hat = _render_tile(
            spec,
            parameters,
            columns[:, column.start * samples_x : column.stop * samples_x],
            rows[:, row.start * samples_y : row.stop * samples_y],
        )
        colours = average_samples(x_hat, samples_x, samples_y) * peak_of(pixels.dtype)
        pixels[row, column] = np.rint(colours).transpose(1, 2, 0)
    return pixels


def _positions(start: int, length: int, count: int) -> tuple[Float64Array, int]:
    """Place evenly spaced samples in `count` pixels that divide start..start + length equally.

    Returns:
        Positions of the samples, and their number for each pixel.
    """
    samples = min(max(1, ceil(length / count)), MOST_SAMPLES)
    step = length / (count * samples)
    centres = (np.arange(count * samples) + 0.5) * step - 0.5
    return (start + centres).astype(np.float64), samples


def _tiles(
    width: int, height: int, samples_x: int, samples_y: int
) -> Iterator[tuple[slice, slice]]:
    """Yield the rows and columns of tiles of about TILE samples."""
    tile_width = min(width, max(1, TILE // (samples_x * samples_y)))
    tile_height = max(1, TILE // (samples_x * samples_y * tile_width))
    for top in range(0, height, tile_height):
        for left in range(0, width, tile_width):
            bottom, right = min(top + tile_height, height), min(left + tile_width, width)
            yield slice(top, bottom), slice(left, right)


def average_samples(x_hat: Float32Array, samples_x: int, samples_y: int) -> Float32Array:
    """Average the samples of each pixel.

    Colours are weighted by alpha, for the colours of transparent samples are arbitrary.

    Args:
        x_hat: (C, H samples_y, W samples_x) colours in 0..1; changed in place.
        samples_x: Samples of a pixel along its row.
        samples_y: Samples of a pixel along its column.

    Returns:
        (C, H, W) colours in 0..1.
    """
    if samples_x * samples_y == 1:
        return x_hat
    is_weighted = has_alpha(len(x_hat))
    if is_weighted:
        x_hat[:-1] *= x_hat[-1:]
    channels, height, width = x_hat.shape
    samples = x_hat.reshape(channels, height // samples_y, samples_y, width // samples_x, samples_x)
    mean: Float32Array = samples.mean(axis=(2, 4))
    if is_weighted:
        mean[:-1] /= np.maximum(mean[-1:], _LEAST_ALPHA)
    return mean


def encode_positions(family: str, length: int, positions: Float64Array) -> Float32Array:
    """Return the Fourier features of positions on an axis.

    Args:
        family: "gated" or "mlp".
        length: Length of the axis in pixels.
        positions: (N,) in native pixels.

    Returns:
        (features, N), in -1..1.

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


def below_nyquist(frequency: Float64Array) -> Float64Array:
    """Replace frequencies in radians a pixel by their aliases within -pi..pi.

    An alias has the same values at all pixel centres, but does not oscillate between them.

    >>> below_nyquist(np.array([1.0, 2 * np.pi + 1.0])).round(6).tolist()
    [1.0, 1.0]
    """
    alias: Float64Array = frequency - 2 * pi * np.rint(frequency / (2 * pi))
    return alias


def _project_axes(
    spec: Spec, parameters: Parameters, x: Float64Array, y: Float64Array
) -> tuple[Float32Array, Float32Array]:
    """Return the summands (D, W) and (D, H) of both axes in the first joint layer."""
    columns = encode_positions(spec.family, spec.width, x)
    rows = encode_positions(spec.family, spec.height, y)
    first = "joint" if spec.family == "gated" else "layers.0"
    if spec.family == "gated":
        columns = _gated_layer(parameters, "axis_x", columns)
        rows = _gated_layer(parameters, "axis_y", rows)
    weight_x, weight_y = np.split(parameters[f"{first}.weight"], [len(columns)], axis=1)
    return weight_x @ columns, weight_y @ rows + parameters[f"{first}.bias"][:, None]


def _render_tile(
    spec: Spec, parameters: Parameters, columns: Float32Array, rows: Float32Array
) -> Float32Array:
    """Render (D, W) columns by (D, H) rows to colours (C, H, W) in 0..1."""
    shape = rows.shape[1], columns.shape[1]
    stacked = (rows[:, :, None] + columns[:, None, :]).reshape(len(rows), -1)
    hidden = (_gated_trunk if spec.family == "gated" else _mlp_trunk)(spec, parameters, stacked)
    output = _affine(parameters, "output", hidden)
    output *= 0.5  # sigmoid(x) = (tanh(x / 2) + 1) / 2, which cannot overflow
    np.tanh(output, out=output)
    output += 1
    output *= 0.5
    return output.reshape(-1, *shape)


def _gated_trunk(spec: Spec, parameters: Parameters, stacked: Float32Array) -> Float32Array:
    hidden = _gate(stacked, parameters["joint.shift"])
    for i in range(spec.num_layers):
        inner = _gated_layer(parameters, f"blocks.{i}.0", hidden)
        residual = _gated_layer(parameters, f"blocks.{i}.1", inner)
        residual *= parameters[f"blocks.{i}.alpha"]
        hidden += residual
    return hidden


def _mlp_trunk(spec: Spec, parameters: Parameters, stacked: Float32Array) -> Float32Array:
    hidden = _leaky_relu(stacked)
    for i in range(1, spec.num_layers):
        hidden = _leaky_relu(_affine(parameters, f"layers.{i}", hidden))
    return hidden


def _affine(parameters: Parameters, name: str, x: Float32Array) -> Float32Array:
    output: Float32Array = parameters[f"{name}.weight"] @ x
    output += parameters[f"{name}.bias"][:, None]
    return output


def _gated_layer(parameters: Parameters, name: str, x: Float32Array) -> Float32Array:
    return _gate(_affine(parameters, name, x), parameters[f"{name}.shift"])


def _gate(stacked: Float32Array, shift: Float32Array) -> Float32Array:
    """Compute gelu(tanh(q k) v + shift) in place, (3 D, N) -> (D, N)."""
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


def _leaky_relu(x: Float32Array) -> Float32Array:
    np.maximum(x, np.float32(0.1) * x, out=x)
    return x

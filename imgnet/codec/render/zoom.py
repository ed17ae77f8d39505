"""Learned enlargement by the zoom prior, a network trained on photographs.

For each native pixel and colour the network gives a series of products cos(pi k u) cos(pi l v) in
the offset (u, v) inside the pixel. The constant term is the pixel itself, so that the enlarged
image averages to the native one. Added detail is plausible for photographs, not recovered.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import log2

import numpy as np

from imgnet.arrays import Float32Array
from imgnet.codec.priors.loader import COLOURS
from imgnet.codec.render.cosine import TERMS, Axis, Footprints
from imgnet.codec.render.threads import on_all_cores
from imgnet.codec.render.zoom_network import load_network
from imgnet.image.picture import Samples, peak_of

Tile = tuple[range, range]  # rows and columns of native pixels

LARGEST = 4  # enlargement that the prior was trained for

_TILE = 64  # side in native pixels; larger products would start threads of BLAS
_ROUNDS = 2  # of back-projection
_STEP = np.float32(1.5)  # of a round; with a step of 1 it would take three rounds
_MARGIN = 3  # native pixels around a tile that these rounds depend on


def zoomed(pixels: Samples, y: Axis, x: Axis) -> Samples:
    """Enlarge a part of an image.

    Tiles of native pixels are enlarged one by one, so that memory does not grow with the output.
    They are aligned to the whole image, so that a crop has the pixels of the whole.

    Args:
        pixels: (height, width, 1 or 3) native pixels of 8 or 16 bits.
        y: Rows of the output, 1 to `LARGEST` times as many as native ones.
        x: Columns of the output, likewise.

    Returns:
        (y.count, x.count, 1 or 3) pixels of the same depth.

    >>> zoomed(np.full((3, 2, 1), 40, np.uint8), Axis(0, 3, 5), Axis(0, 2, 4)).shape
    (5, 4, 1)
    """
    result = np.empty((y.count, x.count, pixels.shape[2]), pixels.dtype)

    def render_tile(tile: Tile) -> None:
        rows, columns = y.beginning_in(tile[0]), x.beginning_in(tile[1])
        x_hat, begins = _render_around(pixels, (y, x), tile)
        part = x_hat[_within(columns, begins[1]), _within(rows, begins[0])].transpose(1, 0, 2)
        result[_within(rows), _within(columns)] = np.rint(part).clip(0, _peak(pixels))

    on_all_cores(render_tile, product(_parts(y, pixels.shape[0]), _parts(x, pixels.shape[1])))
    return result


def _parts(axis: Axis, length: int) -> Iterator[range]:
    """Yield the sides of the tiles that a part overlaps, of an image of a length."""
    for first in range(axis.start // _TILE * _TILE, axis.start + axis.length, _TILE):
        yield range(first, min(first + _TILE, length))


def _within(part: range, begin: int = 0) -> slice:
    return slice(part.start - begin, part.stop - begin)


def _peak(pixels: Samples) -> np.float32:
    return np.float32(peak_of(pixels.dtype))


def _render_around(
    pixels: Samples, axes: tuple[Axis, Axis], tile: Tile
) -> tuple[Float32Array, tuple[int, int]]:
    """Render a tile, with a margin if back-projection needs one.

    Returns:
        (columns, rows, C) colours in 0..peak, and the indices of the first row and column.
    """
    margin = 0 if all(axis.is_aligned for axis in axes) else _MARGIN
    rows, columns = (
        range(max(part.start - margin, 0), min(part.stop + margin, length))
        for part, length in zip(tile, pixels.shape[:2], strict=True)
    )
    across, down = axes[1].over(columns), axes[0].over(rows)
    series = _series(pixels, rows, columns, log2(axes[0].scale * axes[1].scale) / 2)
    x_hat = _means(series, down, across)
    if margin or x_hat.min() < 0 or x_hat.max() > 1:
        x_hat = _back_projected(x_hat, series[:, 0, 0].transpose(2, 0, 1), down, across)
    return x_hat * _peak(pixels), (down.begin, across.begin)


def _series(pixels: Samples, rows: range, columns: range, log_scale: float) -> Float32Array:
    """Return the series (rows, TERMS, TERMS, C, columns) of native pixels, in 0..1."""
    network = load_network()
    reach = network.reach
    y, x = (
        np.arange(part.start - reach, part.stop + reach).clip(0, length - 1)
        for part, length in zip((rows, columns), pixels.shape[:2], strict=True)
    )
    picture = (pixels[y[:, None], x] / _peak(pixels)).transpose(0, 2, 1)
    channels = picture.shape[1]
    given = _mean_of_mirrored(np.repeat(picture, COLOURS // channels, axis=1), log_scale)
    if channels < COLOURS:
        given = given.mean(axis=2, keepdims=True)
    own = picture[reach:-reach, None, :, reach:-reach]
    return np.concatenate([own, given], axis=1).reshape(len(rows), TERMS, TERMS, -1, len(columns))


def _mean_of_mirrored(picture: Float32Array, log_scale: float) -> Float32Array:
    """Average the series of an image and of its three mirror images (self-ensemble).

    The network is not symmetric, so that the four differ in their errors.

    Args:
        picture: (h + 2 reach, 3, w + 2 reach) colours in 0..1.
        log_scale: Logarithm of the scale to the base 2.

    Returns:
        (h, TERMS ** 2 - 1, 3, w), without constant terms.
    """
    network, ensemble = load_network(), list[Float32Array]()
    alternating = np.array([(-1) ** term for term in range(TERMS)], np.float32)
    for down, across in product((1, -1), repeat=2):
        series = network.series(picture[::down, :, ::across], log_scale)
        series = series.reshape(len(series), -1, COLOURS, series.shape[2])
        # Mirroring changes the sign of the odd terms of a cosine series.
        signs = np.outer(alternating ** (down < 0), alternating ** (across < 0)).ravel()[1:]
        ensemble.append(series[::down, ..., ::across] * signs[:, None, None])
    mean: Float32Array = np.mean(ensemble, axis=0)
    return mean


def _means(series: Float32Array, rows: Footprints, columns: Footprints) -> Float32Array:
    """Return the means (columns, rows, C) of series over footprints."""
    return columns.means(rows.means(series).transpose(3, 1, 0, 2))


def _back_projected(
    x_hat: Float32Array, native: Float32Array, rows: Footprints, columns: Footprints
) -> Float32Array:
    """Bring the averages of (columns, rows, C) closer to the native pixels (width, height, C).

    They differ where footprints overlap several pixels and where colours are clipped.
    """
    for _ in range(_ROUNDS):
        x_hat = x_hat.clip(0, 1)
        averages = rows.averages(columns.averages(x_hat).swapaxes(0, 1)).swapaxes(0, 1)
        missing = _STEP * (native - averages)
        across = columns.means(missing[:, None]).swapaxes(0, 1)
        x_hat += rows.means(across[:, None]).swapaxes(0, 1)
    return x_hat

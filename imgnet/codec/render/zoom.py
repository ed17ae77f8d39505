"""Enlarge a picture by the zoom prior, a network that was trained on photographs.

For each native pixel the network gives a series of products cos(pi k u) cos(pi l v) of the offset
(u, v) inside the pixel, for each colour. The constant term is the pixel itself, so that what is
drawn averages to the picture that was enlarged. The detail is plausible, learnt from other
pictures; what was there nobody knows.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import log2

import numpy as np

from imgnet.codec.render.cosine import TERMS, Array, Axis, Cells
from imgnet.codec.render.threads import on_all_cores
from imgnet.codec.render.zoom_network import COLOURS, load_network
from imgnet.image.picture import Samples

Tile = tuple[range, range]  # rows and columns of native pixels

LARGEST = 4  # factor that the prior was trained for

_TILE = 64  # native pixels a side; see `ZoomNetwork` on why it is not larger
_ROUNDS = 2  # of bringing averages to the picture
_STEP = np.float32(1.5)  # of a round; one of 1 would take three
_MARGIN = 3  # native pixels around a tile, as far as these rounds reach


def zoomed(pixels: Samples, y: Axis, x: Axis) -> Samples:
    """Draw a part of a picture larger.

    Every tile of native pixels is drawn alone and lies where it does in the whole picture, so that
    memory does not grow with the result, and a crop has the pixels of the whole.

    Args:
        pixels: (height, width, 1 or 3) native pixels of 8 or 16 bits.
        y: Rows of the result, at least as many as native ones and at most `LARGEST` times.
        x: Its columns.

    Returns:
        (y.count, x.count, 1 or 3) pixels of the same depth.

    >>> zoomed(np.full((3, 2, 1), 40, np.uint8), Axis(0, 3, 5), Axis(0, 2, 4)).shape
    (5, 4, 1)
    """
    result = np.empty((y.count, x.count, pixels.shape[2]), pixels.dtype)

    def draw(tile: Tile) -> None:
        rows, columns = y.beginning_in(tile[0]), x.beginning_in(tile[1])
        drawn, begins = _draw_around(pixels, (y, x), tile)
        part = drawn[_within(columns, begins[1]), _within(rows, begins[0])].transpose(1, 0, 2)
        result[_within(rows), _within(columns)] = np.rint(part).clip(0, _peak(pixels))

    on_all_cores(draw, product(_parts(y, pixels.shape[0]), _parts(x, pixels.shape[1])))
    return result


def _parts(axis: Axis, length: int) -> Iterator[range]:
    """List the sides of tiles of a picture of some length that a part of it lies in."""
    for first in range(axis.start // _TILE * _TILE, axis.start + axis.length, _TILE):
        yield range(first, min(first + _TILE, length))


def _within(part: range, begin: int = 0) -> slice:
    return slice(part.start - begin, part.stop - begin)


def _peak(pixels: Samples) -> np.float32:
    return np.float32(np.iinfo(pixels.dtype).max)


def _draw_around(
    pixels: Samples, axes: tuple[Axis, Axis], tile: Tile
) -> tuple[Array, tuple[int, int]]:
    """Draw a tile and what its consistency depends on.

    Returns:
        (columns, rows, C) levels, and the numbers of the first of these rows and columns.
    """
    margin = 0 if all(axis.is_aligned for axis in axes) else _MARGIN
    rows, columns = (
        range(max(part.start - margin, 0), min(part.stop + margin, length))
        for part, length in zip(tile, pixels.shape[:2], strict=True)
    )
    across, down = axes[1].over(columns), axes[0].over(rows)
    series = _series(pixels, rows, columns, log2(axes[0].scale * axes[1].scale) / 2)
    drawn = _means(series, down, across)
    if margin or drawn.min() < 0 or drawn.max() > 1:
        drawn = _consistent(drawn, series[:, 0, 0].transpose(2, 0, 1), down, across)
    return drawn * _peak(pixels), (down.begin, across.begin)


def _series(pixels: Samples, rows: range, columns: range, log_scale: float) -> Array:
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


def _mean_of_mirrored(picture: Array, log_scale: float) -> Array:
    """Return the mean of the series of a picture as it is, upside down, mirrored, and both.

    Nothing made the network treat them alike, so that the errors of the four are not the same.

    Args:
        picture: (h + 2 reach, 3, w + 2 reach) colours in 0..1.
        log_scale: Logarithm of the scale to the base 2.

    Returns:
        (h, TERMS ** 2 - 1, 3, w), without constant terms.
    """
    network, drawn = load_network(), list[Array]()
    alternating = np.array([(-1) ** term for term in range(TERMS)], np.float32)
    for down, across in product((1, -1), repeat=2):
        series = network.series(picture[::down, :, ::across], log_scale)
        series = series.reshape(len(series), -1, COLOURS, series.shape[2])
        # Seen from the other side, odd terms of a cosine series have the other sign.
        signs = np.outer(alternating ** (down < 0), alternating ** (across < 0)).ravel()[1:]
        drawn.append(series[::down, ..., ::across] * signs[:, None, None])
    mean: Array = np.mean(drawn, axis=0)
    return mean


def _means(series: Array, rows: Cells, columns: Cells) -> Array:
    """Return the means (columns, rows, C) of series over cells."""
    return columns.means(rows.means(series).transpose(3, 1, 0, 2))


def _consistent(drawn: Array, native: Array, rows: Cells, columns: Cells) -> Array:
    """Bring the averages of (columns, rows, C) over pixels closer to those (width, height, C).

    They differ where cells lie in several pixels, and where colours had to be clipped.
    """
    for _ in range(_ROUNDS):
        drawn = drawn.clip(0, 1)
        averages = rows.averages(columns.averages(drawn).swapaxes(0, 1)).swapaxes(0, 1)
        missing = _STEP * (native - averages)
        across = columns.means(missing[:, None]).swapaxes(0, 1)
        drawn += rows.means(across[:, None]).swapaxes(0, 1)
    return drawn

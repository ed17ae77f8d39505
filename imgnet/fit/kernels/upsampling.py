"""Upsampling of grids by 2 with a separable kernel, forward and backward, compiled.

The sample c of a..e becomes two: with taps t, (t3, t2, t1, t0) of a..d and (t0, t1, t2, t3) of
b..e. One pass computes both, since only adjacent numbers are stored as vectors.
`imgnet.fit.engine.network.doubled` does the same with torch.
"""

from __future__ import annotations

import numpy as np

from imgnet.arrays import Float32Array
from imgnet.compilation.blocks import compiled, copy

_NONE = np.float32(0)
_MARGIN = 4  # samples of a line beyond the number of pairs of new ones
_ONE, _TWO, _THREE, _FOUR = (np.uint64(n) for n in (1, 2, 3, 4))


@compiled
def _mix(
    rows: Float32Array, stride: int, start: int, taps: Float32Array, out: Float32Array, count: int
) -> None:
    """Set `out` to the sum of four rows, one stride apart, weighted by taps."""
    t0, t1, t2, t3 = taps[0], taps[1], taps[2], taps[3]
    row, a = np.uint64(stride), np.uint64(start)
    b, c, d = a + row, a + row + row, a + row + row + row
    for p in range(np.uint64(count)):
        out[p] = t0 * rows[a + p] + t1 * rows[b + p] + (t2 * rows[c + p] + t3 * rows[d + p])


@compiled
def _mix_back(
    gradient: Float32Array,
    rows: Float32Array,
    stride: int,
    start: int,
    taps: Float32Array,
    g_taps: Float32Array,
    g_rows: Float32Array,
    count: int,
) -> None:
    """Add the gradients of the taps and of the rows of a mix."""
    t0, t1, t2, t3 = taps[0], taps[1], taps[2], taps[3]
    row, a = np.uint64(stride), np.uint64(start)
    b, c, d = a + row, a + row + row, a + row + row + row
    s0 = s1 = s2 = s3 = _NONE
    for p in range(np.uint64(count)):
        g = gradient[p]
        s0, s1 = s0 + g * rows[a + p], s1 + g * rows[b + p]
        s2, s3 = s2 + g * rows[c + p], s3 + g * rows[d + p]
    for p in range(np.uint64(count)):
        g = gradient[p]
        g_rows[a + p] += t0 * g
        g_rows[b + p] += t1 * g
        g_rows[c + p] += t2 * g
        g_rows[d + p] += t3 * g
    for i, total in enumerate((s0, s1, s2, s3)):
        g_taps[i] += total


@compiled
def _double(line: Float32Array, taps: Float32Array, pairs: Float32Array, count: int) -> None:
    """Set `pairs` to the double of a line, pair by pair."""
    t0, t1, t2, t3 = taps[0], taps[1], taps[2], taps[3]
    for p in range(np.uint64(count)):
        b, c, d = line[p + _ONE], line[p + _TWO], line[p + _THREE]
        pairs[p + p] = t3 * line[p] + t2 * b + (t1 * c + t0 * d)
        pairs[p + p + _ONE] = t0 * b + t1 * c + (t2 * d + t3 * line[p + _FOUR])


@compiled
def _split_pairs(
    pairs: Float32Array, first: Float32Array, second: Float32Array, count: int
) -> None:
    """Set the middle of two lines to the first and the second sample of each pair."""
    for p in range(np.uint64(count)):
        first[p + _FOUR], second[p + _FOUR] = pairs[p + p], pairs[p + p + _ONE]


@compiled
def _double_back(
    first: Float32Array,
    second: Float32Array,
    line: Float32Array,
    taps: Float32Array,
    g_taps: Float32Array,
    g_line: Float32Array,
    count: int,
) -> None:
    """Set the gradient of a line and add that of the taps, given those of the pairs.

    Args:
        first: Gradient of the first sample of each pair, between `_MARGIN` zeros on each side.
        second: Gradient of the second sample of each pair, in the same way.
        line: Samples that were doubled.
        taps: (4,).
        g_taps: Gradient of the taps, added to.
        g_line: Gradient of the line, set.
        count: Pairs.
    """
    t0, t1, t2, t3 = taps[0], taps[1], taps[2], taps[3]
    s0 = s1 = s2 = s3 = _NONE
    for p in range(np.uint64(count)):
        g, h = first[p + _FOUR], second[p + _FOUR]
        b, c, d = line[p + _ONE], line[p + _TWO], line[p + _THREE]
        s0, s1 = s0 + (g * d + h * b), s1 + (g * c + h * c)
        s2, s3 = s2 + (g * b + h * d), s3 + (g * line[p] + h * line[p + _FOUR])
    for i, total in enumerate((s0, s1, s2, s3)):
        g_taps[i] += total
    for p in range(np.uint64(count + _MARGIN)):
        g3, g2, g1, g0 = first[p + _ONE], first[p + _TWO], first[p + _THREE], first[p + _FOUR]
        h3, h2, h1, h0 = second[p], second[p + _ONE], second[p + _TWO], second[p + _THREE]
        of_first = t3 * g0 + t2 * g1 + (t1 * g2 + t0 * g3)
        g_line[p] = of_first + (t0 * h0 + t1 * h1 + (t2 * h2 + t3 * h3))


@compiled
def doubled(x: Float32Array, taps: Float32Array, skip: tuple[int, int], out: Float32Array) -> None:
    """Set `out` to part of `x` at twice its size.

    Args:
        x: (F, h + 4, w + 4).
        taps: (4,), of the second sample of each pair; the first has them in reverse.
        skip: Rows and columns, 0 or 1 each, that are left out at the top and on the left.
        out: (F, H, W) with at most 2 * h - skip rows and 2 * w - skip columns.
    """
    channels, height, width = out.shape
    rows, columns = x.shape[1], x.shape[2]
    flat, count, reverse = x.ravel(), columns - _MARGIN, taps[::-1].copy()
    line, pairs = np.empty(columns, np.float32), np.empty(2 * count, np.float32)
    for channel in range(channels):
        for y in range(height):
            above, second = (y + skip[0]) // 2, (y + skip[0]) % 2
            top = (channel * rows + above + second) * columns
            _mix(flat, columns, top, taps if second else reverse, line, columns)
            _double(line, taps, pairs, count)
            copy(pairs, skip[1], out[channel, y], 0, width)


@compiled
def doubled_back(
    x: Float32Array, taps: Float32Array, skip: tuple[int, int], gradient: Float32Array
) -> tuple[Float32Array, Float32Array]:
    """Return the gradients of `x` and of the taps of `doubled`, given that of `out`."""
    channels, height, width = gradient.shape
    rows, columns = x.shape[1], x.shape[2]
    flat, count, reverse = x.ravel(), columns - _MARGIN, taps[::-1].copy()
    g_x, g_taps = np.zeros(x.size, np.float32), np.zeros(taps.size, np.float32)
    g_reverse = np.zeros(taps.size, np.float32)
    line, g_line = np.empty(columns, np.float32), np.empty(columns, np.float32)
    pairs = np.zeros(2 * count, np.float32)
    firsts = np.zeros(columns + _MARGIN, np.float32)
    seconds = np.zeros(columns + _MARGIN, np.float32)
    for channel in range(channels):
        for y in range(height):
            above, second = (y + skip[0]) // 2, (y + skip[0]) % 2
            top = (channel * rows + above + second) * columns
            ordered, g_ordered = (taps, g_taps) if second else (reverse, g_reverse)
            _mix(flat, columns, top, ordered, line, columns)
            copy(gradient[channel, y], 0, pairs, skip[1], width)
            _split_pairs(pairs, firsts, seconds, count)
            _double_back(firsts, seconds, line, taps, g_taps, g_line, count)
            _mix_back(g_line, flat, columns, top, ordered, g_ordered, g_x, columns)
    return g_x.reshape(x.shape), g_taps + g_reverse[::-1]

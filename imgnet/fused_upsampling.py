"""Grids to twice their size, forward and backward, compiled; `grid_model.doubled` with torch."""

from __future__ import annotations

import numpy as np

from imgnet.blocks import Floats, compiled, copy, fill

_NONE = np.float32(0)
_TAPS = 5  # samples around one that is doubled


@compiled
def _mix(rows: Floats, stride: int, start: int, taps: Floats, out: Floats, count: int) -> None:
    """Set `out` to five rows, each one stride after the other, weighed by taps."""
    t0, t1, t2, t3, t4 = taps[0], taps[1], taps[2], taps[3], taps[4]
    step = np.uint64(stride)
    a = np.uint64(start)
    b, c = a + step, a + step + step
    d, e = c + step, c + step + step
    for p in range(np.uint64(count)):
        outer_ones = t0 * rows[a + p] + t4 * rows[e + p]
        out[p] = t1 * rows[b + p] + t2 * rows[c + p] + t3 * rows[d + p] + outer_ones


@compiled
def _spread(
    gradient: Floats, taps: Floats, out: Floats, stride: int, start: int, count: int
) -> None:
    """Add to five rows the gradient of their mix."""
    for i in range(_TAPS):
        tap, at = taps[i], np.uint64(start + i * stride)
        for p in range(np.uint64(count)):
            out[at + p] += tap * gradient[p]


@compiled
def _tap_gradients(
    gradient: Floats, rows: Floats, stride: int, start: int, sums: Floats, count: int
) -> None:
    """Add the gradient of the taps of a mix."""
    for i in range(_TAPS):
        total, at = _NONE, np.uint64(start + i * stride)
        for p in range(np.uint64(count)):
            total += gradient[p] * rows[at + p]
        sums[i] += total


@compiled
def doubled(x: Floats, phases: Floats, skip: tuple[int, int], out: Floats) -> None:
    """Set `out` (F, h, w) to part of the double of `x`, from (F, h' + 4, w' + 4).

    Args:
        x: Samples.
        phases: (2, 5), the weights of 5 samples in each of the two that replace the middle one.
        skip: Rows and columns, 0 or 1, that are left out before the part begins.
        out: At most 2 * h' - skip rows and 2 * w' - skip columns.
    """
    channels, height, width = out.shape
    rows, columns = x.shape[1], x.shape[2]
    flat, part = x.ravel(), columns - 4
    line, pairs = np.empty(columns, np.float32), np.empty(2 * part, np.float32)
    half = np.empty(part, np.float32)
    for channel in range(channels):
        for y in range(height):
            above, phase = (y + skip[0]) // 2, (y + skip[0]) % 2
            top = (channel * rows + above) * columns
            _mix(flat, columns, top, phases[phase], line, columns)
            for b in range(2):
                _mix(line, 1, 0, phases[b], half, part)
                at = np.uint64(b)
                for p in range(np.uint64(part)):
                    pairs[p + p + at] = half[p]
            copy(pairs, skip[1], out[channel, y], 0, width)


@compiled
def doubled_back(
    x: Floats, phases: Floats, skip: tuple[int, int], gradient: Floats
) -> tuple[Floats, Floats]:
    """Return the gradients of the samples and of the weights from that of `out`."""
    channels, height, width = gradient.shape
    rows, columns = x.shape[1], x.shape[2]
    g_x, g_phases = np.zeros(x.size, np.float32), np.zeros_like(phases)
    flat, part = x.ravel(), columns - 4
    line, g_line = np.empty(columns, np.float32), np.empty(columns, np.float32)
    half, pairs = np.empty(part, np.float32), np.zeros(2 * part, np.float32)
    for channel in range(channels):
        for y in range(height):
            above, phase = (y + skip[0]) // 2, (y + skip[0]) % 2
            top = (channel * rows + above) * columns
            _mix(flat, columns, top, phases[phase], line, columns)
            fill(g_line, 0, columns, _NONE)
            copy(gradient[channel, y], 0, pairs, skip[1], width)
            for b in range(2):
                at = np.uint64(b)
                for p in range(np.uint64(part)):
                    half[p] = pairs[p + p + at]
                _tap_gradients(half, line, 1, 0, g_phases[b], part)
                _spread(half, phases[b], g_line, 1, 0, part)
            _tap_gradients(g_line, flat, columns, top, g_phases[phase], columns)
            _spread(g_line, phases[phase], g_x, columns, top, columns)
    return g_x.reshape(x.shape), g_phases

"""Compiled operations on latent grids: crops, relaxation, Adam."""

from __future__ import annotations

import numpy as np

from imgnet.arrays import Float32Array, Int64Array
from imgnet.compilation.blocks import compiled, copy_vector, exp2

_HALF, _ONE, _TWO = np.float32(0.5), np.float32(1), np.float32(2)
_LOG2_E = np.float32(1.4426950408889634)


@compiled
def crop(grid: Float32Array, top: int, left: int, out: Float32Array) -> None:
    """Set `out` to a crop of a grid that is padded with its edges."""
    height, width = grid.shape
    for y in range(out.shape[0]):
        row = grid[min(max(top + y, 0), height - 1)]
        for x in range(out.shape[1]):
            out[y, x] = row[min(max(left + x, 0), width - 1)]


@compiled
def add_crop(grid: Float32Array, top: int, left: int, out: Float32Array) -> None:
    """Add a crop of a grid that is padded with its edges to `out`."""
    height, width = grid.shape
    for y in range(out.shape[0]):
        row = grid[min(max(top + y, 0), height - 1)]
        for x in range(out.shape[1]):
            out[y, x] += row[min(max(left + x, 0), width - 1)]


@compiled
def crop_back(gradient: Float32Array, top: int, left: int, out: Float32Array) -> None:
    """Add the gradient of a crop by `crop` to that of its grid, `out`."""
    height, width = out.shape
    for y in range(gradient.shape[0]):
        row = out[min(max(top + y, 0), height - 1)]
        for x in range(gradient.shape[1]):
            row[min(max(left + x, 0), width - 1)] += gradient[y, x]


@compiled
def window(grid: Float32Array, top: int, left: int, out: Float32Array) -> None:
    """Set `out`, which holds zeros, to a crop of a grid that is padded with zeros."""
    height, width = grid.shape
    first, last = max(0, -left), min(out.shape[1], width - left)
    for y in range(max(0, -top), min(out.shape[0], height - top)):
        copy_vector(grid[top + y, left + first : left + last], out[y, first:last])


@compiled
def window_back(
    gradient: Float32Array, top: int, left: int, weight: float, out: Float32Array
) -> None:
    """Add the gradient of a crop by `window`, times a weight, to that of its grid, `out`."""
    height, width = out.shape
    factor = np.float32(weight)
    first, last = max(0, -left), min(gradient.shape[1], width - left)
    for y in range(max(0, -top), min(gradient.shape[0], height - top)):
        row, to = gradient[y], out[top + y]
        for x in range(first, last):
            to[left + x] += factor * row[x]


@compiled
def repeated(grid: Float32Array, top: int, shift: int, out: Float32Array) -> None:
    """Set `out` to rows from `top` on of a grid whose latents are repeated 2**shift times."""
    for y in range(out.shape[0]):
        row = grid[top + y >> shift]
        for x in range(out.shape[1]):
            out[y, x] = row[x >> shift]


@compiled
def repeated_back(
    gradient: Float32Array, top: int, shift: int, weight: float, out: Float32Array
) -> None:
    """Add the gradient of rows by `repeated`, times a weight, to that of their grid, `out`."""
    factor = np.float32(weight)
    for y in range(gradient.shape[0]):
        row = out[top + y >> shift]
        for x in range(gradient.shape[1]):
            row[x >> shift] += factor * gradient[y, x]


@compiled
def relax(
    temperature: float,
    noise: float,
    ranges: Int64Array,
    values: Float32Array,
    fresh: Float32Array,
    relaxed: Float32Array,
    slope: Float32Array,
) -> None:
    """Set `relaxed` to s(s(values) + noise * fresh) and `slope` to its derivative.

    Args:
        temperature: Temperature of s, the soft rounding of `imgnet.fit.engine.latents`.
        noise: Standard deviation of the noise.
        ranges: (N, 2), first index and last index + 1 of the latents to relax.
        values: Latents.
        fresh: Noise of standard deviation 1.
        relaxed: Set.
        slope: Set.
    """
    sharp = np.float32(2 * 1.4426950408889634 / temperature)
    scale = np.float32(np.tanh(0.5 / temperature))
    steepest = np.float32(0.5 / temperature) / scale
    strength, half_step = np.float32(noise), _HALF / scale
    for first, last in ranges:
        for p in range(np.uint64(first), np.uint64(last)):
            whole = np.floor(values[p])
            bent = _ONE - _TWO / (exp2((values[p] - whole - _HALF) * sharp) + _ONE)  # tanh
            soft = whole + _HALF + bent * half_step + strength * fresh[p]
            again = np.floor(soft)
            bent_again = _ONE - _TWO / (exp2((soft - again - _HALF) * sharp) + _ONE)
            relaxed[p] = again + _HALF + bent_again * half_step
            slope[p] = (_ONE - bent * bent) * (_ONE - bent_again * bent_again) * steepest * steepest


@compiled
def adam(
    ranges: Int64Array,
    rates: Float32Array,
    decays: tuple[float, float],
    gradient: Float32Array,
    slope: Float32Array,
    mean: Float32Array,
    square: Float32Array,
    values: Float32Array,
) -> None:
    """Move values by one Adam step against gradient * slope.

    Args:
        ranges: (N, 2), first index and last index + 1 of the latents to move.
        rates: (N, 2), learning rate and epsilon of each range, corrected for means that began at 0.
        decays: Decays of the running means of the gradient and of its square.
        gradient: Gradient in the relaxed values.
        slope: Derivative of the relaxed values.
        mean: Running mean of the gradient.
        square: Running mean of its square.
        values: Moved.
    """
    keep_mean, keep_square = np.float32(decays[0]), np.float32(decays[1])
    for i, (first, last) in enumerate(ranges):
        lr, eps = rates[i, 0], rates[i, 1]
        for p in range(np.uint64(first), np.uint64(last)):
            g = gradient[p] * slope[p]
            m = keep_mean * mean[p] + (_ONE - keep_mean) * g
            s = keep_square * square[p] + (_ONE - keep_square) * g * g
            mean[p], square[p] = m, s
            values[p] -= lr * m / (np.sqrt(s) + eps)

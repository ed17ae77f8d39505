"""Synthesis layers from features to colours, forward and backward, compiled.

Backward passes compute activations again instead of reading them from memory.
"""

from __future__ import annotations

import numpy as np

from imgnet.arrays import Float32Array
from imgnet.compilation.blocks import (
    BLOCK,
    ZERO,
    column,
    compiled,
    copy,
    copy_matrix,
    copy_vector,
    cut,
    fill,
    outer,
    product,
    relu,
    relu_backward,
    round_up,
    transposed,
    zeros,
)

_ONE, _NONE = np.float32(1), np.float32(0)
_NEXT, _LAST = np.uint64(1), np.uint64(2)  # columns of a 3x3 window after its first


@compiled
def _with_bias(weight: Float32Array, bias: Float32Array) -> Float32Array:
    """Return a padded matrix; the bias is the weight of a constant 1 after the inputs."""
    rows, columns = weight.shape
    padded = np.zeros((round_up(rows), round_up(columns + 1)), np.float32)
    copy_matrix(weight, padded, ZERO, ZERO)
    copy_vector(bias, padded[:rows, columns])
    return padded


@compiled
def _padded(weight: Float32Array) -> Float32Array:
    padded = np.zeros((round_up(weight.shape[0]), round_up(weight.shape[1])), np.float32)
    copy_matrix(weight, padded, ZERO, ZERO)
    return padded


@compiled
def _load(source: Float32Array, rows: int, start: int, target: Float32Array, count: int) -> None:
    """Copy part of each row of a flat matrix to a block."""
    stride = source.size // rows
    for row in range(rows):
        copy(source, row * stride + start, target, row * BLOCK, count)


@compiled
def _store(block: Float32Array, rows: int, start: int, target: Float32Array, count: int) -> None:
    stride = target.size // rows
    for row in range(rows):
        copy(block, row * BLOCK, target, row * stride + start, count)


@compiled
def two_layers(
    x: Float32Array,
    first: Float32Array,
    bias: Float32Array,
    last: Float32Array,
    linear: Float32Array,
    offset: Float32Array,
) -> Float32Array:
    """Return last @ relu(first @ x + bias) + linear @ x + offset, (C, N) to (D, N)."""
    dim_in, number = x.shape
    dim_out = len(last)
    first, linear, last = _with_bias(first, bias), _with_bias(linear, offset), _padded(last)
    out, flat = np.empty(dim_out * number, np.float32), x.ravel()
    samples, hidden = zeros(first.shape[1]), zeros(len(first))
    colours = zeros(len(last))
    fill(samples, dim_in * BLOCK, BLOCK, _ONE)
    for start in range(0, number, BLOCK):
        count = min(BLOCK, number - start)
        _load(flat, dim_in, start, samples, count)
        fill(hidden, ZERO, hidden.size, _NONE)
        product(first, samples, hidden, ZERO, count)
        relu(hidden, hidden, len(first), count)
        fill(colours, ZERO, colours.size, _NONE)
        product(last, hidden, colours, ZERO, count)
        product(linear, samples, colours, ZERO, count)
        _store(colours, dim_out, start, out, count)
    return out.reshape(dim_out, number)


@compiled
def two_layers_back(
    x: Float32Array,
    first: Float32Array,
    bias: Float32Array,
    last: Float32Array,
    linear: Float32Array,
    offset: Float32Array,
    gradient: Float32Array,
) -> tuple[Float32Array, Float32Array, Float32Array, Float32Array, Float32Array, Float32Array]:
    """Return the gradients of all arguments of `two_layers`, given that of its result."""
    (dim_in, number), (dim_out, dim_hidden) = x.shape, last.shape
    first, linear, last = _with_bias(first, bias), _with_bias(linear, offset), _padded(last)
    first_t, last_t, linear_t = transposed(first), transposed(last), transposed(linear)
    g_first, g_last = np.zeros(first.shape, np.float32), np.zeros(last.shape, np.float32)
    g_linear = np.zeros(linear.shape, np.float32)
    g_x, flat, flat_gradient = np.empty(x.size, np.float32), x.ravel(), gradient.ravel()
    samples, hidden = zeros(first.shape[1]), zeros(len(first))
    g_colours, g_hidden = zeros(len(last)), zeros(len(first))
    g_samples = zeros(first.shape[1])
    fill(samples, dim_in * BLOCK, BLOCK, _ONE)
    for start in range(0, number, BLOCK):
        count = min(BLOCK, number - start)
        _load(flat, dim_in, start, samples, count)
        _load(flat_gradient, dim_out, start, g_colours, count)
        fill(hidden, ZERO, hidden.size, _NONE)
        product(first, samples, hidden, ZERO, count)
        relu(hidden, hidden, len(first), count)
        fill(g_hidden, ZERO, g_hidden.size, _NONE)
        product(last_t, g_colours, g_hidden, ZERO, count)
        relu_backward(g_hidden, hidden, len(first), count)
        outer(g_colours, hidden, g_last, count)
        outer(g_colours, samples, g_linear, count)
        outer(g_hidden, samples, g_first, count)
        fill(g_samples, ZERO, g_samples.size, _NONE)
        product(first_t, g_hidden, g_samples, ZERO, count)
        product(linear_t, g_colours, g_samples, ZERO, count)
        _store(g_samples, dim_in, start, g_x, count)
    return (
        g_x.reshape(x.shape),
        cut(g_first, ZERO, dim_hidden, dim_in),
        column(g_first, dim_hidden, dim_in),
        cut(g_last, ZERO, dim_out, dim_hidden),
        cut(g_linear, ZERO, dim_out, dim_in),
        column(g_linear, dim_out, dim_in),
    )


@compiled
def _convolve(
    flat: Float32Array, shape: tuple[int, int, int], y: int, weight: Float32Array, out: Float32Array
) -> None:
    """Add row y of the 3x3 convolution of (C, h, w) with (D, 9 C) to `out`, (D, w - 2)."""
    channels, height, width = shape
    for row in range(len(out)):
        sums = out[row]
        for channel in range(channels):
            w = weight[row, channel::channels]
            a0, a1, a2, b0, b1, b2 = w[0], w[1], w[2], w[3], w[4], w[5]
            c0, c1, c2 = w[6], w[7], w[8]
            a = np.uint64((channel * height + y) * width)
            b = a + np.uint64(width)
            c = b + np.uint64(width)
            for p in range(np.uint64(sums.size)):
                above = a0 * flat[a + p] + a1 * flat[a + p + _NEXT] + a2 * flat[a + p + _LAST]
                here = b0 * flat[b + p] + b1 * flat[b + p + _NEXT] + b2 * flat[b + p + _LAST]
                below = c0 * flat[c + p] + c1 * flat[c + p + _NEXT] + c2 * flat[c + p + _LAST]
                sums[p] += above + (here + below)


@compiled
def _convolve_back(
    flat: Float32Array,
    shape: tuple[int, int, int],
    y: int,
    gradient: Float32Array,
    g_weight: Float32Array,
) -> None:
    """Add the gradient of the weights of `_convolve`, given that of its row."""
    channels, height, width = shape
    for row in range(len(gradient)):
        slopes = gradient[row]
        for channel in range(channels):
            a = np.uint64((channel * height + y) * width)
            b = a + np.uint64(width)
            c = b + np.uint64(width)
            a0 = a1 = a2 = b0 = b1 = b2 = c0 = c1 = c2 = _NONE
            for p in range(np.uint64(slopes.size)):
                g = slopes[p]
                a0, b0, c0 = a0 + g * flat[a + p], b0 + g * flat[b + p], c0 + g * flat[c + p]
                q = p + _NEXT
                a1, b1, c1 = a1 + g * flat[a + q], b1 + g * flat[b + q], c1 + g * flat[c + q]
                q = p + _LAST
                a2, b2, c2 = a2 + g * flat[a + q], b2 + g * flat[b + q], c2 + g * flat[c + q]
            for place, total in enumerate((a0, a1, a2, b0, b1, b2, c0, c1, c2)):
                g_weight[row, place * channels + channel] += total


@compiled
def _rotated(weight: Float32Array) -> Float32Array:
    """Return the weights (C, 9 C) of the transposed convolution: kernels rotated by 180 degrees."""
    channels = len(weight)
    rotated = np.empty(weight.shape, np.float32)
    for row in range(channels):
        for place in range(9):
            for channel in range(channels):
                of_back = weight[channel, (8 - place) * channels + row]
                rotated[row, place * channels + channel] = of_back
    return rotated


@compiled
def rezero_layer(
    x: Float32Array, weight: Float32Array, bias: Float32Array, alpha: Float32Array
) -> Float32Array:
    """Return x + alpha * relu(conv3x3(x) + bias), (C, h + 2, w + 2) to (C, h, w)."""
    channels, height, width = x.shape[0], x.shape[1] - 2, x.shape[2] - 2
    out, flat = np.empty((channels, height, width), np.float32), x.ravel()
    inner = np.empty((channels, width), np.float32)
    for y in range(height):
        for channel in range(channels):
            inner[channel] = bias[channel]
        _convolve(flat, x.shape, y, weight, inner)
        for channel in range(channels):
            part, row, own, new = alpha[channel], inner[channel], x[channel, y + 1], out[channel, y]
            for p in range(np.uint64(width)):
                new[p] = own[p + _NEXT] + part * max(row[p], _NONE)
    return out


@compiled
def rezero_layer_back(
    x: Float32Array,
    weight: Float32Array,
    bias: Float32Array,
    alpha: Float32Array,
    gradient: Float32Array,
) -> tuple[Float32Array, Float32Array, Float32Array, Float32Array]:
    """Return the gradients of all arguments of `rezero_layer`, given that of its result."""
    channels, height, width = gradient.shape
    g_weight, g_bias = np.zeros(weight.shape, np.float32), np.zeros(bias.size, np.float32)
    g_alpha = np.zeros(alpha.size, np.float32)
    inner, flat = np.empty((channels, width), np.float32), x.ravel()
    # Padded with zeros: its convolution with the rotated weights is the gradient of x.
    g_inner = np.zeros((channels, height + 4, width + 4), np.float32)
    for y in range(height):
        for channel in range(channels):
            inner[channel] = bias[channel]
        _convolve(flat, x.shape, y, weight, inner)
        for channel in range(channels):
            part, row, goal = alpha[channel], inner[channel], gradient[channel, y]
            back = g_inner[channel, y + 2]
            of_alpha, of_bias = _NONE, _NONE
            for p in range(np.uint64(width)):
                value = max(row[p], _NONE)
                of_alpha += goal[p] * value
                slope = part * goal[p] if value > _NONE else _NONE
                of_bias += slope
                row[p] = back[p + _LAST] = slope
            g_alpha[channel] += of_alpha
            g_bias[channel] += of_bias
        _convolve_back(flat, x.shape, y, inner, g_weight)
    g_x, rows = np.empty(x.shape, np.float32), np.empty((channels, width + 2), np.float32)
    rotated, flat_inner = _rotated(weight), g_inner.ravel()
    for y in range(height + 2):
        rows[:] = _NONE
        if 1 <= y <= height:
            copy_matrix(gradient[:, y - 1], rows, 0, 1)
        _convolve(flat_inner, g_inner.shape, y, rotated, rows)
        copy_matrix(rows, g_x[:, y], ZERO, ZERO)
    return g_x, g_weight, g_bias, g_alpha


@compiled
def squared_error(
    colours: Float32Array, picture: Float32Array, weights: Float32Array, weight: float
) -> float:
    """Return the squared error of clamped colours; set `colours` to the gradient of weight * error.

    Args:
        colours: (C, h, w), replaced.
        picture: (C, h, w).
        weights: (C, h, w) weight of each squared error; empty for 1.
        weight: Factor of the sum in the gradient.
    """
    factor, total = np.float32(2 * weight), 0.0
    channels, height, width = colours.shape
    for channel in range(channels):
        for y in range(height):
            row, goal = colours[channel, y], picture[channel, y]
            sum_of = _NONE
            for p in range(np.uint64(width)):
                # Only the value is clamped: a clamped gradient would leave pixels too bright.
                error = min(max(row[p], _NONE), _ONE) - goal[p]
                if weights.size:
                    part = weights[channel, y, p]
                    sum_of += error * error * part
                    row[p] = factor * error * part
                else:
                    sum_of += error * error
                    row[p] = factor * error
            total += float(sum_of)
    return total

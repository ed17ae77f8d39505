"""The layers between latents and colours, forward and backward, compiled.

The same as `two_layers` and `rezero_layer` of `grid_kernels.py`, which say what they compute.
Backward passes compute activations again instead of fetching them from memory.
"""

from __future__ import annotations

import numpy as np

from imgnet.blocks import (
    BLOCK,
    Floats,
    add,
    block_of,
    compiled,
    copy,
    fill,
    fours,
    keep_active,
    outer,
    product,
    put,
    rectify,
)

_ONE, _NONE = np.float32(1), np.float32(0)


@compiled
def _with_bias(weight: Floats, bias: Floats) -> Floats:
    """Pad a matrix; the bias is the weight of a 1 behind the inputs."""
    rows, columns = weight.shape
    padded = np.zeros((fours(rows), fours(columns + 1)), np.float32)
    put(weight, padded, 0, 0)
    padded[:rows, columns] = bias
    return padded


@compiled
def _padded(weight: Floats) -> Floats:
    padded = np.zeros((fours(weight.shape[0]), fours(weight.shape[1])), np.float32)
    put(weight, padded, 0, 0)
    return padded


@compiled
def _load(source: Floats, rows: int, start: int, target: Floats, count: int) -> None:
    """Copy part of each of the rows of a flat matrix to a block."""
    stride = source.size // rows
    for row in range(rows):
        copy(source, row * stride + start, target, row * BLOCK, count)


@compiled
def _store(block: Floats, rows: int, start: int, target: Floats, count: int) -> None:
    stride = target.size // rows
    for row in range(rows):
        copy(block, row * BLOCK, target, row * stride + start, count)


@compiled
def two_layers(
    x: Floats, first: Floats, bias: Floats, last: Floats, linear: Floats, offset: Floats
) -> Floats:
    """Map (C, N) to (D, N)."""
    dim_in, number = x.shape
    dim_out = len(last)
    first, linear, last = _with_bias(first, bias), _with_bias(linear, offset), _padded(last)
    out, flat = np.empty(dim_out * number, np.float32), x.ravel()
    samples, hidden = block_of(first.shape[1]), block_of(len(first))
    colours = block_of(len(last))
    fill(samples, dim_in * BLOCK, BLOCK, _ONE)
    for start in range(0, number, BLOCK):
        count = min(BLOCK, number - start)
        _load(flat, dim_in, start, samples, count)
        fill(hidden, 0, hidden.size, _NONE)
        product(first, samples, hidden, 0, count)
        rectify(hidden, hidden, len(first), count)
        fill(colours, 0, colours.size, _NONE)
        product(last, hidden, colours, 0, count)
        product(linear, samples, colours, 0, count)
        _store(colours, dim_out, start, out, count)
    return out.reshape(dim_out, number)


@compiled
def two_layers_back(
    x: Floats,
    first: Floats,
    bias: Floats,
    last: Floats,
    linear: Floats,
    offset: Floats,
    gradient: Floats,
) -> tuple[Floats, Floats, Floats, Floats, Floats, Floats]:
    """Return the gradients of all arguments of `two_layers` from that of its result."""
    (dim_in, number), (dim_out, dim_hidden) = x.shape, last.shape
    first, linear, last = _with_bias(first, bias), _with_bias(linear, offset), _padded(last)
    first_t, last_t, linear_t = first.T.copy(), last.T.copy(), linear.T.copy()
    g_first, g_last, g_linear = np.zeros_like(first), np.zeros_like(last), np.zeros_like(linear)
    g_x, flat, flat_gradient = np.empty(x.size, np.float32), x.ravel(), gradient.ravel()
    samples, hidden = block_of(first.shape[1]), block_of(len(first))
    g_colours, g_hidden = block_of(len(last)), block_of(len(first))
    g_samples = block_of(first.shape[1])
    fill(samples, dim_in * BLOCK, BLOCK, _ONE)
    for start in range(0, number, BLOCK):
        count = min(BLOCK, number - start)
        _load(flat, dim_in, start, samples, count)
        _load(flat_gradient, dim_out, start, g_colours, count)
        fill(hidden, 0, hidden.size, _NONE)
        product(first, samples, hidden, 0, count)
        rectify(hidden, hidden, len(first), count)
        fill(g_hidden, 0, g_hidden.size, _NONE)
        product(last_t, g_colours, g_hidden, 0, count)
        keep_active(g_hidden, hidden, len(first), count)
        outer(g_colours, hidden, g_last, count)
        outer(g_colours, samples, g_linear, count)
        outer(g_hidden, samples, g_first, count)
        fill(g_samples, 0, g_samples.size, _NONE)
        product(first_t, g_hidden, g_samples, 0, count)
        product(linear_t, g_colours, g_samples, 0, count)
        _store(g_samples, dim_in, start, g_x, count)
    return (
        g_x.reshape(x.shape),
        g_first[:dim_hidden, :dim_in].copy(),
        g_first[:dim_hidden, dim_in].copy(),
        g_last[:dim_out, :dim_hidden].copy(),
        g_linear[:dim_out, :dim_in].copy(),
        g_linear[:dim_out, dim_in].copy(),
    )


@compiled
def _load_square(
    flat: Floats, shape: tuple[int, int, int], y: int, start: int, around: Floats, count: int
) -> None:
    """Collect the 3x3 places around a block of samples, place by place, all channels of each."""
    channels, height, width = shape
    row = 0
    for dy in range(3):
        for dx in range(3):
            for channel in range(channels):
                place = (channel * height + y + dy) * width + start + dx
                copy(flat, place, around, row * BLOCK, count)
                row += 1


@compiled
def rezero_layer(x: Floats, weight: Floats, bias: Floats, alpha: Floats) -> Floats:
    """Map (C, h + 2, w + 2) to (C, h, w)."""
    channels, height, width = x.shape[0], x.shape[1] - 2, x.shape[2] - 2
    padded, flat = _with_bias(weight, bias), x.ravel()
    out = np.empty(channels * height * width, np.float32)
    around, inner = block_of(padded.shape[1]), block_of(len(padded))
    fill(around, 9 * channels * BLOCK, BLOCK, _ONE)
    for y in range(height):
        for start in range(0, width, BLOCK):
            count = min(BLOCK, width - start)
            _load_square(flat, x.shape, y, start, around, count)
            fill(inner, 0, inner.size, _NONE)
            product(padded, around, inner, 0, count)
            for channel in range(channels):
                weight_of = alpha[channel]
                place = np.uint64((channel * height + y) * width + start)
                middle = np.uint64((4 * channels + channel) * BLOCK)
                row = np.uint64(channel * BLOCK)
                for p in range(np.uint64(count)):
                    out[place + p] = around[middle + p] + weight_of * max(inner[row + p], _NONE)
    return out.reshape(channels, height, width)


@compiled
def rezero_layer_back(
    x: Floats, weight: Floats, bias: Floats, alpha: Floats, gradient: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return the gradients of all arguments of `rezero_layer` from that of its result."""
    channels, height, width = gradient.shape
    padded, flat, flat_gradient = _with_bias(weight, bias), x.ravel(), gradient.ravel()
    padded_t, g_padded = padded.T.copy(), np.zeros_like(padded)
    g_x, g_alpha = np.zeros(x.size, np.float32), np.zeros_like(alpha)
    around, g_around = block_of(padded.shape[1]), block_of(padded.shape[1])
    inner, g_inner = block_of(len(padded)), block_of(len(padded))
    fill(around, 9 * channels * BLOCK, BLOCK, _ONE)
    for y in range(height):
        for start in range(0, width, BLOCK):
            count = min(BLOCK, width - start)
            _load_square(flat, x.shape, y, start, around, count)
            fill(inner, 0, inner.size, _NONE)
            product(padded, around, inner, 0, count)
            fill(g_around, 0, g_around.size, _NONE)
            for channel in range(channels):
                weight_of, sum_of = alpha[channel], _NONE
                place = np.uint64((channel * height + y) * width + start)
                middle = np.uint64((4 * channels + channel) * BLOCK)
                row = np.uint64(channel * BLOCK)
                for p in range(np.uint64(count)):
                    g, value = flat_gradient[place + p], max(inner[row + p], _NONE)
                    sum_of += g * value
                    g_around[middle + p] = g
                    g_inner[row + p] = weight_of * g if value > _NONE else _NONE
                g_alpha[channel] += sum_of
            outer(g_inner, around, g_padded, count)
            product(padded_t, g_inner, g_around, 0, count)
            row_of = 0
            for dy in range(3):
                for dx in range(3):
                    for channel in range(channels):
                        to = (channel * x.shape[1] + y + dy) * x.shape[2] + start + dx
                        add(g_around, row_of * BLOCK, g_x, to, count)
                        row_of += 1
    inputs = 9 * channels
    return (
        g_x.reshape(x.shape),
        g_padded[:channels, :inputs].copy(),
        g_padded[:channels, inputs].copy(),
        g_alpha,
    )


@compiled
def squared_error(colours: Floats, picture: Floats, seen: Floats, weight: float) -> float:
    """Return the squared error of clamped colours, which become the gradient of weight * error.

    Args:
        colours: (C, h, w), replaced.
        picture: (C, h, w).
        seen: (C, h, w) or empty; what each error counts.
        weight: Of the error.
    """
    factor, total = np.float32(2 * weight), 0.0
    channels, height, width = colours.shape
    for channel in range(channels):
        for y in range(height):
            row, goal = colours[channel, y], picture[channel, y]
            sum_of = _NONE
            for p in range(np.uint64(width)):
                # Clamped in the value but not in the gradient, or what is too bright would stay so.
                error = min(max(row[p], _NONE), _ONE) - goal[p]
                if seen.size:
                    part = seen[channel, y, p]
                    sum_of += error * error * part
                    row[p] = factor * error * part
                else:
                    sum_of += error * error
                    row[p] = factor * error
            total += float(sum_of)
    return total

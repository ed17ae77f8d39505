"""Rate of a chunk of latents under the context model, with all gradients, compiled.

The model maps the causal neighbours of a latent, its parents, 3x3 latents of the next coarser
level, and its coarse features to its Laplace distribution: by a linear path and by two ReLU layers,
the second one residual. The pass goes block by block and keeps no activations.
"""

from __future__ import annotations

import numpy as np

from imgnet.arrays import Float32Array, Int64Array
from imgnet.compilation.blocks import (
    BLOCK,
    ZERO,
    add,
    add_sums,
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
from imgnet.fit.kernels.laplace import code_length
from imgnet.neighbourhood import CAUSAL, MARGIN, PARENT_MARGIN, PARENTS

_OWN, _NUM_OWN = np.array(CAUSAL) + MARGIN, np.int64(len(CAUSAL))
_ABOVE, _NUM_ABOVE = np.array(PARENTS) + PARENT_MARGIN, len(PARENTS)
_ONE, _NONE = np.float32(1), np.float32(0)


@compiled
def _repeat(shared: Float32Array, stacked: Float32Array, rows: int, half: int) -> None:
    """Copy the activations of each parent to both of its children in a row."""
    for row in range(rows):
        at = np.uint64(row * BLOCK)
        for p in range(np.uint64(half)):
            value = shared[at + p]
            stacked[at + p + p] = value
            stacked[at + p + p + np.uint64(1)] = value


@compiled
def _repeat_backward(
    to_stacked: Float32Array, to_shared: Float32Array, rows: int, count: int
) -> None:
    """Add the gradients of both children of each parent to that of the parent."""
    for row in range(rows):
        at = np.uint64(row * BLOCK)
        if count % 2:
            to_stacked[row * BLOCK + count] = _NONE
        for p in range(np.uint64((count + 1) // 2)):
            to_shared[at + p] += to_stacked[at + p + p] + to_stacked[at + p + p + np.uint64(1)]


@compiled
def _padded(
    to_own: Float32Array,
    to_above: Float32Array,
    bias: Float32Array,
    second: Float32Array,
    second_bias: Float32Array,
    last: Float32Array,
) -> tuple[Float32Array, ...]:
    """Return padded weights of first layer, parents, second layer, its bias, and last layer.

    The rows of the first two are the hidden units and then, in four rows, location and scale. The
    bias of the first layer is the weight of a constant 1 after the neighbours.
    """
    dim, padded = len(second), round_up(len(second))
    first = np.zeros((padded + 4, round_up(_NUM_OWN + 1)), np.float32)
    copy_matrix(to_own[:dim], first, ZERO, ZERO)
    copy_matrix(to_own[dim:], first, padded, ZERO)
    copy_vector(bias[:dim], first[:dim, _NUM_OWN])
    copy_vector(bias[dim:], first[padded : padded + 2, _NUM_OWN])
    above = np.zeros((padded + 4, round_up(to_above.shape[1])), np.float32)
    copy_matrix(to_above[:dim], above, ZERO, ZERO)
    copy_matrix(to_above[dim:], above, padded, ZERO)
    middle, end = np.zeros((padded, padded), np.float32), np.zeros((4, padded), np.float32)
    copy_matrix(second, middle, ZERO, ZERO)
    copy_matrix(last, end, ZERO, ZERO)
    middle_bias = np.zeros(padded, np.float32)
    copy_vector(second_bias, middle_bias)
    return first, above, middle, middle_bias, end


@compiled
def _unpadded(
    first: Float32Array,
    above: Float32Array,
    middle: Float32Array,
    middle_bias: Float32Array,
    end: Float32Array,
    sizes: tuple[int, int],
) -> tuple[Float32Array, ...]:
    """Return gradients of the weights from those of their padded forms; see `_padded`.

    The sizes are those of the second layer and of all inputs at the place of a parent.
    """
    dim, num_above = sizes
    padded = len(middle)
    to_own, to_above = cut(first, ZERO, dim + 2, _NUM_OWN), cut(above, ZERO, dim + 2, num_above)
    bias = column(first, dim + 2, _NUM_OWN)
    # Location and scale stand behind the padding.
    for row in range(2):
        copy_vector(first[padded + row, :_NUM_OWN], to_own[dim + row])
        copy_vector(above[padded + row, :num_above], to_above[dim + row])
        bias[dim + row] = first[padded + row, _NUM_OWN]
    second_bias = np.empty(dim, np.float32)
    copy_vector(middle_bias[:dim], second_bias)
    return to_own, to_above, bias, cut(middle, ZERO, dim, dim), second_bias, cut(end, ZERO, 2, dim)


@compiled
def _im2col(
    flat: Float32Array,
    stride: int,
    y: int,
    x: int,
    offsets: Int64Array,
    around: Float32Array,
    count: int,
) -> None:
    """Copy the neighbours of a block of latents to `around`, one row for each offset."""
    for i in range(len(offsets)):
        at = (y + offsets[i, 0]) * stride + x + offsets[i, 1]
        copy(flat, at, around, i * BLOCK, count)


@compiled
def _col2im(
    gradient: Float32Array,
    stride: int,
    y: int,
    x: int,
    offsets: Int64Array,
    flat: Float32Array,
    count: int,
) -> None:
    """Add the gradients of the neighbours of a block to those of their latents."""
    for i in range(len(offsets)):
        at = (y + offsets[i, 0]) * stride + x + offsets[i, 1]
        add(gradient, i * BLOCK, flat, at, count)


@compiled
def _take_features(
    features: Float32Array, y: int, x: int, around: Float32Array, count: int
) -> None:
    """Copy the coarse features of a block of parents to `around`, behind the parents."""
    number, height, width = features.shape
    flat = features.ravel()
    for k in range(number):
        copy(flat, (k * height + y) * width + x, around, (_NUM_ABOVE + k) * BLOCK, count)


@compiled
def _add_features(
    gradient: Float32Array, y: int, x: int, features: Float32Array, count: int
) -> None:
    """Add the gradients of the coarse features of a block to those of all, `features`."""
    number, height, width = features.shape
    flat = features.ravel()
    for k in range(number):
        add(gradient, (_NUM_ABOVE + k) * BLOCK, flat, (k * height + y) * width + x, count)


@compiled
def _forward(
    first: Float32Array,
    middle: Float32Array,
    middle_bias: Float32Array,
    end: Float32Array,
    around: Float32Array,
    stacked: Float32Array,
    hidden: Float32Array,
    residual: Float32Array,
    total: Float32Array,
    count: int,
) -> None:
    """Add the first layer to `stacked`; set its last rows to the distributions."""
    padded = len(middle)
    product(first, around, stacked, ZERO, count)
    relu(stacked, hidden, padded, count)
    for row in range(padded):
        fill(residual, row * BLOCK, count, middle_bias[row])
    product(middle, hidden, residual, ZERO, count)
    relu(residual, residual, padded, count)
    copy(hidden, ZERO, total, ZERO, hidden.size)
    add(residual, ZERO, total, ZERO, hidden.size)
    product(end, total, stacked, padded, count)


@compiled
def _backward(
    middle_t: Float32Array,
    end_t: Float32Array,
    hidden: Float32Array,
    residual: Float32Array,
    g_distribution: Float32Array,
    g_residual: Float32Array,
    g_stacked: Float32Array,
    count: int,
) -> None:
    """Set the gradients of the second layer and of `stacked` from those of the distributions."""
    padded = len(middle_t)
    fill(g_stacked, ZERO, g_stacked.size, _NONE)
    product(end_t, g_distribution, g_stacked, ZERO, count)
    copy(g_stacked, ZERO, g_residual, ZERO, g_residual.size)
    relu_backward(g_residual, residual, padded, count)
    product(middle_t, g_residual, g_stacked, ZERO, count)
    relu_backward(g_stacked, hidden, padded, count)
    copy(g_distribution, 0, g_stacked, padded * BLOCK, g_distribution.size)


@compiled
def rate(
    own: Float32Array,
    parents: Float32Array,
    skip: int,
    features: Float32Array,
    to_own: Float32Array,
    to_above: Float32Array,
    bias: Float32Array,
    second: Float32Array,
    second_bias: Float32Array,
    last: Float32Array,
    wanted: bool,
    lengths: Float32Array,
) -> tuple[float, tuple[Float32Array, Float32Array, Float32Array], tuple[Float32Array, ...]]:
    """Return the bits of a chunk and, if wanted, the gradients of latents, parents and weights.

    All arrays are C-contiguous.

    Args:
        own: (h + MARGIN, w + 2 MARGIN) latents with the rows above and the columns beside them.
        parents: Latents of the next coarser level, with PARENT_MARGIN on all sides; empty for none.
        features: (K, h', w') coarse features of the chunk, for each parent; empty for none.
        skip: Rows of children, 0 or 1, that the first parent has above the chunk.
        to_own: (units + 2, CAUSAL) first layer; its last rows are location and scale.
        to_above: (units + 2, PARENTS + K) weights of parents and features in the first layer.
        bias: (units + 2,) of the first layer.
        second: (units, units).
        second_bias: (units,).
        last: (2, units).
        wanted: Whether to compute gradients.
        lengths: (h * w,), set to the bits of each latent; empty where these are not wanted.

    Returns:
        Bits; the gradients of `own`, `parents` and `features`; and those of the weights, in their
        order here.
    """
    height, width = own.shape[0] - MARGIN, own.shape[1] - 2 * MARGIN
    first, above, middle, middle_bias, end = _padded(
        to_own, to_above, bias, second, second_bias, last
    )
    first_t, above_t = transposed(first), transposed(above)
    middle_t, end_t = transposed(middle), transposed(end)
    g_first, g_above = np.zeros(first.shape, np.float32), np.zeros(above.shape, np.float32)
    g_middle, g_end = np.zeros(middle.shape, np.float32), np.zeros(end.shape, np.float32)
    g_middle_bias = np.zeros(middle_bias.size, np.float32)
    g_own, g_parents = np.zeros(own.size, np.float32), np.zeros(parents.size, np.float32)
    rows, padded = len(first), len(middle)
    around, g_around = zeros(first.shape[1]), zeros(first.shape[1])
    fill(around, _NUM_OWN * BLOCK, BLOCK, _ONE)
    around_above, g_around_above = zeros(above.shape[1]), zeros(above.shape[1])
    shared, g_shared = zeros(rows), zeros(rows)
    stacked, g_stacked = zeros(rows), zeros(rows)
    hidden, total = zeros(padded), zeros(padded)
    residual, g_residual = zeros(padded), zeros(padded)
    g_distribution = zeros(4)
    flat, flat_above = own.ravel(), parents.ravel()
    g_features = np.zeros(features.shape, np.float32)
    stride, stride_above = own.shape[1], parents.shape[1]
    bits = 0.0
    for parent in range((height + skip + 1) // 2):
        for start in range(0, width, BLOCK):
            count = min(BLOCK, width - start)
            half, middle_of = (count + 1) // 2, start // 2
            fill(shared, ZERO, shared.size, _NONE)
            fill(g_shared, ZERO, g_shared.size, _NONE)
            if parents.size:
                _im2col(flat_above, stride_above, parent, middle_of, _ABOVE, around_above, half)
                _take_features(features, parent, middle_of, around_above, half)
                product(above, around_above, shared, ZERO, half)
            for y in range(max(0, 2 * parent - skip), min(height, 2 * parent - skip + 2)):
                _repeat(shared, stacked, rows, half)
                _im2col(flat, stride, y, start, _OWN, around, count)
                _forward(
                    first,
                    middle,
                    middle_bias,
                    end,
                    around,
                    stacked,
                    hidden,
                    residual,
                    total,
                    count,
                )
                here = (y + MARGIN) * stride + start + MARGIN
                bits += code_length(flat, here, stacked, padded, g_distribution, count)
                if lengths.size:
                    copy(g_distribution, 2 * BLOCK, lengths, y * width + start, count)
                if not wanted:
                    continue
                _backward(
                    middle_t, end_t, hidden, residual, g_distribution, g_residual, g_stacked, count
                )
                outer(g_stacked, around, g_first, count)
                outer(g_residual, hidden, g_middle, count)
                add_sums(g_residual, g_middle_bias, count)
                outer(g_distribution, total, g_end, count)
                fill(g_around, ZERO, g_around.size, _NONE)
                product(first_t, g_stacked, g_around, ZERO, count)
                _col2im(g_around, stride, y, start, _OWN, g_own, count)
                for p in range(count):
                    g_own[here + p] -= g_distribution[p]
                if parents.size:
                    _repeat_backward(g_stacked, g_shared, rows, count)
            if wanted and parents.size:
                outer(g_shared, around_above, g_above, half)
                fill(g_around_above, ZERO, g_around_above.size, _NONE)
                product(above_t, g_shared, g_around_above, ZERO, half)
                _col2im(g_around_above, stride_above, parent, middle_of, _ABOVE, g_parents, half)
                _add_features(g_around_above, parent, middle_of, g_features, half)
    sizes = len(second), to_above.shape[1]
    weights = _unpadded(g_first, g_above, g_middle, g_middle_bias, g_end, sizes)
    latents = g_own.reshape(own.shape), g_parents.reshape(parents.shape), g_features
    return bits, latents, weights

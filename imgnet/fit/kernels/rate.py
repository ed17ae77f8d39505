"""The bits of a chunk of latents and all their gradients in one pass, compiled.

The same as `ContextModel` and `code_length` of `fit/engine`; here block by block, with nothing kept
for later.
"""

from __future__ import annotations

import numpy as np

from imgnet.fit.kernels.blocks import (
    BLOCK,
    Floats,
    add,
    add_sums,
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
from imgnet.fit.kernels.laplace import code_length
from imgnet.neighbourhood import CAUSAL, MARGIN, PARENT_MARGIN, PARENTS, Offsets

_OWN = tuple((MARGIN + dy, MARGIN + dx) for dy, dx in CAUSAL)
_NUM_OWN = len(_OWN)
_ABOVE = tuple((PARENT_MARGIN + dy, PARENT_MARGIN + dx) for dy, dx in PARENTS)
_NUM_ABOVE = len(_ABOVE)
_ONE, _NONE = np.float32(1), np.float32(0)


@compiled
def _spread(shared: Floats, stacked: Floats, rows: int, half: int) -> None:
    """Give both children of a parent in a row what the parent says."""
    for row in range(rows):
        at = np.uint64(row * BLOCK)
        for p in range(np.uint64(half)):
            value = shared[at + p]
            stacked[at + p + p] = value
            stacked[at + p + p + np.uint64(1)] = value


@compiled
def _gather_back(to_stacked: Floats, to_shared: Floats, rows: int, count: int) -> None:
    """Add up the gradients of both children of every parent."""
    for row in range(rows):
        at = np.uint64(row * BLOCK)
        if count % 2:
            to_stacked[row * BLOCK + count] = _NONE
        for p in range(np.uint64((count + 1) // 2)):
            to_shared[at + p] += to_stacked[at + p + p] + to_stacked[at + p + p + np.uint64(1)]


@compiled
def _model(
    to_own: Floats,
    to_parents: Floats,
    bias: Floats,
    second: Floats,
    second_bias: Floats,
    last: Floats,
) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Pad the weights: first layer, that of the parents, second layer, its bias, last layer.

    The rows of the first two are the units and then, in four rows, location and scale. The bias of
    the first layer is the weight of a 1 behind the neighbours.
    """
    dim, padded = len(second), fours(len(second))
    first = np.zeros((padded + 4, fours(_NUM_OWN + 1)), np.float32)
    put(to_own[:dim], first, 0, 0)
    put(to_own[dim:], first, padded, 0)
    first[:dim, _NUM_OWN], first[padded : padded + 2, _NUM_OWN] = bias[:dim], bias[dim:]
    above = np.zeros((padded + 4, fours(_NUM_ABOVE)), np.float32)
    put(to_parents[:dim], above, 0, 0)
    put(to_parents[dim:], above, padded, 0)
    middle, end = np.zeros((padded, padded), np.float32), np.zeros((4, padded), np.float32)
    put(second, middle, 0, 0)
    put(last, end, 0, 0)
    middle_bias = np.zeros(padded, np.float32)
    middle_bias[:dim] = second_bias
    return first, above, middle, middle_bias, end


@compiled
def _unpadded(
    first: Floats, above: Floats, middle: Floats, middle_bias: Floats, end: Floats, dim: int
) -> tuple[Floats, Floats, Floats, Floats, Floats, Floats]:
    """Take gradients of what `_model` padded apart again."""
    padded = len(middle)
    chosen = np.concatenate((np.arange(dim), np.arange(padded, padded + 2)))
    first, above = first[chosen], above[chosen]
    return (
        first[:, :_NUM_OWN].copy(),
        above[:, :_NUM_ABOVE].copy(),
        first[:, _NUM_OWN].copy(),
        middle[:dim, :dim].copy(),
        middle_bias[:dim].copy(),
        end[:2, :dim].copy(),
    )


@compiled
def _load_around(
    flat: Floats, stride: int, y: int, x: int, offsets: Offsets, around: Floats, count: int
) -> None:
    """Collect the neighbours of a block of latents, offset by offset."""
    for i, (dy, dx) in enumerate(offsets):
        copy(flat, (y + dy) * stride + x + dx, around, i * BLOCK, count)


@compiled
def _add_around(
    gradient: Floats, stride: int, y: int, x: int, offsets: Offsets, flat: Floats, count: int
) -> None:
    """Add the gradients of the neighbours of a block to those of the latents they are."""
    for i, (dy, dx) in enumerate(offsets):
        add(gradient, i * BLOCK, flat, (y + dy) * stride + x + dx, count)


@compiled
def _forward(
    first: Floats,
    middle: Floats,
    middle_bias: Floats,
    end: Floats,
    around: Floats,
    stacked: Floats,
    hidden: Floats,
    residual: Floats,
    total: Floats,
    count: int,
) -> None:
    """Add the first layer of the neighbours to `stacked`; its last rows give the distributions."""
    padded = len(middle)
    product(first, around, stacked, 0, count)
    rectify(stacked, hidden, padded, count)
    for row in range(padded):
        fill(residual, row * BLOCK, count, middle_bias[row])
    product(middle, hidden, residual, 0, count)
    rectify(residual, residual, padded, count)
    copy(hidden, 0, total, 0, hidden.size)
    add(residual, 0, total, 0, hidden.size)
    product(end, total, stacked, padded, count)


@compiled
def _backward(
    middle_t: Floats,
    end_t: Floats,
    hidden: Floats,
    residual: Floats,
    g_distribution: Floats,
    g_residual: Floats,
    g_stacked: Floats,
    count: int,
) -> None:
    """Set the gradients of the second layer and of `stacked` from those of the distributions."""
    padded = len(middle_t)
    fill(g_stacked, 0, g_stacked.size, _NONE)
    product(end_t, g_distribution, g_stacked, 0, count)
    copy(g_stacked, 0, g_residual, 0, g_residual.size)
    keep_active(g_residual, residual, padded, count)
    product(middle_t, g_residual, g_stacked, 0, count)
    keep_active(g_stacked, hidden, padded, count)
    copy(g_distribution, 0, g_stacked, padded * BLOCK, g_distribution.size)


@compiled
def rate(
    own: Floats,
    parents: Floats,
    skip: int,
    to_own: Floats,
    to_parents: Floats,
    bias: Floats,
    second: Floats,
    second_bias: Floats,
    last: Floats,
    wanted: bool,
    lengths: Floats,
) -> tuple[float, Floats, Floats, tuple[Floats, Floats, Floats, Floats, Floats, Floats]]:
    """Return the bits of a chunk and, if wanted, the gradients of latents, parents and weights.

    All arrays are C-contiguous.

    Args:
        own: (h + MARGIN, w + 2 * MARGIN), the chunk with its margin above, left and right.
        parents: The latents above the chunk, with PARENT_MARGIN on all sides, or empty for none.
        skip: Rows, 0 or 1, that the parents cover before the chunk begins.
        to_own: (D + 2, CAUSAL), weights of the neighbours in the own grid.
        to_parents: (D + 2, PARENTS), weights of those in the next coarser grid.
        bias: (D + 2,).
        second: (D, D), weights of the second layer.
        second_bias: (D,).
        last: (2, D), weights of the last layer.
        wanted: Whether gradients are.
        lengths: (h * w,), set to the bits of each latent; empty for none.
    """
    height, width = own.shape[0] - MARGIN, own.shape[1] - 2 * MARGIN
    first, above, middle, middle_bias, end = _model(
        to_own, to_parents, bias, second, second_bias, last
    )
    first_t, above_t = first.T.copy(), above.T.copy()
    middle_t, end_t = middle.T.copy(), end.T.copy()
    g_first, g_above = np.zeros_like(first), np.zeros_like(above)
    g_middle, g_middle_bias = np.zeros_like(middle), np.zeros_like(middle_bias)
    g_end = np.zeros_like(end)
    g_own, g_parents = np.zeros(own.size, np.float32), np.zeros(parents.size, np.float32)
    rows, padded = len(first), len(middle)
    around, g_around = block_of(first.shape[1]), block_of(first.shape[1])
    fill(around, _NUM_OWN * BLOCK, BLOCK, _ONE)
    around_above, g_around_above = block_of(above.shape[1]), block_of(above.shape[1])
    shared, g_shared = block_of(rows), block_of(rows)
    stacked, g_stacked = block_of(rows), block_of(rows)
    hidden, total = block_of(padded), block_of(padded)
    residual, g_residual = block_of(padded), block_of(padded)
    g_distribution = block_of(4)
    flat, flat_above = own.ravel(), parents.ravel()
    stride, stride_above = own.shape[1], parents.shape[1]
    bits = 0.0
    for parent in range((height + skip + 1) // 2):
        for start in range(0, width, BLOCK):
            count = min(BLOCK, width - start)
            half, middle_of = (count + 1) // 2, start // 2
            fill(shared, 0, shared.size, _NONE)
            fill(g_shared, 0, g_shared.size, _NONE)
            if parents.size:
                _load_around(
                    flat_above, stride_above, parent, middle_of, _ABOVE, around_above, half
                )
                product(above, around_above, shared, 0, half)
            for y in range(max(0, 2 * parent - skip), min(height, 2 * parent - skip + 2)):
                _spread(shared, stacked, rows, half)
                _load_around(flat, stride, y, start, _OWN, around, count)
                _forward(
                    *(first, middle, middle_bias, end),
                    *(around, stacked, hidden, residual, total, count),
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
                fill(g_around, 0, g_around.size, _NONE)
                product(first_t, g_stacked, g_around, 0, count)
                _add_around(g_around, stride, y, start, _OWN, g_own, count)
                for p in range(count):
                    g_own[here + p] -= g_distribution[p]
                if parents.size:
                    _gather_back(g_stacked, g_shared, rows, count)
            if wanted and parents.size:
                outer(g_shared, around_above, g_above, half)
                fill(g_around_above, 0, g_around_above.size, _NONE)
                product(above_t, g_shared, g_around_above, 0, half)
                _add_around(
                    g_around_above, stride_above, parent, middle_of, _ABOVE, g_parents, half
                )
    weights = _unpadded(g_first, g_above, g_middle, g_middle_bias, g_end, len(second))
    return bits, g_own.reshape(own.shape), g_parents.reshape(parents.shape), weights

"""Kernel of the context model: inputs and distributions of a block of a wavefront.

It computes with the same integers in float64 as `context.py`. The compiler may reorder and fuse
sums: by the bounds that `test_context.py` proves, all of them are exact. There are no divisions of
floats.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgnet.arrays import Float32Array, Float64Array
from imgnet.codec.entropy import context
from imgnet.codec.entropy.distributions import LOCATIONS, NUM_SCALES
from imgnet.compilation.blocks import BLOCK, ZERO, compiled, product
from imgnet.neighbourhood import CAUSAL, MARGIN, PARENT_MARGIN, PARENTS

Int16Array = NDArray[np.int16]
Weights = tuple[Float64Array, ...]  # first, second, bias of the second, last

_OWN = tuple((MARGIN + dy, MARGIN + dx) for dy, dx in CAUSAL)
_ABOVE = tuple((PARENT_MARGIN + dy, PARENT_MARGIN + dx) for dy, dx in PARENTS)
_NUM_OWN, _NUM_NEIGHBOURS = len(_OWN), len(_OWN) + len(_ABOVE)
_PER_LOCATION, _PER_SCALE = 1 / context.LOCATION_STEP, 1 / context.SCALE_STEP
_MOST_LOCATION = float(context.LARGEST_LATENT * LOCATIONS)
_MOST_SCALE = float(NUM_SCALES - 1)
_MOST_HIDDEN = float(context.LARGEST_HIDDEN)
_ROW = np.uint64(BLOCK)


@compiled
def _gather(flat: Int16Array, first: int, step: int, row: int, x: Float64Array, count: int) -> None:
    """Set a row of a block to every `step`-th number from `first` on."""
    to, at, by = np.uint64(row * BLOCK), np.uint64(first), np.uint64(step)
    for p in range(np.uint64(count)):
        x[to + p] = flat[at]
        at += by


@compiled
def _gather_above(
    flat: Any, first: int, stride: int, y: int, row: int, x: Float64Array, count: int
) -> None:
    """Set a row of a block to what lies in the parents of rows y, y + 1, ... of a wavefront.

    `first` is the index of what lies in the parent of a row 0.
    """
    to = np.uint64(row * BLOCK)
    for p in range(count):
        x[to + np.uint64(p)] = flat[np.uint64(first + ((y + p) >> 1) * stride - y - p)]


@compiled
def inputs(
    flat: Int16Array,
    above: Int16Array,
    features: Float32Array,
    strides: tuple[int, int],
    t: int,
    y: int,
    x: Float64Array,
    count: int,
) -> int:
    """Set x to the inputs of the latents of rows y, y + 1, ... of wavefront t.

    Returns the index of the first of these latents; the distance to the next is a stride - 2.
    """
    stride, stride_above = strides
    here = y * stride + t - 2 * y
    for i, (dy, dx) in enumerate(_OWN):
        _gather(flat, here + dy * stride + dx, stride - 2, i, x, count)
    if above.size:
        for i, (dy, dx) in enumerate(_ABOVE):
            at = dy * stride_above + dx + (t >> 1)
            _gather_above(above, at, stride_above, y, _NUM_OWN + i, x, count)
        at = PARENT_MARGIN * (stride_above + 1) + (t >> 1)
        for k in range(features.shape[0]):
            plane = features[k].ravel()
            _gather_above(plane, at, stride_above, y, _NUM_NEIGHBOURS + k, x, count)
    return here + MARGIN * (stride + 1)


@compiled
def _limited(
    x: Float64Array, row: int, bias: float, out: Float64Array, to: int, count: int
) -> None:
    """Add a ReLU of a row of a block, rounded down, and a bias to a row of `out`."""
    at, at_out = np.uint64(row * BLOCK), np.uint64(to * BLOCK)
    for p in range(np.uint64(count)):
        out[at_out + p] += min(max(np.floor(x[at + p]) + bias, 0.0), _MOST_HIDDEN)


@compiled
def network(
    weights: Weights,
    bias: Float64Array,
    x: Float64Array,
    stacked: Float64Array,
    hidden: Float64Array,
    residual: Float64Array,
    output: Float64Array,
    count: int,
) -> None:
    """Set the first rows of `output` to locations and scales of a block with the inputs x."""
    first, second, second_bias, last = weights
    padded = len(second)
    stacked[:], hidden[:], residual[:], output[:] = 0.0, 0.0, 0.0, 0.0
    product(first, x, stacked, ZERO, count)
    for row in range(padded):
        _limited(stacked, row, bias[row], hidden, row, count)
    product(second, hidden, residual, ZERO, count)
    for row in range(padded):
        _limited(residual, row, second_bias[row], hidden, row, count)
    product(last, hidden, output, ZERO, count)
    location, scale = np.uint64(padded * BLOCK), np.uint64((padded + 1) * BLOCK)
    of_location, of_scale = bias[padded], bias[padded + 1]
    for p in range(np.uint64(count)):
        o = np.floor(stacked[location + p]) + of_location + np.floor(output[p])
        output[p] = min(max(np.floor(o * _PER_LOCATION), -_MOST_LOCATION), _MOST_LOCATION)
        o = np.floor(stacked[scale + p]) + of_scale + np.floor(output[_ROW + p])
        output[_ROW + p] = min(max(np.floor(o * _PER_SCALE), 0.0), _MOST_SCALE)


@compiled
def rows(t: int, height: int, width: int) -> tuple[int, int]:
    """Return the first row of a wavefront and the last + 1."""
    return max(0, (t - width + 2) // 2), min(height - 1, t // 2) + 1


@compiled
def blocks(weights: Weights) -> tuple[Float64Array, ...]:
    """Return zeros for the inputs of a block, its two sums, its hidden units and its outputs."""
    first, second, _, last = weights
    x, stacked = np.zeros(first.shape[1] * BLOCK), np.zeros(len(first) * BLOCK)
    hidden, residual = np.zeros(len(second) * BLOCK), np.zeros(len(second) * BLOCK)
    return x, stacked, hidden, residual, np.zeros(len(last) * BLOCK)

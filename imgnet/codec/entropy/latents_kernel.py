"""Kernel of the compiled decoder of latents: network, distributions and rANS.

It computes with the same integers in float64 as `context.py`, block by block of a wavefront, and
reads each block before the next. The compiler may reorder and fuse sums: by the bounds that
`test_context.py` proves, all of them are exact. There are no divisions of floats.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgnet.arrays import Float32Array, Float64Array, Int64Array
from imgnet.codec.entropy import context
from imgnet.codec.entropy.distributions import LOCATIONS, NUM_SCALES
from imgnet.compilation.blocks import BLOCK, ZERO, compiled, product
from imgnet.neighbourhood import CAUSAL, MARGIN, PARENT_MARGIN, PARENTS

Int16Array = NDArray[np.int16]
Int32Array = NDArray[np.int32]
Uint16Array = NDArray[np.uint16]
Weights = tuple[Float64Array, ...]  # first, second, bias of the second, last

_OWN = tuple((MARGIN + dy, MARGIN + dx) for dy, dx in CAUSAL)
_ABOVE = tuple((PARENT_MARGIN + dy, PARENT_MARGIN + dx) for dy, dx in PARENTS)
_NUM_OWN, _NUM_NEIGHBOURS = len(_OWN), len(_OWN) + len(_ABOVE)
_PER_LOCATION, _PER_SCALE = 1 / context.LOCATION_STEP, 1 / context.SCALE_STEP
_MOST_LOCATION = float(context.LARGEST_LATENT * LOCATIONS)
_MOST_SCALE = float(NUM_SCALES - 1)
_MOST_HIDDEN = float(context.LARGEST_HIDDEN)
_ROW, _STATE_BITS = np.uint64(BLOCK), np.uint64(16)
_SLOTS = np.uint64(0xFFFF)


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
def _limited(
    x: Float64Array, row: int, bias: float, out: Float64Array, to: int, count: int
) -> None:
    """Add a ReLU of a row of a block, rounded down, and a bias to a row of `out`."""
    at, at_out = np.uint64(row * BLOCK), np.uint64(to * BLOCK)
    for p in range(np.uint64(count)):
        out[at_out + p] += min(max(np.floor(x[at + p]) + bias, 0.0), _MOST_HIDDEN)


@compiled
def _network(
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
def _read(
    distributions: Float64Array,
    tables: Int32Array,
    begins: Int64Array,
    reaches: Int64Array,
    words: Uint16Array,
    escapes: Int64Array,
    cursor: Int64Array,
    latents: Int16Array,
    first: int,
    step: int,
    count: int,
) -> bool:
    """Set every `step`-th latent from `first` on to what follows in the stream, if anything does.

    The cursor holds the state, and the number of words and of escapes that were read, or -1 where
    an escape is missing.
    """
    state, word, escape = np.uint64(cursor[0]), cursor[1], cursor[2]
    for p in range(count):
        location, scale = np.int64(distributions[p]), np.int64(distributions[BLOCK + p])
        reach, begin = reaches[scale], begins[scale * LOCATIONS + location % LOCATIONS]
        slot = np.int64(state & _SLOTS)
        symbol = begin + reach  # the likeliest, or next to it
        while tables[symbol] > slot:
            symbol -= 1
        while tables[symbol + 1] <= slot:
            symbol += 1
        width, rest = tables[symbol + 1] - tables[symbol], slot - tables[symbol]
        state = np.uint64(width) * (state >> _STATE_BITS) + np.uint64(rest)
        if state <= _SLOTS:
            if word == words.size:
                return False
            state = (state << _STATE_BITS) | np.uint64(words[word])
            word += 1
        distance = symbol - begin - reach
        if distance <= reach + 1:
            latents[first + p * step] = distance + location // LOCATIONS
            continue
        if escape == escapes.size:
            cursor[2] = -1
            return False
        latents[first + p * step] = escapes[escape]
        escape += 1
    cursor[0], cursor[1], cursor[2] = np.int64(state), word, escape
    return True


@compiled
def _clear(grids: Int16Array, t: int, top: int, bottom: int) -> None:
    """Set the latents of some rows at wavefront t to 0."""
    for g in range(len(grids)):
        for y in range(top, bottom):
            grids[g, MARGIN + y, MARGIN + t - 2 * y] = 0


@compiled
def decode(
    grids: Int16Array,
    parents: Int16Array,
    features: Float32Array,
    weights: Weights,
    bias: Float64Array,
    tables: Int32Array,
    begins: Int64Array,
    reaches: Int64Array,
    words: Uint16Array,
    escapes: Int64Array,
    cursor: Int64Array,
    num_wavefronts: int,
) -> bool:
    """Decode wavefronts of all grids; return whether all of them are in the stream.

    The latents of those that are not stay 0.

    Args:
        grids: (G, height + MARGIN, width + 2 MARGIN) zeros, set to latents but for the margins.
        parents: (G, h + 2, w + 2) next coarser grids with zeros around them; empty for none.
        features: (G, K, h + 2, w + 2) coarse features likewise.
        weights: Padded weights of `LevelModel`, which give quotients before rounding.
        bias: (G, padded rows of the first weight).
        tables: Of all distributions.
        begins: Index of the first number of each table.
        reaches: By scale.
        words: Of the stream.
        escapes: Latents out of reach.
        cursor: State, words and escapes that were read; see `_read`.
        num_wavefronts: To decode, from the first on.
    """
    number, height = len(grids), grids.shape[1] - MARGIN
    stride, stride_above = grids.shape[2], parents.shape[2]
    width = stride - 2 * MARGIN
    first, second, _, last = weights
    x, stacked = np.zeros(first.shape[1] * BLOCK), np.zeros(len(first) * BLOCK)
    hidden, residual = np.zeros(len(second) * BLOCK), np.zeros(len(second) * BLOCK)
    output = np.zeros(len(last) * BLOCK)
    for t in range(num_wavefronts):
        top, bottom = max(0, (t - width + 2) // 2), min(height - 1, t // 2) + 1
        for g in range(number):
            flat, above = grids[g].ravel(), parents[g].ravel()
            for y in range(top, bottom, BLOCK):
                count = min(BLOCK, bottom - y)
                here = y * stride + t - 2 * y
                for i, (dy, dx) in enumerate(_OWN):
                    _gather(flat, here + dy * stride + dx, stride - 2, i, x, count)
                if above.size:
                    for i, (dy, dx) in enumerate(_ABOVE):
                        at = dy * stride_above + dx + (t >> 1)
                        _gather_above(above, at, stride_above, y, _NUM_OWN + i, x, count)
                    at = PARENT_MARGIN * (stride_above + 1) + (t >> 1)
                    for k in range(features.shape[1]):
                        plane = features[g, k].ravel()
                        _gather_above(plane, at, stride_above, y, _NUM_NEIGHBOURS + k, x, count)
                _network(weights, bias[g], x, stacked, hidden, residual, output, count)
                if not _read(
                    output,
                    tables,
                    begins,
                    reaches,
                    words,
                    escapes,
                    cursor,
                    flat,
                    here + MARGIN * (stride + 1),
                    stride - 2,
                    count,
                ):
                    _clear(grids, t, top, bottom)
                    return False
    return True

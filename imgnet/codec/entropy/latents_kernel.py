"""Kernels of the compiled coder of latents: distributions to slots, rANS and back.

The decoder reads each block of a wavefront before the next; the encoder knows all latents, so that
it may begin at any wavefront.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imgnet.arrays import Float32Array, Float64Array, Int64Array
from imgnet.codec.entropy.context_kernel import Int16Array, Weights, blocks, inputs, network, rows
from imgnet.codec.entropy.distributions import LOCATIONS
from imgnet.compilation.blocks import BLOCK, compiled
from imgnet.neighbourhood import MARGIN

Int32Array = NDArray[np.int32]
Uint16Array = NDArray[np.uint16]

_STATE_BITS = np.uint64(16)
_SLOTS = np.uint64(0xFFFF)


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
    number, height, stride = len(grids), grids.shape[1] - MARGIN, grids.shape[2]
    width, strides = stride - 2 * MARGIN, (stride, parents.shape[2])
    x, stacked, hidden, residual, output = blocks(weights)
    for t in range(num_wavefronts):
        top, bottom = rows(t, height, width)
        for g in range(number):
            flat, above = grids[g].ravel(), parents[g].ravel()
            for y in range(top, bottom, BLOCK):
                count = min(BLOCK, bottom - y)
                first = inputs(flat, above, features[g], strides, t, y, x, count)
                network(weights, bias[g], x, stacked, hidden, residual, output, count)
                if not _read(
                    output,
                    tables,
                    begins,
                    reaches,
                    words,
                    escapes,
                    cursor,
                    flat,
                    first,
                    stride - 2,
                    count,
                ):
                    _clear(grids, t, top, bottom)
                    return False
    return True


@compiled
def _write(
    distributions: Float64Array,
    tables: Int32Array,
    begins: Int64Array,
    reaches: Int64Array,
    latents: Int16Array,
    first: int,
    step: int,
    symbols: Int32Array,
    escapes: Int16Array,
    ends: tuple[int, int],
    count: int,
) -> tuple[int, int]:
    """Append every `step`-th latent from `first` on to symbols and escapes; return their new ends.

    A symbol is its first slot and the number of its slots.
    """
    end, num_escapes = ends
    for p in range(count):
        location, scale = np.int64(distributions[p]), np.int64(distributions[BLOCK + p])
        reach, begin = reaches[scale], begins[scale * LOCATIONS + location % LOCATIONS]
        latent = latents[first + p * step]
        distance = latent - location // LOCATIONS
        if distance < -reach or distance > reach + 1:
            distance = reach + 2
            escapes[num_escapes] = latent
            num_escapes += 1
        at = begin + reach + distance
        symbols[end, 0], symbols[end, 1] = tables[at], tables[at + 1] - tables[at]
        end += 1
    return end, num_escapes


@compiled
def symbols_of(
    grids: Int16Array,
    parents: Int16Array,
    features: Float32Array,
    weights: Weights,
    bias: Float64Array,
    tables: Int32Array,
    begins: Int64Array,
    reaches: Int64Array,
    wavefronts: tuple[int, int],
    symbols: Int32Array,
    escapes: Int16Array,
) -> tuple[int, int]:
    """Set the symbols and the escapes of some wavefronts of all grids, as `decode` reads them.

    Args:
        grids: (G, height + MARGIN, width + 2 MARGIN) latents, with zeros around them.
        parents: See `decode`, as for the next six.
        features: See `decode`.
        weights: See `decode`.
        bias: See `decode`.
        tables: See `decode`.
        begins: See `decode`.
        reaches: See `decode`.
        wavefronts: The first, and the last + 1.
        symbols: (N, 2), set to the first slot and the number of slots of each latent.
        escapes: (N,), set to the latents out of reach.

    Returns:
        Number of symbols and of escapes.
    """
    height, stride = grids.shape[1] - MARGIN, grids.shape[2]
    width, strides = stride - 2 * MARGIN, (stride, parents.shape[2])
    x, stacked, hidden, residual, output = blocks(weights)
    ends = (0, 0)
    for t in range(wavefronts[0], wavefronts[1]):
        top, bottom = rows(t, height, width)
        for g in range(len(grids)):
            flat, above = grids[g].ravel(), parents[g].ravel()
            for y in range(top, bottom, BLOCK):
                count = min(BLOCK, bottom - y)
                first = inputs(flat, above, features[g], strides, t, y, x, count)
                network(weights, bias[g], x, stacked, hidden, residual, output, count)
                ends = _write(
                    output,
                    tables,
                    begins,
                    reaches,
                    flat,
                    first,
                    stride - 2,
                    symbols,
                    escapes,
                    ends,
                    count,
                )
    return ends


@compiled
def push(symbols: Int32Array, least_state: int, words: Uint16Array) -> tuple[int, int]:
    """Write symbols (N, 2) to rANS, the last first; see `rans.encode`.

    Args:
        symbols: First slot and number of slots of each.
        least_state: First state of the coder.
        words: Set from the end on, as the decoder reads them.

    Returns:
        Final state, and index of the first word that was set.
    """
    state, place = np.uint64(least_state), len(words)
    for i in range(len(symbols) - 1, -1, -1):
        start, frequency = np.uint64(symbols[i, 0]), np.uint64(symbols[i, 1])
        if state >= frequency << _STATE_BITS:
            place -= 1
            words[place] = np.uint16(state & _SLOTS)
            state = state >> _STATE_BITS
        quotient = state // frequency
        state = (quotient << _STATE_BITS) + start + (state - quotient * frequency)
    return int(state), place

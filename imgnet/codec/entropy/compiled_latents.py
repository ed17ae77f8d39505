"""Coder of latents in code that Numba compiles, about ten times as fast as NumPy."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgnet.arrays import Float64Array
from imgnet.codec.entropy.context import EXCESS_BITS, Features, LevelModel
from imgnet.codec.entropy.context_kernel import Weights
from imgnet.codec.entropy.distributions import laplace_tables
from imgnet.codec.entropy.fixed_point import WEIGHT_BITS
from imgnet.codec.entropy.latents import DAMAGED, REACHES, Latents, Symbols
from imgnet.codec.entropy.latents_kernel import decode, push, symbols_of
from imgnet.codec.entropy.rans import LEAST_STATE, Decoder, check_end, state_bytes
from imgnet.codec.entropy.wavefront import num_wavefronts
from imgnet.compilation.blocks import round_up
from imgnet.errors import FormatError
from imgnet.neighbourhood import MARGIN, PARENT_MARGIN

PART = 256  # wavefronts of a task of the encoder


class CompiledLatentEncoder:
    """Encoder that gives the same streams as `PlainLatentEncoder`."""

    def level(
        self,
        model: LevelModel,
        grids: Latents,
        parents: Latents | None,
        features: Features | None,
    ) -> tuple[Symbols, list[int]]:
        """See `LatentEncoder.level`."""
        number, height, width = grids.shape
        around = ((0, 0), (MARGIN, 0), (MARGIN, MARGIN))
        padded = np.pad(grids.astype(np.int16), around)
        neighbours = padded, *_above(number, parents, features)
        weights, bias = _padded(model)
        tables = (*laplace_tables(), REACHES)

        def part(wavefronts: range) -> tuple[Symbols, list[int]]:
            most = number * height * len(wavefronts)
            symbols, escapes = np.empty((most, 2), np.int32), np.empty(most, np.int16)
            place = wavefronts.start, wavefronts.stop
            ends = symbols_of(*neighbours, weights, bias, *tables, place, symbols, escapes)
            return symbols[: ends[0]].copy(), escapes[: ends[1]].tolist()

        every = range(num_wavefronts((height, width)))
        with ThreadPoolExecutor() as workers:
            parts = workers.map(part, (every[i : i + PART] for i in every[::PART]))
            symbols, escapes = zip(*parts, strict=True)
        return np.concatenate(symbols), list(chain.from_iterable(escapes))

    def stream(self, symbols: Symbols) -> bytes:
        """See `LatentEncoder.stream`."""
        words = np.empty(len(symbols), np.uint16)  # a symbol writes one at most
        state, first = push(symbols, LEAST_STATE, words)
        return state_bytes(state) + words[first:].astype("<u2").tobytes()


class CompiledLatentDecoder:
    """Decoder that gives the same latents as `PlainLatentDecoder`.

    Args:
        decoder: Decoder of the stream, behind the escapes.
        escapes: Values of the latents that their distributions do not reach.
    """

    def __init__(self, decoder: Decoder, escapes: Iterable[int]) -> None:
        state, words = decoder.rest()
        self._words = words.astype(np.uint16)  # as this machine orders bytes
        self._escapes = np.array(list(escapes), np.int64)
        self._cursor = np.array([state, 0, 0], np.int64)

    def level(
        self,
        model: LevelModel,
        size: tuple[int, int],
        parents: Latents | None,
        features: Features | None,
        count: int | None,
    ) -> tuple[Latents, bool]:
        """See `LatentDecoder.level`."""
        (height, width), number = size, model.bias.shape[1]
        grids = np.zeros((number, height + MARGIN, width + 2 * MARGIN), np.int16)
        weights, bias = _padded(model)
        tables, begins = laplace_tables()
        whole = decode(
            grids,
            *_above(number, parents, features),
            weights,
            bias,
            tables,
            begins,
            REACHES,
            self._words,
            self._escapes,
            self._cursor,
            num_wavefronts(size) if count is None else count,
        )
        if self._cursor[2] < 0:
            raise FormatError(DAMAGED)
        return grids[:, MARGIN:, MARGIN : MARGIN + width], whole

    def finish(self) -> None:
        """See `LatentDecoder.finish`."""
        state, words, escapes = self._cursor.tolist()
        check_end(state, self._words[words:])
        if escapes != len(self._escapes):
            raise FormatError(DAMAGED)


def _above(
    number: int, parents: Latents | None, features: Features | None
) -> tuple[NDArray[np.int16], NDArray[np.float32]]:
    """Return parents and coarse features with zeros around them; empty ones for None."""
    return (
        _with_margin(parents, (number, 0, 0), np.int16),
        _with_margin(features, (number, 0, 0, 0), np.float32),
    )


def _with_margin(planes: NDArray[Any] | None, empty: tuple[int, ...], dtype: Any) -> NDArray[Any]:
    """Return planes (..., h, w) with zeros around them; without any, an array of a shape."""
    if planes is None:
        return np.zeros(empty, dtype)
    margin = (PARENT_MARGIN, PARENT_MARGIN)
    around = [(0, 0)] * (planes.ndim - 2) + [margin, margin]
    return np.ascontiguousarray(np.pad(planes.astype(dtype, copy=False), around))


def _padded(model: LevelModel) -> tuple[Weights, Float64Array]:
    """Return weights and biases (G, rows) padded with zeros, as `product` wants them.

    The rows of the first layer are the hidden units and then, in four rows, location and scale. The
    weights are divided by what their products are divided by, which is exact.
    """
    dim, num_inputs = len(model.second), model.first.shape[1]
    padded = round_up(dim)
    rows = [*range(dim), padded, padded + 1]
    first = np.zeros((padded + 4, round_up(num_inputs)))
    first[rows, :num_inputs] = model.first * 2.0**-EXCESS_BITS
    bias = np.zeros((model.bias.shape[1], padded + 4))
    bias[:, rows] = model.bias.T
    second, last = np.zeros((padded, padded)), np.zeros((4, padded))
    second[:dim, :dim] = model.second * 2.0**-WEIGHT_BITS
    last[:2, :dim] = model.last * 2.0**-WEIGHT_BITS
    second_bias = np.zeros(padded)
    second_bias[:dim] = model.second_bias
    return (first, second, second_bias, last), bias

"""Decoder of latents in code that Numba compiles, about ten times as fast as NumPy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgnet.arrays import Float64Array
from imgnet.codec.entropy.context import EXCESS_BITS, Features, LevelModel
from imgnet.codec.entropy.distributions import laplace_tables
from imgnet.codec.entropy.fixed_point import WEIGHT_BITS
from imgnet.codec.entropy.latents import DAMAGED, REACHES, Latents
from imgnet.codec.entropy.latents_kernel import Weights, decode
from imgnet.codec.entropy.rans import Decoder, check_end
from imgnet.codec.entropy.wavefront import num_wavefronts
from imgnet.compilation.blocks import round_up
from imgnet.errors import FormatError
from imgnet.neighbourhood import MARGIN, PARENT_MARGIN


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
            _with_margin(parents, (number, 0, 0), np.int16),
            _with_margin(features, (number, 0, 0, 0), np.float32),
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

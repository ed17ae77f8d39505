"""Bring a picture of `grid` that came out too large below its size."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from imgnet.codestream import Quantized
from imgnet.gridstream import grid_laws, latent_bits
from imgnet.spec import Spec, latents_name

FIRST_PART = 64  # of the moves, as many are tried at first; then twice as many, and so on
PRECISION = 16  # part of the moves that are made, by which they may be too many

Tensors = dict[str, Quantized]
Indices = NDArray[np.integer]


def trim(
    spec: Spec, quantized: Mapping[str, Quantized], num_bytes: Callable[[Tensors], int], most: int
) -> Tensors:
    """Move latents a step towards zero, those that save most for their error first, until it fits.

    Args:
        spec: Shape of the network.
        quantized: All its tensors.
        num_bytes: Returns the size of a file.
        most: Size not to exceed.

    Returns:
        All tensors, without any latents where even that is too large.
    """
    tensors, names = dict(quantized), [latents_name(*grid) for grid in spec.grids()]
    while num_bytes(tensors) > most:
        order = _moves(spec, tensors)
        if not len(order):
            nothing = {name: np.zeros_like(tensors[name].values) for name in names}
            return _with_values(tensors, nothing)
        move = partial(_moved, tensors, names, order)
        tensors = _moved_enough(move, len(order), lambda tried: num_bytes(tried) <= most)
    return tensors


def _moves(spec: Spec, tensors: Tensors) -> Indices:
    """Return which latents, counted through all grids, to move a step towards zero: best first.

    A step of level k is 2**(k / 2) times as fine as one of level 0, and seen in 4**k pixels.
    """
    laws = grid_laws(spec, tensors)
    saved = []
    for (_, level), (name, law) in zip(spec.grids(), laws.items(), strict=True):
        values = tensors[name].values.ravel()
        bits = latent_bits(values, law) - latent_bits(values - np.sign(values), law)
        saved.append(bits * 2.0**-level)
    scores = np.concatenate(saved)
    order = np.argsort(-scores, kind="stable")
    return order[: np.count_nonzero(scores > 0)]


def _moved_enough(
    move: Callable[[int], Tensors], available: int, fits: Callable[[Tensors], bool]
) -> Tensors:
    """Make about as few moves as it takes to fit, or all where that is not enough."""
    too_few, enough = 0, max(1, available // FIRST_PART)
    while not fits(moved := move(enough)):
        if enough >= available:
            return moved
        too_few, enough = enough, 2 * enough
    while enough - too_few > max(1, enough // PRECISION):
        middle = (too_few + enough) // 2
        tried = move(middle)
        if fits(tried):
            enough, moved = middle, tried
        else:
            too_few = middle
    return moved


def _moved(tensors: Tensors, names: list[str], order: Indices, number: int) -> Tensors:
    sizes = [tensors[name].values.size for name in names]
    is_moved = np.zeros(sum(sizes), bool)
    is_moved[order[:number]] = True
    values = {}
    for name, part in zip(names, np.split(is_moved, np.cumsum(sizes)[:-1]), strict=True):
        before = tensors[name].values
        values[name] = before - np.sign(before) * part.reshape(before.shape)
    return _with_values(tensors, values)


def _with_values(tensors: Tensors, values: Mapping[str, NDArray[np.int32]]) -> Tensors:
    return tensors | {name: replace(tensors[name], values=v) for name, v in values.items()}

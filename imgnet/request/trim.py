"""Bring a picture of `grid` that came out too large, or too good, to what was asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from imgnet.codec.format.grid_stream import distributions_of_grids, latent_bits
from imgnet.codec.format.quantized import Q_STEPS_PER_OCTAVE, Quantized, q_index_of
from imgnet.spec import Spec, latents_name, network_shapes

FIRST_PART = 64  # of the changes, as many are tried at first; then twice as many, and so on
PRECISION = 16  # part of the changes that are made, by which they may be too many

_COARSEST = q_index_of(1.0)  # q_step of the network

Tensors = dict[str, Quantized]
Order = NDArray[np.integer]  # of latents, counted through all grids
Floats = NDArray[np.float64]


def trim(
    spec: Spec, quantized: Mapping[str, Quantized], fits: Callable[[Tensors], bool]
) -> Tensors:
    """Move latents a step towards zero, those first that save most for their error, until it fits.

    Where no such move saves anything, as with a network that has learned nothing, latents become
    zero, of the finest level first and there the dearest; where even that is too little, the same
    is done with a network in steps twice as large.

    Args:
        spec: Shape of the network.
        quantized: All its tensors.
        fits: Tells whether tensors are as they were to be; the more changes, the rather they are.

    Returns:
        All tensors, without any latents and with whole weights where even that does not fit.
    """
    tensors = whole = dict(quantized)
    while not fits(tensors):
        order = _moves(spec, tensors)
        if order.size:
            change = partial(_changed, spec, tensors, _nearer_zero, order)
            tensors = _enough(change, order.size, fits)
            continue
        order = _dearest(spec, tensors)
        tensors = _enough(partial(_changed, spec, tensors, np.zeros_like, order), order.size, fits)
        if fits(tensors) or _is_roughest(spec, whole):
            break
        tensors = whole = _rougher(spec, whole)
    return tensors


def _moves(spec: Spec, tensors: Tensors) -> Order:
    """Return which latents to move a step towards zero, best first.

    A step of level k is 2**(k / 2) times as fine as one of level 0, and seen in 4**k pixels.
    """
    bits, levels = _bits(spec, tensors, lambda values: values)
    gains = (bits - _bits(spec, tensors, _nearer_zero)[0]) * 2.0**-levels
    return np.argsort(-gains, kind="stable")[: np.count_nonzero(gains > 0)]


def _dearest(spec: Spec, tensors: Tensors) -> Order:
    bits, levels = _bits(spec, tensors, lambda values: values)
    return np.lexsort((-bits, levels))


def _bits(spec: Spec, tensors: Tensors, changed: Callable[[Order], Order]) -> tuple[Floats, Floats]:
    """Return bits and level of each latent (N,), were it changed and its distribution the same."""
    bits, levels = [], []
    for (_, level), (name, distributions) in zip(
        spec.grids(), distributions_of_grids(spec, tensors).items(), strict=True
    ):
        values = changed(tensors[name].values.ravel())
        bits.append(latent_bits(values, distributions))
        levels.append(np.full(values.size, float(level)))
    return np.concatenate(bits), np.concatenate(levels)


def _nearer_zero(values: Order) -> Order:
    return values - np.sign(values)


def _enough(
    change: Callable[[int], Tensors], available: int, fits: Callable[[Tensors], bool]
) -> Tensors:
    """Make about as few changes as it takes to fit, or all where that is not enough."""
    too_few, enough = 0, max(1, available // FIRST_PART)
    while not fits(changed := change(enough)):
        if enough >= available:
            return changed
        too_few, enough = enough, 2 * enough
    while enough - too_few > max(1, enough // PRECISION):
        middle = (too_few + enough) // 2
        tried = change(middle)
        if fits(tried):
            enough, changed = middle, tried
        else:
            too_few = middle
    return changed


def _changed(
    spec: Spec, tensors: Tensors, change: Callable[[Order], Order], order: Order, number: int
) -> Tensors:
    """Change the first latents of an order."""
    names = [latents_name(*grid) for grid in spec.grids()]
    sizes = [tensors[name].values.size for name in names]
    is_changed = np.zeros(sum(sizes), bool)
    is_changed[order[:number]] = True
    changed = dict(tensors)
    for name, part in zip(names, np.split(is_changed, np.cumsum(sizes)[:-1]), strict=True):
        before = tensors[name].values
        values = np.where(part.reshape(before.shape), change(before), before)
        changed[name] = replace(tensors[name], values=values)
    return changed


def _is_roughest(spec: Spec, tensors: Tensors) -> bool:
    return all(tensors[name].q_index == _COARSEST for name in network_shapes(spec))


def _rougher(spec: Spec, tensors: Tensors) -> Tensors:
    """Return all tensors with the network's in steps twice as large, but at most 1."""
    halved = {
        name: replace(
            tensors[name],
            values=np.rint(tensors[name].values / 2).astype(np.int32),
            q_index=tensors[name].q_index + Q_STEPS_PER_OCTAVE,
        )
        for name in network_shapes(spec)
        if tensors[name].q_index != _COARSEST
    }
    return tensors | halved

"""Trimming of a fitted `grid` that is too large, or too good, for its target."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from imgnet.codec.format.grid_stream import distributions_of_grids, latent_bits, pack
from imgnet.codec.format.quantized import Q_STEPS_PER_OCTAVE, Quantized, q_index_of
from imgnet.codec.render.grid import render
from imgnet.image.picture import Samples
from imgnet.metrics.psnr import psnr_db
from imgnet.request.target import Target
from imgnet.spec import Spec, latents_name, network_shapes

FIRST_PART = 64  # the first try makes 1 / 64 of the changes, each further one twice as many
PRECISION = 16  # the number of changes is at most 1 / 16 too large

_COARSEST = q_index_of(1.0)  # q_step of the network

Tensors = dict[str, Quantized]
Order = NDArray[np.integer]  # of latents, counted through all grids
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Candidate:
    """A fitted `grid` beside its image, measured when it is asked to be.

    Attributes:
        spec: Shape of the network.
        tensors: All its tensors.
        pixels: (H, W, C) colours of the image.
        mask: (H, W) or (H, W, C) True where they count; None for everywhere.
    """

    spec: Spec
    tensors: Tensors
    pixels: Samples
    mask: NDArray[np.bool_] | None

    @cached_property
    def num_bytes(self) -> int:
        """Size of the coded stream."""
        return len(pack(self.spec, self.tensors, 0))

    @cached_property
    def psnr_db(self) -> float:
        """PSNR of the decoded image over the pixels that count."""
        stored = {name: tensor.dequantize() for name, tensor in self.tensors.items()}
        x_hat = render(self.spec, stored, depth=8 * self.pixels.itemsize)
        return psnr_db(self.pixels, x_hat, self.mask)


def trimmed(candidate: Candidate, target: Target) -> Tensors:
    """Return the tensors of a candidate, trimmed if it is too large or too good."""

    def suits(tensors: Tensors) -> bool:
        return not target.needs_trimming(replace(candidate, tensors=tensors))

    if not target.needs_trimming(candidate):
        return candidate.tensors
    return trim(candidate.spec, candidate.tensors, suits)


def trim(
    spec: Spec, quantized: Mapping[str, Quantized], suits: Callable[[Tensors], bool]
) -> Tensors:
    """Move latents a step towards zero until the tensors suit, in order of bits saved by error.

    Where no such move saves bits, as in a network that has learned nothing, latents become zero:
    those of the finest level first, and of a level the most expensive first. Where even that is too
    little, the network is rounded to steps twice as large, and all of it is repeated.

    Args:
        spec: Shape of the network.
        quantized: All its tensors.
        suits: Whether tensors need no more changes; True for all that have more than those.

    Returns:
        All tensors, without latents and with integers as weights where even that does not suit.
    """
    tensors = whole = dict(quantized)
    while not suits(tensors):
        order = _moves(spec, tensors)
        if order.size:
            change = partial(_changed, spec, tensors, _nearer_zero, order)
            tensors = _enough(change, order.size, suits)
            continue
        order = _dearest(spec, tensors)
        tensors = _enough(partial(_changed, spec, tensors, np.zeros_like, order), order.size, suits)
        if suits(tensors) or _is_roughest(spec, whole):
            break
        tensors = whole = _rougher(spec, whole)
    return tensors


def _moves(spec: Spec, tensors: Tensors) -> Order:
    """Return the order in which latents move a step towards zero, best first.

    A step of level k is 2**(k / 2) times as fine as one of level 0, and seen in 4**k pixels.
    """
    bits, levels = _bits(spec, tensors, lambda values: values)
    gains = (bits - _bits(spec, tensors, _nearer_zero)[0]) * 2.0**-levels
    return np.argsort(-gains, kind="stable")[: np.count_nonzero(gains > 0)]


def _dearest(spec: Spec, tensors: Tensors) -> Order:
    bits, levels = _bits(spec, tensors, lambda values: values)
    return np.lexsort((-bits, levels))


def _bits(spec: Spec, tensors: Tensors, changed: Callable[[Order], Order]) -> tuple[Floats, Floats]:
    """Return bits and level of each latent (N,) after a change, under its present distribution."""
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
    change: Callable[[int], Tensors], available: int, suits: Callable[[Tensors], bool]
) -> Tensors:
    """Make about as few changes as it takes to suit, or all where that is not enough."""
    too_few, enough = 0, max(1, available // FIRST_PART)
    while not suits(changed := change(enough)):
        if enough >= available:
            return changed
        too_few, enough = enough, 2 * enough
    while enough - too_few > max(1, enough // PRECISION):
        middle = (too_few + enough) // 2
        tried = change(middle)
        if suits(tried):
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

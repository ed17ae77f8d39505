"""Trimming of a fitted `grid` that is too large, or too good, for its target."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from imgnet.arrays import BoolArray, Float64Array
from imgnet.codec.format.grid_stream import distributions_of_grids, latent_bits, pack
from imgnet.codec.format.quantized import Q_STEPS_PER_OCTAVE, Quantized, q_index_of
from imgnet.codec.render.grid import render
from imgnet.image.picture import Samples
from imgnet.metrics.psnr import psnr_db
from imgnet.request.target import Target
from imgnet.spec import Spec, latents_name, network_shapes

FIRST_PART = 64  # the first try makes 1 / 64 of the changes; each further one makes twice as many
PRECISION = 64  # the number of changes is at most 1 / 64 too large

_COARSEST = q_index_of(1.0)  # largest q_step of the network's weights

Tensors = dict[str, Quantized]
Order = NDArray[np.integer]  # indices of latents, numbered through all grids
Integers = NDArray[np.integer]


@dataclass(frozen=True)
class Candidate:
    """A fitted `grid` and its image; size and PSNR are measured on first use.

    Attributes:
        spec: Shape of the network.
        tensors: All tensors of the network.
        pixels: (H, W, C) colours of the image.
        mask: (H, W) or (H, W, C), True for the samples that are measured; None for all.
        extra_bytes: Bytes of its header beyond those that a target already leaves out.
    """

    spec: Spec
    tensors: Tensors
    pixels: Samples
    mask: BoolArray | None
    extra_bytes: int = 0

    @cached_property
    def num_bytes(self) -> int:
        """Size of the coded stream and of the extra bytes."""
        return len(pack(self.spec, self.tensors, 0)) + self.extra_bytes

    @cached_property
    def psnr_db(self) -> float:
        """PSNR of the decoded image over the samples in the mask, in dB."""
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
    """Move latents by one towards zero until the tensors suit.

    The moves that save most bits for their squared error come first. Where no such move saves bits,
    as in a network that has learned nothing, latents become zero: those of the finest level first,
    and within a level the most expensive first. Where that is not enough, the weights of the
    network are rounded to q_steps twice as large, and all is repeated.

    Args:
        spec: Shape of the network.
        quantized: All tensors of the network.
        suits: Returns whether tensors need no more changes; once True, it is True after any more.

    Returns:
        All tensors; where none suit, the latents are zero and the weights have a q_step of 1.
    """
    tensors = whole = dict(quantized)
    while not suits(tensors):
        order = _moves(spec, tensors)
        if order.size:
            change = partial(_changed, spec, tensors, _nearer_zero, order)
            tensors = _enough(change, order.size, suits)
            continue
        order = _most_expensive(spec, tensors)
        tensors = _enough(partial(_changed, spec, tensors, np.zeros_like, order), order.size, suits)
        if suits(tensors) or _is_coarsest(spec, whole):
            break
        tensors = whole = _coarser(spec, whole)
    return tensors


def _moves(spec: Spec, tensors: Tensors) -> Order:
    """Return the order in which latents move by one towards zero, best first.

    The q_step of level k is that of level 0 over 2**(k / 2); a latent there affects 4**k pixels.
    """
    bits, levels = _bits(spec, tensors, lambda values: values)
    gains = (bits - _bits(spec, tensors, _nearer_zero)[0]) * 2.0**-levels
    return np.argsort(-gains, kind="stable")[: np.count_nonzero(gains > 0)]


def _most_expensive(spec: Spec, tensors: Tensors) -> Order:
    """Return the order of latents by level, finest first, and then by bits, most first."""
    bits, levels = _bits(spec, tensors, lambda values: values)
    return np.lexsort((-bits, levels))


def _bits(
    spec: Spec, tensors: Tensors, changed: Callable[[Integers], Integers]
) -> tuple[Float64Array, Float64Array]:
    """Return bits and level of each latent (N,) after a change, under its present distribution."""
    bits, levels = [], []
    for (_, level), (name, distributions) in zip(
        spec.grids(), distributions_of_grids(spec, tensors).items(), strict=True
    ):
        values = changed(tensors[name].values.ravel())
        bits.append(latent_bits(values, distributions))
        levels.append(np.full(values.size, float(level)))
    return np.concatenate(bits), np.concatenate(levels)


def _nearer_zero(values: Integers) -> Integers:
    return values - np.sign(values)


def _enough(
    change: Callable[[int], Tensors], available: int, suits: Callable[[Tensors], bool]
) -> Tensors:
    """Make about as few changes as suit, or all of them where fewer do not."""
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
    spec: Spec, tensors: Tensors, change: Callable[[Integers], Integers], order: Order, number: int
) -> Tensors:
    """Return all tensors with a number of latents changed, the first of an order."""
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


def _is_coarsest(spec: Spec, tensors: Tensors) -> bool:
    return all(tensors[name].q_index == _COARSEST for name in network_shapes(spec))


def _coarser(spec: Spec, tensors: Tensors) -> Tensors:
    """Return all tensors; those of the network have q_steps twice as large, but at most 1."""
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

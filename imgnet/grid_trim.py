"""Bring a picture of `grid` that came out too large below its size."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from imgnet.codestream import Quantized
from imgnet.gridstream import grid_laws, latent_bits
from imgnet.spec import Spec

Tensors = dict[str, Quantized]


def trim(
    spec: Spec, quantized: Mapping[str, Quantized], num_bytes: Callable[[Tensors], int], most: int
) -> Tensors | None:
    """Set latents to zero, of the finest level first and there the dearest, until the file fits.

    Args:
        spec: Shape of the network.
        quantized: All its tensors.
        num_bytes: Returns the size of a file.
        most: Size not to exceed.

    Returns:
        All tensors; None where even a picture without latents is too large.
    """
    laws = grid_laws(spec, quantized)
    values = [quantized[name].values.ravel() for name in laws]
    bits = [latent_bits(v, law) for v, law in zip(values, laws.values(), strict=True)]
    levels = np.repeat([level for _, level in spec.grids()], [v.size for v in values])
    candidates = np.flatnonzero(np.concatenate(values))
    order = candidates[np.lexsort((-np.concatenate(bits)[candidates], levels[candidates]))]
    none, some = 0, len(order)
    if num_bytes(tensors := _without(quantized, list(laws), order[:some])) > most:
        return None
    while some - none > max(1, some // 64):
        middle = (none + some) // 2
        tried = _without(quantized, list(laws), order[:middle])
        if num_bytes(tried) <= most:
            some, tensors = middle, tried
        else:
            none = middle
    return tensors


def _without(
    quantized: Mapping[str, Quantized], names: list[str], dropped: NDArray[np.integer]
) -> Tensors:
    """Return all tensors with some latents, counted through all grids, set to zero."""
    tensors = dict(quantized)
    sizes = [quantized[name].values.size for name in names]
    keep = np.ones(sum(sizes), bool)
    keep[dropped] = False
    for name, part in zip(names, np.split(keep, np.cumsum(sizes)[:-1]), strict=True):
        values = quantized[name].values
        tensors[name] = replace(quantized[name], values=values * part.reshape(values.shape))
    return tensors

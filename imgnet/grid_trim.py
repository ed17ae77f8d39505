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
    """Set as few latents as possible to zero, the dearest first, until the file fits.

    Args:
        spec: Shape of the network.
        quantized: All its tensors.
        num_bytes: Returns the size of a file.
        most: Size not to exceed.

    Returns:
        All tensors; None where even a picture without latents is too large.
    """
    laws = grid_laws(spec, quantized)
    costs = np.concatenate(
        [latent_bits(quantized[name].values.ravel(), laws[name]) for name in laws]
    )
    costs[np.concatenate([quantized[name].values.ravel() == 0 for name in laws])] = 0
    order = np.argsort(-costs, kind="stable")
    none, some = 0, int(np.count_nonzero(costs))
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

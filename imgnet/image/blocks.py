"""Sums over blocks of 2x2 samples."""

from __future__ import annotations

from typing import Literal, TypeVar

import numpy as np

from imgnet.arrays import Float32Array, Float64Array

Floats = TypeVar("Floats", Float32Array, Float64Array)


def block_sums(samples: Floats, padding: Literal["constant", "edge"]) -> Floats:
    """Add up the samples of each block of 2x2.

    Args:
        samples: (H, W, ...); an odd side is padded by one row or column.
        padding: "constant" pads with zeros, "edge" repeats the last row or column.

    Returns:
        (ceil(H / 2), ceil(W / 2), ...).

    >>> block_sums(np.array([[1.0, 3.0, 5.0]]), "edge").tolist()
    [[8.0, 20.0]]
    """
    height, width = samples.shape[:2]
    missing = [(0, height % 2), (0, width % 2), *[(0, 0)] * (samples.ndim - 2)]
    even = np.pad(samples, missing, mode=padding)
    return np.asarray(even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2])

"""Integers in float64: linear algebra that gives the same result on every machine.

A weight is held in units of 2**-15 and an activation in units of 2**-12, both as integers. As long
as no partial sum of a product reaches 2**53, float64 adds without rounding, in any order, so that
any BLAS may be used. Products are brought back to 2**-12 by `floor`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from imgnet.spec import is_bias

Array = NDArray[np.float64]

FRACTION_BITS = 12  # of an activation
WEIGHT_BITS = 15
LARGEST_WEIGHT = 1 << 20  # in units of 2**-15

# Multiplications at a time, so few that no BLAS starts threads of its own: where other programs
# run, these wait for each other many times as long as they compute.
_PART = 1 << 18


def from_real(parameters: Mapping[str, NDArray[np.float32]]) -> dict[str, Array]:
    """Return parameters in fixed point; biases, which meet activations, in units of 2**-12.

    >>> from_real({"a.weight": np.float32([[1.5]]), "a.bias": np.float32([1.5])})["a.bias"].tolist()
    [6144.0]
    """
    fixed = {}
    for name, values in parameters.items():
        bits = FRACTION_BITS if is_bias(name) else WEIGHT_BITS
        whole = np.rint(values.astype(np.float64) * (1 << bits))
        fixed[name] = clamp(whole, -LARGEST_WEIGHT, LARGEST_WEIGHT)
    return fixed


def multiply(
    weights: Array, x: Array, bias: Array | None = None, excess_bits: int = WEIGHT_BITS
) -> Array:
    """Return floor(weights @ x / 2**excess_bits) + bias; x is (C, N)."""
    scaled = weights * 2.0**-excess_bits  # there are far fewer weights than results
    product = np.empty((len(weights), x.shape[1]))
    part = max(1, _PART // weights.size)
    for start in range(0, x.shape[1], part):
        columns = slice(start, start + part)
        np.matmul(scaled, x[:, columns], out=product[:, columns])
    np.floor(product, out=product)
    if bias is not None:
        product += bias
    return product


def clamp(x: Array, low: float | Array, high: float | Array) -> Array:
    """Limit an array in place and return it."""
    return x.clip(low, high, out=x)  # one pass, and a cheaper call than `np.clip`

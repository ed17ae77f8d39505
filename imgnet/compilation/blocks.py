"""Compiled primitives on blocks of samples: products with small matrices, ReLU, exp2, log2.

A fit of `grid` on a CPU spends most of its time on these. Samples are split into blocks of BLOCK:
all activations of a block stay in the cache. A block of R rows is a flat float32 array of
R * BLOCK numbers, row by row, with R a multiple of 4: products take 4x4 weights at a time, so that
the compiler keeps them in registers. Matrices are padded with zeros to fit.

Offsets are unsigned. For signed ones, Numba checks at every access whether they count from the end,
which prevents vectorisation.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext, suppress
from typing import Any

import numba
import numpy as np

from imgnet.arrays import Float32Array
from imgnet.compilation.cache import temporary_cache

BLOCK = 128
# The number 0 as an argument: a literal is a type of its own, for which Numba compiles once more.
ZERO = np.int64(0)
_ONE, _TWO, _THREE = (np.uint64(rows * BLOCK) for rows in (1, 2, 3))
_ZERO = np.float32(0)
# All of fast-math but the assumption that no number is infinite or NaN: a fit checks for these.
_FREEDOM = {"nsz", "arcp", "contract", "afn", "reassoc"}


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile at the first call; cache the result on disk where a folder can be written.

    Numba takes NUMBA_CACHE_DIR, the folder of the source or the user's cache; else the temporary
    folder serves.
    """
    # Code that could raise is not vectorised, so a division by zero must not raise.
    options: dict[str, Any] = {"fastmath": _FREEDOM, "nogil": True, "error_model": "numpy"}
    options["no_cfunc_wrapper"] = True  # which no other function would call
    for place in (nullcontext, temporary_cache):
        with suppress(RuntimeError), place():  # no such folder
            return numba.njit(cache=True, **options)(function)  # type: ignore[no-any-return]
    return numba.njit(**options)(function)  # type: ignore[no-any-return]


@compiled
def round_up(count: int) -> int:
    """Round up to a multiple of 4.

    >>> round_up(9)
    12
    """
    return (count + 3) // 4 * 4


@compiled
def zeros(rows: int) -> Float32Array:
    """Return a block of zeros."""
    return np.zeros(rows * BLOCK, np.float32)


@compiled
def copy_matrix(matrix: Float32Array, target: Float32Array, row: int, column: int) -> None:
    """Copy a matrix into a larger one, at a row and a column."""
    for i in range(matrix.shape[0]):
        for j in range(matrix.shape[1]):
            target[row + i, column + j] = matrix[i, j]


# The next three stand for slices and transposes with `copy`, which take longer to compile.


@compiled
def cut(matrix: Float32Array, top: int, rows: int, columns: int) -> Float32Array:
    """Return the first columns of some rows of a matrix."""
    part = np.empty((rows, columns), np.float32)
    for i in range(rows):
        for j in range(columns):
            part[i, j] = matrix[top + i, j]
    return part


@compiled
def column(matrix: Float32Array, rows: int, at: int) -> Float32Array:
    """Return a column of the first rows of a matrix."""
    part = np.empty(rows, np.float32)
    for i in range(rows):
        part[i] = matrix[i, at]
    return part


@compiled
def transposed(matrix: Float32Array) -> Float32Array:
    """Return the transpose of a matrix, row by row in memory."""
    turned = np.empty((matrix.shape[1], matrix.shape[0]), np.float32)
    for i in range(matrix.shape[0]):
        for j in range(matrix.shape[1]):
            turned[j, i] = matrix[i, j]
    return turned


@compiled
def copy_vector(vector: Float32Array, target: Float32Array) -> None:
    """Copy a vector to the first numbers of another one.

    Unlike an assignment to a slice, this compiles no text of an error.
    """
    for i in range(vector.size):
        target[i] = vector[i]


@compiled
def copy(
    source: Float32Array, start: int, target: Float32Array, target_start: int, count: int
) -> None:
    """Copy `count` numbers from `start` on to `target_start`."""
    a, b = np.uint64(start), np.uint64(target_start)
    for p in range(np.uint64(count)):
        target[b + p] = source[a + p]


@compiled
def add(
    source: Float32Array, start: int, target: Float32Array, target_start: int, count: int
) -> None:
    """Add `count` numbers from `start` on to those from `target_start` on."""
    a, b = np.uint64(start), np.uint64(target_start)
    for p in range(np.uint64(count)):
        target[b + p] += source[a + p]


@compiled
def fill(target: Float32Array, start: int, count: int, value: np.float32) -> None:
    """Set `count` numbers from `start` on to a value."""
    a = np.uint64(start)
    for p in range(np.uint64(count)):
        target[a + p] = value


@compiled
def product(
    weight: Float32Array, x: Float32Array, out: Float32Array, first: int, count: int
) -> None:
    """Add weight @ x to the rows of `out` from `first` on.

    Args:
        weight: (J, K), both multiples of 4.
        x: Block of K rows.
        out: Block of at least first + J rows.
        first: Row of `out` that the first row of the product is added to.
        count: Samples, at most BLOCK.
    """
    for j in range(0, weight.shape[0], 4):
        for k in range(0, weight.shape[1], 4):
            a0, a1, a2, a3 = weight[j, k], weight[j, k + 1], weight[j, k + 2], weight[j, k + 3]
            i = j + 1
            b0, b1, b2, b3 = weight[i, k], weight[i, k + 1], weight[i, k + 2], weight[i, k + 3]
            i = j + 2
            c0, c1, c2, c3 = weight[i, k], weight[i, k + 1], weight[i, k + 2], weight[i, k + 3]
            i = j + 3
            d0, d1, d2, d3 = weight[i, k], weight[i, k + 1], weight[i, k + 2], weight[i, k + 3]
            at_0 = np.uint64(k * BLOCK)
            at_1, at_2, at_3 = at_0 + _ONE, at_0 + _TWO, at_0 + _THREE
            to_0 = np.uint64((first + j) * BLOCK)
            to_1, to_2, to_3 = to_0 + _ONE, to_0 + _TWO, to_0 + _THREE
            for p in range(np.uint64(count)):
                x0, x1, x2, x3 = x[at_0 + p], x[at_1 + p], x[at_2 + p], x[at_3 + p]
                out[to_0 + p] += a0 * x0 + a1 * x1 + a2 * x2 + a3 * x3
                out[to_1 + p] += b0 * x0 + b1 * x1 + b2 * x2 + b3 * x3
                out[to_2 + p] += c0 * x0 + c1 * x1 + c2 * x2 + c3 * x3
                out[to_3 + p] += d0 * x0 + d1 * x1 + d2 * x2 + d3 * x3


@compiled
def outer(gradient: Float32Array, x: Float32Array, out: Float32Array, count: int) -> None:
    """Add gradient @ x.T, the gradient of a weight.

    Args:
        gradient: Block of at least J rows.
        x: Block of at least K rows.
        out: (J, K), multiples of 2 and of 4.
        count: Samples, at most BLOCK.
    """
    # Two rows at a time: the sums of four would not fit into the registers of AVX2.
    for j in range(0, out.shape[0], 2):
        for k in range(0, out.shape[1], 4):
            a0 = a1 = a2 = a3 = b0 = b1 = b2 = b3 = _ZERO
            at_0 = np.uint64(k * BLOCK)
            at_1, at_2, at_3 = at_0 + _ONE, at_0 + _TWO, at_0 + _THREE
            of_0 = np.uint64(j * BLOCK)
            of_1 = of_0 + _ONE
            for p in range(np.uint64(count)):
                x0, x1, x2, x3 = x[at_0 + p], x[at_1 + p], x[at_2 + p], x[at_3 + p]
                g, h = gradient[of_0 + p], gradient[of_1 + p]
                a0, a1, a2, a3 = a0 + g * x0, a1 + g * x1, a2 + g * x2, a3 + g * x3
                b0, b1, b2, b3 = b0 + h * x0, b1 + h * x1, b2 + h * x2, b3 + h * x3
            for i, sums in enumerate(((a0, a1, a2, a3), (b0, b1, b2, b3))):
                for m, value in enumerate(sums):
                    out[j + i, k + m] += value


@compiled
def relu(x: Float32Array, out: Float32Array, rows: int, count: int) -> None:
    """Set `out` to max(x, 0); both are blocks."""
    for row in range(rows):
        at = np.uint64(row * BLOCK)
        for p in range(np.uint64(count)):
            out[at + p] = max(x[at + p], _ZERO)


@compiled
def relu_backward(gradient: Float32Array, x: Float32Array, rows: int, count: int) -> None:
    """Set a gradient to 0 where x, the input or the output of the ReLU, is not positive."""
    for row in range(rows):
        at = np.uint64(row * BLOCK)
        for p in range(np.uint64(count)):
            gradient[at + p] = gradient[at + p] if x[at + p] > _ZERO else _ZERO


@compiled
def add_sums(x: Float32Array, sums: Float32Array, count: int) -> None:
    """Add the sum of each row of a block to `sums`."""
    for row in range(sums.size):
        at = np.uint64(row * BLOCK)
        total = _ZERO
        for p in range(np.uint64(count)):
            total += x[at + p]
        sums[row] += total


@compiled
def exp2(x: np.float32) -> np.float32:
    """Return 2**x for x <= 126, with a relative error below 3e-7; below -126, return 2**-126.

    >>> float(exp2(np.float32(3.5))) / 2**3.5 - 1 < 1e-6
    True
    """
    x = max(x, np.float32(-126.0))
    whole = np.floor(x + np.float32(0.5))
    r = x - whole  # the series of exp(r log 2), with the last term fitted
    p = np.float32(1.5403530e-4)
    p = p * r + np.float32(1.3333558e-3)
    p = p * r + np.float32(9.6181291e-3)
    p = p * r + np.float32(5.5504109e-2)
    p = p * r + np.float32(2.4022651e-1)
    p = p * r + np.float32(6.9314718e-1)
    p = p * r + np.float32(1.0)
    power = np.int32((np.int32(whole) + np.int32(127)) << np.int32(23)).view(np.float32)
    return np.float32(p * power)


@compiled
def log2(x: np.float32) -> np.float32:
    """Return the base-2 logarithm of a normal positive number, with an error below 3e-7.

    >>> abs(float(log2(np.float32(10.0))) - 3.3219281) < 1e-6
    True
    """
    number = np.float32(x).view(np.int32)
    exponent = (number >> np.int32(23)) - np.int32(127)
    mantissa = np.int32((number & np.int32(0x7FFFFF)) | np.int32(0x3F800000)).view(np.float32)
    large = mantissa > np.float32(1.4142135)
    mantissa = mantissa * (np.float32(0.5) if large else np.float32(1))
    t = (mantissa - np.float32(1)) / (mantissa + np.float32(1))
    s = t * t  # log(m) = 2 artanh(t)
    p = np.float32(1 / 9)
    p = p * s + np.float32(1 / 7)
    p = p * s + np.float32(1 / 5)
    p = p * s + np.float32(1 / 3)
    p = p * s + np.float32(1)
    whole = np.float32(exponent) + (np.float32(1) if large else np.float32(0))
    return np.float32(whole + p * t * np.float32(2.8853900817779268))

"""SOAP and the gradient of the weights' rate, compiled.

Network weights are few, so that a call of a torch operation takes many times as long as its
computation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from imgnet.arrays import Float32Array, Int64Array
from imgnet.compilation.blocks import compiled, transposed
from imgnet.fit.soap import SOAP, initialize

_ONE, _NONE = np.float32(1), np.float32(0)


@compiled
def _times(a: Float32Array, b: Float32Array) -> Float32Array:
    """Return a @ b."""
    out = np.zeros((a.shape[0], b.shape[1]), np.float32)
    for i in range(a.shape[0]):
        total = out[i]
        for k in range(a.shape[1]):
            factor, row = a[i, k], b[k]
            for j in range(np.uint64(total.size)):
                total[j] += factor * row[j]
    return out


@compiled
def _approach(average: Float32Array, sample: Float32Array, decay: np.float32) -> None:
    """Update a running mean with a sample."""
    flat, new = average.ravel(), sample.ravel()
    for p in range(np.uint64(flat.size)):
        flat[p] += (_ONE - decay) * (new[p] - flat[p])


@compiled
def _approach_square(average: Float32Array, sample: Float32Array, decay: np.float32) -> None:
    """Update a running mean with the square of a sample."""
    flat, new = average.ravel(), sample.ravel()
    for p in range(np.uint64(flat.size)):
        flat[p] += (_ONE - decay) * (new[p] * new[p] - flat[p])


@compiled
def _subtract(x: Float32Array, change: Float32Array) -> None:
    flat, changes = x.ravel(), change.ravel()
    for p in range(np.uint64(flat.size)):
        flat[p] -= changes[p]


@compiled
def _adam_update(
    mean: Float32Array,
    square: Float32Array,
    parts: tuple[float, float],
    rates: tuple[float, float, float],
) -> Float32Array:
    """Return the update of Adam from its two averages; see `rotate_and_move`."""
    update = np.empty(mean.shape, np.float32)
    flat, means, squares = update.ravel(), mean.ravel(), square.ravel()
    by_mean, by_square = _ONE / np.float32(parts[0]), _ONE / np.float32(parts[1])
    lr, eps, most = np.float32(rates[0]), np.float32(rates[1]), np.float32(rates[2])
    for p in range(np.uint64(flat.size)):
        change = means[p] * by_mean / (np.sqrt(squares[p] * by_square) + eps)
        flat[p] = lr * min(max(change, -most), most)
    return update


@compiled
def rotate_and_move(
    parameter: Float32Array,
    gradient: Float32Array,
    averages: tuple[Float32Array, Float32Array, Float32Array, Float32Array],
    bases: tuple[Float32Array, Float32Array],
    decays: tuple[float, float],
    parts: tuple[float, float],
    rates: tuple[float, float, float],
) -> None:
    """Move a matrix by one step of Adam in a rotated basis, as `SOAP` does.

    Args:
        parameter: (J, K), moved.
        gradient: (J, K).
        averages: Running means of the gradient (J, K), of its squares in the basis (J, K), and of
            its covariances (J, J) and (K, K).
        bases: (J, J) and (K, K), a direction in each column.
        decays: Decay of the first average, and that of the others.
        parts: Bias corrections 1 - decay**step of both averages, which began at 0.
        rates: Learning rate, epsilon, and the largest update in units of the learning rate.
    """
    mean, square, left_covariance, right_covariance = averages
    left, right = bases
    keep_mean, keep_square = np.float32(decays[0]), np.float32(decays[1])
    left_t, right_t, gradient_t = transposed(left), transposed(right), transposed(gradient)
    rotated = _times(_times(left_t, gradient), right)
    _approach(mean, gradient, keep_mean)
    _approach_square(square, rotated, keep_square)
    rotated_mean = _times(_times(left_t, mean), right)
    update = _adam_update(rotated_mean, square, parts, rates)
    _subtract(parameter, _times(_times(left, update), right_t))
    _approach(left_covariance, _times(gradient, gradient_t), keep_square)
    _approach(right_covariance, _times(gradient_t, gradient), keep_square)


@compiled
def move(
    parameter: Float32Array,
    gradient: Float32Array,
    averages: tuple[Float32Array, Float32Array],
    decays: tuple[float, float],
    parts: tuple[float, float],
    rates: tuple[float, float, float],
) -> None:
    """Move a vector by one step of Adam.

    Args:
        parameter: (K,), moved.
        gradient: (K,).
        averages: Running means of the gradient and of its squares, (K,).
        decays: Decay of each average.
        parts: Bias corrections 1 - decay**step of both averages, which began at 0.
        rates: Learning rate, epsilon, and the largest update in units of the learning rate.
    """
    mean, square = averages
    _approach(mean, gradient, np.float32(decays[0]))
    _approach_square(square, gradient, np.float32(decays[1]))
    _subtract(parameter, _adam_update(mean, square, parts, rates))


class FusedSOAP(SOAP):
    """SOAP with compiled steps, for float32 on a CPU; its state consists of NumPy arrays."""

    def _update(self, parameter: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if not state:
            _initialize(state, gradient)
        state["step"] += 1
        own = parameter.numpy(), gradient.numpy()
        parts = tuple(1 - beta ** state["step"] for beta in group["betas"])
        options = group["betas"], parts, (group["lr"], group["eps"], group["most"])
        if not state["bases"]:
            move(*own, state["averages"], *options)
            return
        rotate_and_move(*own, state["averages"], state["bases"], *options)
        if state["step"] % group["refresh_every"] == 0:
            pairs = zip(state["averages"][2:], state["bases"], strict=True)
            state["bases"] = tuple(_refreshed(covariance, basis) for covariance, basis in pairs)


def _initialize(state: dict[str, Any], gradient: Tensor) -> None:
    tensors: dict[str, Any] = {}
    initialize(tensors, gradient)
    averages = tensors["mean"], tensors["square"], *tensors["covariances"]
    state["step"] = 0
    state["averages"] = tuple(average.numpy() for average in averages)
    state["bases"] = tuple(basis.contiguous().numpy() for basis in tensors["bases"])


def _refreshed(covariance: Float32Array, basis: Float32Array) -> Float32Array:
    """Move a basis towards the eigenvectors of a covariance by one QR iteration."""
    # NumPy's QR computes in float64, which takes longer than everything else here.
    refreshed: Float32Array = torch.linalg.qr(torch.from_numpy(_times(covariance, basis))).Q.numpy()
    return np.ascontiguousarray(refreshed)


def add_rate_gradient_of(
    weights: Tensor,
    prior: Tensor,
    sizes: Sequence[int],
    least: Tensor,
    nat_cost: float,
    gradient: Tensor,
) -> None:
    """Do the same as `add_rate_gradient` of `imgnet.fit.engine.weight_rate`."""
    ends = np.cumsum(sizes)
    add_rate_gradient(
        weights.numpy(), prior.numpy(), ends, least.numpy(), nat_cost, gradient.numpy()
    )


@compiled
def add_rate_gradient(
    weights: Float32Array,
    prior: Float32Array,
    ends: Int64Array,
    least: Float32Array,
    nat_cost: float,
    gradient: Float32Array,
) -> None:
    """Add the gradient of the code length of differences from a prior, Laplacian in each tensor.

    Args:
        weights: (N,) weights, tensor by tensor.
        prior: (N,) weights of the prior, in the same order.
        ends: Index after the last weight of each tensor.
        least: Least scale of the distribution of each tensor.
        nat_cost: Cost of a nat of code length.
        gradient: Gradient of the weights; it is added to.
    """
    start = np.uint64(0)
    for i in range(ends.size):
        end, total = np.uint64(ends[i]), _NONE
        for p in range(start, end):
            total += abs(weights[p] - prior[p])
        slope = np.float32(nat_cost) / max(total / np.float32(end - start), least[i])
        for p in range(start, end):
            difference = weights[p] - prior[p]
            gradient[p] += slope if difference > _NONE else -slope if difference < _NONE else _NONE
        start = end

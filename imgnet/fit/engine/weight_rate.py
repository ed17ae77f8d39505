"""Gradient of the rate of weights, coded as differences from a prior."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def means(flat: Tensor, sizes: Sequence[int]) -> Tensor:
    """Return the mean of each tensor.

    Args:
        flat: (N,) values, tensor by tensor.
        sizes: Number of values of each tensor, N in all.

    >>> means(torch.tensor([1.0, 3.0, 5.0]), [2, 1]).tolist()
    [2.0, 5.0]
    """
    sums = flat.new_zeros(len(sizes)).index_add_(0, _tensors(sizes, flat.device), flat)
    return sums / sums.new_tensor(sizes)


def add_rate_gradient(
    weights: Tensor,
    prior: Tensor,
    sizes: Sequence[int],
    least: Tensor,
    nat_cost: float,
    gradient: Tensor,
) -> None:
    """Add the gradient of the code length of differences from a prior, Laplacian in each tensor.

    Args:
        weights: (N,) weights, tensor by tensor.
        prior: (N,) weights of the prior.
        sizes: Number of weights of each tensor, N in all.
        least: (T,) least scale of the distribution of each tensor.
        nat_cost: Cost of a nat of code length.
        gradient: (N,) gradient of the weights; it is added to.
    """
    difference = weights - prior
    scale = torch.maximum(means(difference.abs(), sizes), least)
    of_weights = scale[_tensors(sizes, weights.device)]
    gradient.addcdiv_(difference.sign_(), of_weights, value=nat_cost)


def _tensors(sizes: Sequence[int], device: torch.device) -> Tensor:
    """Return the index (N,) of the tensor of every weight."""
    indices = torch.arange(len(sizes), device=device)
    return indices.repeat_interleave(torch.tensor(sizes, device=device))

"""Price of the differences of weights from a prior: bits under a distribution of each tensor."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def means(flat: Tensor, sizes: Sequence[int]) -> Tensor:
    """Return the mean of each tensor.

    Args:
        flat: (N,), tensor by tensor.
        sizes: Of the tensors, N in all.

    >>> means(torch.tensor([1.0, 3.0, 5.0]), [2, 1]).tolist()
    [2.0, 5.0]
    """
    sums = flat.new_zeros(len(sizes)).index_add_(0, _tensors(sizes, flat.device), flat)
    return sums / sums.new_tensor(sizes)


def price_differences(
    weights: Tensor,
    origin: Tensor,
    sizes: Sequence[int],
    least: Tensor,
    price: float,
    gradient: Tensor,
) -> None:
    """Add the gradient of the bits of differences from a prior, Laplacian in each tensor.

    Args:
        weights: (N,), tensor by tensor.
        origin: (N,) of the prior.
        sizes: Of the tensors, N in all.
        least: Of each tensor, the least scale of its distribution.
        price: Of a nat.
        gradient: (N,), added to.
    """
    difference = weights - origin
    scale = torch.maximum(means(difference.abs(), sizes), least)
    of_weights = scale[_tensors(sizes, weights.device)]
    gradient.addcdiv_(difference.sign_(), of_weights, value=price)


def _tensors(sizes: Sequence[int], device: torch.device) -> Tensor:
    """Return the index (N,) of the tensor of every weight."""
    counts = torch.tensor(sizes, device=device)
    return torch.arange(len(sizes), device=device).repeat_interleave(counts)

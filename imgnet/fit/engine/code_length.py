"""Code length of latents: bits under Laplace distributions integrated over unit intervals."""

from __future__ import annotations

import torch
from torch import Tensor

LEAST_PROBABILITY = 2.0**-16  # one slot of the coder; see `distributions.py`


def code_length(values: Tensor, location: Tensor, scale_log2: Tensor) -> Tensor:
    """Return the bits (N,) of values.

    Args:
        values: (N,) values; they may be fractions.
        location: (N,) locations of the distributions.
        scale_log2: (N,) logarithms of the scales to base 2.

    >>> round(code_length(torch.zeros(1), torch.zeros(1), torch.zeros(1)).item(), 3)
    1.346
    """
    sharpness = torch.exp2(-scale_log2)  # 1 / scale
    distance = (values - location).abs()
    # Half of exp(-|edge|) at the near and at the far end of the unit interval.
    near = (-sharpness * (distance - 0.5).abs()).exp() * 0.5
    far = (-sharpness * (distance + 0.5)).exp() * 0.5
    probability = torch.where(distance < 0.5, 1 - near, near) - far
    return -clamped(probability, LEAST_PROBABILITY, 1.0).log2()


def clamped(x: Tensor, least: float, most: float) -> Tensor:
    """Clamp values but not gradients, so that gradients can move values back into the range.

    >>> clamped(torch.tensor([-3.0, 0.5, 9.0]), 0, 1).tolist()
    [0.0, 0.5, 1.0]
    """
    inside = x.detach()
    return x + (inside.clamp(least, most) - inside)

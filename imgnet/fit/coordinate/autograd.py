"""Autograd function of the gate of `gated`: forward and backward by hand.

Autograd would keep and traverse about twice as many full arrays. Tensors are
channel first, (C, N), so that the query, key and value of a layer are contiguous slices of one
product. `tanh` and the GELU use `sigmoid`, which PyTorch evaluates several times faster on a CPU:
tanh(z) = 2 sigmoid(2 z) - 1, and GELU's tanh form is h sigmoid(C0 h + C1 h^3).
"""

from __future__ import annotations

from math import pi, sqrt
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

C0 = 2 * sqrt(2 / pi)
C1 = C0 * 0.044715


def gate(stacked: Tensor, shift: Tensor) -> Tensor:
    """Return gelu(tanh(q * k) * v + shift) for q, k and v stacked in one tensor.

    Args:
        stacked: (3 D, N).
        shift: (D,).

    Returns:
        (D, N)

    >>> gate(torch.zeros(3, 1), torch.zeros(1)).tolist()
    [[0.0]]
    """
    output: Tensor = _Gate.apply(stacked, shift)  # type: ignore[no-untyped-call]
    return output


class _Gate(Function):
    @staticmethod
    def forward(ctx: Any, stacked: Tensor, shift: Tensor) -> Tensor:
        """Map (3 D, N) to (D, N)."""
        q, k, v = stacked.chunk(3)
        s = torch.mul(q, k).mul_(2).sigmoid_()
        h = torch.sub(shift[:, None], v).addcmul_(s, v, value=2)
        t = torch.mul(h, h).mul_(h).mul_(C1).add_(h, alpha=C0).sigmoid_()
        ctx.save_for_backward(stacked, s, h, t)
        return h * t

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        """Return the gradients of the stacked input and of the shift."""
        (gradient,) = gradients
        stacked, s, h, t = ctx.saved_tensors
        q, k, v = stacked.chunk(3)
        out = torch.empty_like(stacked)
        to_q, to_k, to_v = out.chunk(3)
        slope = torch.mul(h, h).mul_(h).mul_(3 * C1).add_(h, alpha=C0)
        slope.mul_(torch.addcmul(t, t, t, value=-1)).add_(t)
        to_h = slope.mul_(gradient)
        torch.mul(to_h, s, out=to_v).mul_(2).sub_(to_h)
        to_product = torch.addcmul(s, s, s, value=-1).mul_(to_h).mul_(v).mul_(4)
        torch.mul(to_product, k, out=to_q)
        torch.mul(to_product, q, out=to_k)
        return out, to_h.sum(1)

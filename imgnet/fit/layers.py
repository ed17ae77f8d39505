"""Linear layers, channel first, with products in a chosen dtype."""

from __future__ import annotations

from math import sqrt
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function


class Linear(nn.Module):
    """Linear layer weight @ x + bias, channel first; `dtype` is that of the product."""

    def __init__(self, dim_in: int, dim_out: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(dim_out, dim_in).uniform_(-1, 1) * sqrt(3 / dim_in))
        self.bias = nn.Parameter(torch.zeros(dim_out))
        self.dtype = torch.float32

    def project(self, x: Tensor) -> Tensor:
        """Map (C, N) to (D, N)."""
        return affine(x, self.weight, self.bias, self.dtype)

    def project_lattice(self, x: Tensor, y: Tensor) -> Tensor:
        """Map features of columns (Cx, W) and rows (Cy, H) to (D, H, W), with one sum a pixel."""
        columns = self.weight[:, : len(x)] @ x
        rows = torch.addmm(self.bias[:, None], self.weight[:, len(x) :], y)
        return rows[:, :, None] + columns[:, None, :]


def affine(x: Tensor, weight: Tensor, bias: Tensor, dtype: torch.dtype) -> Tensor:
    """Return weight @ x + bias, (C, N) to (D, N), with all products taken in `dtype`.

    >>> affine(torch.ones(2, 1), torch.ones(1, 2), torch.ones(1), torch.float32).tolist()
    [[3.0]]
    """
    output: Tensor = _Affine.apply(x, weight, bias, dtype)  # type: ignore[no-untyped-call]
    return output


class _Affine(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, dtype: torch.dtype) -> Tensor:
        """Map (C, N) to (D, N)."""
        x_low, weight_low = x.to(dtype), weight.to(dtype)
        ctx.save_for_backward(x_low, weight_low)
        return (weight_low @ x_low).to(x.dtype).add_(bias[:, None])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of x, weight and bias."""
        (gradient,) = gradients
        x_low, weight_low = ctx.saved_tensors
        low = gradient.to(x_low.dtype)
        to_x = (weight_low.T @ low).to(gradient.dtype) if ctx.needs_input_grad[0] else None
        return to_x, (low @ x_low.T).to(gradient.dtype), gradient.sum(1), None

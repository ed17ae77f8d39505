"""SOAP: Adam in the eigenbasis of Shampoo's preconditioner.

Source: Vyas et al., "SOAP: Improving and Stabilizing Shampoo using Adam", 2024, algorithm 3.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import cos, inf, pi
from typing import Any

import torch
from torch import Tensor


def lr_factor(step: int, warm_up: int, done: float) -> float:
    """Return the factor 0..1 on learning rates: a linear warm-up times half a cosine.

    Args:
        step: Optimiser steps taken.
        warm_up: Steps until the factor is that of the cosine.
        done: Part 0..1 of the schedule that is done.

    >>> lr_factor(0, 20, 0.0), lr_factor(50, 20, 0.5), lr_factor(99, 20, 1.0)
    (0.05, 0.5, 0.0)
    """
    return min(1.0, (step + 1) / warm_up) * (1 + cos(pi * done)) / 2


class SOAP:
    """SOAP optimiser: Adam on each matrix in the running eigenbasis of its gradients.

    Vectors, scalars and matrices with a side of one get plain Adam: their basis is the identity.
    The interface is that of torch's optimisers, but not the base class, whose first instance loads
    torch's compiler; that takes more than a second.

    Args:
        params: Tensors to optimise, or groups of them with options of their own.
        lr: Learning rate.
        betas: Decay of the running mean, and of the running squares and covariances.
        eps: Added to the root of the squares.
        refresh_every: Steps between two updates of the eigenbasis by one QR iteration.
        most: Largest update along a direction of the eigenbasis in one step, in units of `lr`.
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float,
        betas: tuple[float, float] = (0.95, 0.95),
        eps: float = 1e-8,
        refresh_every: int = 10,
        most: float = inf,
    ) -> None:
        defaults: dict[str, Any] = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "refresh_every": refresh_every,
            "most": most,
        }
        given = list(params)
        groups: list[Any] = given if isinstance(given[0], dict) else [{"params": given}]
        self.param_groups: list[dict[str, Any]] = [{**defaults, **group} for group in groups]
        self.state: dict[Tensor, dict[str, Any]] = {
            parameter: {} for group in self.param_groups for parameter in group["params"]
        }

    def zero_grad(self) -> None:
        """Set all gradients to None."""
        for parameter in self.state:
            parameter.grad = None

    def state_dict(self) -> list[dict[str, Any]]:
        """Return the state of each tensor, in the order of the tensors."""
        return list(self.state.values())

    def load_state_dict(self, states: list[dict[str, Any]]) -> None:
        """Set the state of each tensor, as `state_dict` returned it."""
        self.state = dict(zip(self.state, states, strict=True))

    @torch.no_grad()
    def step(self) -> None:
        """Move every parameter that has a gradient by one step."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._update(parameter, parameter.grad, group)

    def _update(self, parameter: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if not state:
            initialize(state, gradient)
        state["step"] += 1
        beta1, beta2 = group["betas"]
        rotated = _rotate(gradient, state["bases"])
        state["mean"].lerp_(gradient, 1 - beta1)
        state["square"].mul_(beta2).addcmul_(rotated, rotated, value=1 - beta2)
        mean = _rotate(state["mean"], state["bases"]) / (1 - beta1 ** state["step"])
        root = (state["square"] / (1 - beta2 ** state["step"])).sqrt_().add_(group["eps"])
        # After an update of the bases, a direction whose squares were small may have a large mean.
        most = group["most"]
        update = _rotate_back(mean.div_(root).clamp_(-most, most), state["bases"])
        parameter.add_(update, alpha=-group["lr"])
        _track(state, gradient, beta2, state["step"] % group["refresh_every"] == 0)


def initialize(state: dict[str, Any], gradient: Tensor) -> None:
    """Set the state of a tensor for its first step, given its first gradient."""
    state["step"] = 0
    state["mean"] = torch.zeros_like(gradient)
    state["square"] = torch.zeros_like(gradient)
    is_matrix = gradient.ndim == 2 and min(gradient.shape) > 1
    state["covariances"] = [gradient @ gradient.T, gradient.T @ gradient] if is_matrix else []
    state["bases"] = [_eigenbasis(c) for c in state["covariances"]]


def _eigenbasis(covariance: Tensor) -> Tensor:
    # In float32, LAPACK returns NaN for some matrices of low rank, which the first gradients have.
    basis: Tensor = torch.linalg.eigh(covariance.double()).eigenvectors
    return basis.to(covariance.dtype)


def _rotate(matrix: Tensor, bases: list[Tensor]) -> Tensor:
    return bases[0].T @ matrix @ bases[1] if bases else matrix.clone()


def _rotate_back(matrix: Tensor, bases: list[Tensor]) -> Tensor:
    return bases[0] @ matrix @ bases[1].T if bases else matrix


def _track(state: dict[str, Any], gradient: Tensor, beta: float, refresh: bool) -> None:
    if not state["bases"]:
        return
    left, right = state["covariances"]
    left.lerp_(gradient @ gradient.T, 1 - beta)
    right.lerp_(gradient.T @ gradient, 1 - beta)
    if refresh:
        pairs = zip(state["covariances"], state["bases"], strict=True)
        state["bases"] = [torch.linalg.qr(covariance @ basis).Q for covariance, basis in pairs]

"""Forward and backward of what a `grid` fit spends its time in, by hand.

Autograd would keep and pass over about twice as many full arrays: a slice costs it a full-size
gradient, and a neighbourhood is two dozen slices. Tensors are channel first, (C, N) or (C, H, W).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import log
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from imgnet.codec.entropy.context import CAUSAL, MARGIN, PARENTS

Offsets = Sequence[tuple[int, int]]

LEAST_PROBABILITY = 2.0**-16  # a symbol owns one slot at least; see `distributions.py`
LEAST_SCALE_LOG2, MOST_SCALE_LOG2 = -4.5, 4.875  # what `distributions.py` has tables for

_OWN = [(MARGIN + dy, MARGIN + dx) for dy, dx in CAUSAL]
_SQUARE = [(y, x) for y in range(3) for x in range(3)]
_ABOVE = [(1 + dy, 1 + dx) for dy, dx in PARENTS]


def windows(x: Tensor, offsets: Offsets, height: int, width: int) -> Tensor:
    """Collect, for each offset, what lies there as seen from every sample.

    Args:
        x: (C, H, W), with enough margin for all offsets.
        offsets: (dy, dx) from the corner of `x`, not below 0.
        height: Rows of samples.
        width: Columns of samples.

    Returns:
        (offsets, C, height, width).

    >>> windows(torch.arange(4.0).view(1, 2, 2), [(0, 0), (0, 1)], 2, 1)[:, 0, :, 0].tolist()
    [[0.0, 2.0], [1.0, 3.0]]
    """
    collected: Tensor = _Windows.apply(x, offsets, height, width)  # type: ignore[no-untyped-call]
    return collected


def two_layers(
    x: Tensor, first: Tensor, bias: Tensor, last: Tensor, linear: Tensor, offset: Tensor
) -> Tensor:
    """Return last @ relu(first @ x + bias) + linear @ x + offset, (C, N) to (D, N)."""
    output: Tensor = _TwoLayers.apply(  # type: ignore[no-untyped-call]
        x, first, bias, last, linear, offset
    )
    return output


def rezero_layer(x: Tensor, weight: Tensor, bias: Tensor, alpha: Tensor) -> Tensor:
    """Return x + alpha * relu(conv3x3(x)), (C, h + 2, w + 2) to (C, h, w).

    Args:
        x: Colours.
        weight: (C, 9 * C), the nine places outermost.
        bias: (C,).
        alpha: (C,).
    """
    output: Tensor = _ReZeroLayer.apply(x, weight, bias, alpha)  # type: ignore[no-untyped-call]
    return output


def chunk_bits(
    own: Tensor,
    parents: Tensor | None,
    skip: int,
    weights: tuple[Tensor, ...],
) -> Tensor:
    """Return the bits of a chunk of latents under the distributions of the context model.

    Args:
        own: (1, h + 3, w + 6), the chunk with its margin above, left and right.
        parents: (1, h' + 2, w' + 2), the latents above the chunk with a margin, or None.
        skip: Rows, 0 or 1, of what the parents cover before the chunk begins.
        weights: Of the own neighbours (D + 2, 14), of the parents (D + 2, 9), the bias (D + 2),
            the second layer (D, D), its bias (D) and the last layer (2, D).
    """
    bits: Tensor = _ChunkBits.apply(own, parents, skip, *weights)  # type: ignore[no-untyped-call]
    return bits


def chunk_lengths(
    own: Tensor, parents: Tensor | None, skip: int, weights: tuple[Tensor, ...]
) -> Tensor:
    """Return the bits of every latent of a chunk, (h, w); args are those of `chunk_bits`."""
    height, width = own.shape[1] - MARGIN, own.shape[2] - 2 * MARGIN
    _, _, stacked, hidden, residual = _two_context_layers(own, parents, skip, weights)
    last, dim = weights[-1], len(hidden)
    location, scale = torch.addmm(stacked[dim:], last, hidden + residual)
    values = own[0, MARGIN:, MARGIN:-MARGIN].reshape(-1)
    lengths, _, _ = code_length(values, location, scale.clamp(LEAST_SCALE_LOG2, MOST_SCALE_LOG2))
    return lengths.view(height, width)


def code_length(
    values: Tensor, location: Tensor, scale_log2: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the bits of all values under Laplace distributions integrated over unit steps.

    Args:
        values: (N,), not necessarily whole.
        location: (N,).
        scale_log2: (N,) logarithms to base 2.

    Returns:
        The bits of each value, their derivatives by the values and those by the scales.

    >>> round(code_length(torch.zeros(1), torch.zeros(1), torch.zeros(1))[0].item(), 3)
    1.346
    """
    sharpness = torch.exp2(-scale_log2)  # 1 / scale
    difference = values - location
    distance = difference.abs()
    # Half of exp(-|edge|) at the near and at the far edge of the unit step.
    near = (distance - 0.5).abs_().mul_(sharpness).neg_().exp_().mul_(0.5)
    far = (distance + 0.5).mul_(sharpness).neg_().exp_().mul_(0.5)
    upper = torch.where(distance < 0.5, 1 - near, near)
    probability = (upper - far).clamp_min_(LEAST_PROBABILITY)
    slope = sharpness / (probability * log(2))
    to_distance = (near - far).mul_(slope)
    to_scale = (near.mul_(0.5 - distance) + far.mul_(0.5 + distance)).mul_(slope).mul_(log(2))
    return -probability.log2_(), to_distance.mul_(difference.sign_()), to_scale


def _collect(x: Tensor, offsets: Offsets, height: int, width: int) -> Tensor:
    collected = x.new_empty(len(offsets), len(x), height, width)
    for i, (y, left) in enumerate(offsets):
        collected[i] = x[:, y : y + height, left : left + width]
    return collected


def _scatter(gradient: Tensor, offsets: Offsets, shape: torch.Size) -> Tensor:
    """Add up what `_collect` copied."""
    height, width = gradient.shape[2:]
    total = gradient.new_zeros(shape)
    for i, (y, left) in enumerate(offsets):
        total[:, y : y + height, left : left + width] += gradient[i]
    return total


class _Windows(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, offsets: Offsets, height: int, width: int) -> Tensor:
        """Copy one slice an offset."""
        ctx.shape, ctx.offsets = x.shape, offsets
        return _collect(x, offsets, height, width)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Add up the slices."""
        return _scatter(gradients[0], ctx.offsets, ctx.shape), None, None, None


class _TwoLayers(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, *weights: Tensor) -> Tensor:
        """Map (C, N) to (D, N)."""
        first, bias, last, linear, offset = weights
        hidden = torch.addmm(bias[:, None], first, x).relu_()
        ctx.save_for_backward(x, hidden, first, last, linear)
        return torch.addmm(offset[:, None], linear, x).addmm_(last, hidden)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, ...]:
        """Return the gradients of the input and of all weights."""
        (gradient,) = gradients
        x, hidden, first, last, linear = ctx.saved_tensors
        to_last = gradient @ hidden.T
        to_hidden = (last.T @ gradient).mul_(hidden.sign_())
        to_x = torch.addmm(linear.T @ gradient, first.T, to_hidden)
        sums = to_hidden.sum(1), gradient.sum(1)
        return to_x, to_hidden @ x.T, sums[0], to_last, gradient @ x.T, sums[1]


class _ReZeroLayer(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, alpha: Tensor) -> Tensor:
        """Map (C, h + 2, w + 2) to (C, h, w)."""
        height, width = x.shape[1] - 2, x.shape[2] - 2
        around = _collect(x, _SQUARE, height, width).view(weight.shape[1], -1)
        inner = torch.addmm(bias[:, None], weight, around).relu_()
        ctx.save_for_backward(around, inner, weight, alpha)
        ctx.shape = x.shape
        return torch.addcmul(x[:, 1:-1, 1:-1], inner.view(-1, height, width), alpha[:, None, None])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, ...]:
        """Return the gradients of the input and of all weights."""
        around, inner, weight, alpha = ctx.saved_tensors
        channels, height, width = gradients[0].shape
        gradient = gradients[0].reshape(channels, -1)
        to_alpha = (gradient * inner).sum(1)
        to_inner = inner.sign_().mul_(gradient).mul_(alpha[:, None])
        to_around = (weight.T @ to_inner).view(len(_SQUARE), channels, height, width)
        to_x = _scatter(to_around, _SQUARE, ctx.shape)
        to_x[:, 1:-1, 1:-1] += gradients[0]
        return to_x, to_inner @ around.T, to_inner.sum(1), to_alpha


class _ChunkBits(Function):
    @staticmethod
    def forward(
        ctx: Any, own: Tensor, parents: Tensor | None, skip: int, *weights: Tensor
    ) -> Tensor:
        """Return the bits; take all gradients on the way, while what they need is in the cache."""
        to_own, to_parents, _, second, _, last = weights
        height, width = own.shape[1] - MARGIN, own.shape[2] - 2 * MARGIN
        dim = len(second)
        around, above, stacked, hidden, residual = _two_context_layers(own, parents, skip, weights)
        total = hidden + residual
        distribution = torch.addmm(stacked[dim:], last, total)
        values = own[0, MARGIN:, MARGIN:-MARGIN].reshape(-1)
        scale = distribution[1].clamp(LEAST_SCALE_LOG2, MOST_SCALE_LOG2)
        lengths, to_value, to_scale = code_length(values, distribution[0], scale)
        bits = lengths.sum()
        if not any(ctx.needs_input_grad):
            return bits
        to_scale.mul_(scale == distribution[1])
        to_distribution = torch.stack([-to_value, to_scale])
        to_total = last.T @ to_distribution
        to_residual = residual.sign_().mul_(to_total)
        to_hidden = torch.addmm(to_total, second.T, to_residual)
        to_stacked = torch.cat(
            [to_hidden.mul_(stacked[:dim].sign().clamp_min_(0)), to_distribution]
        )
        to_around = (to_own.T @ to_stacked).view(len(_OWN), 1, height, width)
        to_values = _scatter(to_around, _OWN, own.shape)
        to_values[0, MARGIN:, MARGIN:-MARGIN] += to_value.view(height, width)
        to_above, to_weight_above = None, None
        if parents is not None and above is not None:
            rows, columns = parents.shape[1] - 2, parents.shape[2] - 2
            to_children = to_stacked.view(-1, height, width)
            to_shared = to_children.new_zeros(len(to_children), rows, columns)
            for mine, theirs in _families(height, width, skip):
                to_shared[:, *theirs] += to_children[:, *mine]
            to_shared = to_shared.view(len(to_children), -1)
            to_weight_above = to_shared @ above.T
            to_above = (to_parents.T @ to_shared).view(len(_ABOVE), 1, rows, columns)
            to_above = _scatter(to_above, _ABOVE, parents.shape)
        ctx.gradients = (
            *(to_values, to_above, None, to_stacked @ around.T, to_weight_above),
            *(
                to_stacked.sum(1),
                to_residual @ hidden.T,
                to_residual.sum(1),
                to_distribution @ total.T,
            ),
        )
        return bits

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Scale the gradients."""
        return tuple(None if kept is None else kept * gradients[0] for kept in ctx.gradients)


def _two_context_layers(
    own: Tensor, parents: Tensor | None, skip: int, weights: tuple[Tensor, ...]
) -> tuple[Tensor, Tensor | None, Tensor, Tensor, Tensor]:
    """Return neighbours, parents, what they say (D + 2, N), and both hidden layers (D, N)."""
    to_own, to_parents, bias, second, second_bias, _ = weights
    height, width = own.shape[1] - MARGIN, own.shape[2] - 2 * MARGIN
    around = _collect(own, _OWN, height, width).view(len(_OWN), -1)
    stacked = torch.addmm(bias[:, None], to_own, around)
    children = stacked.view(-1, height, width)
    above = None
    if parents is not None:
        rows, columns = parents.shape[1] - 2, parents.shape[2] - 2
        above = _collect(parents, _ABOVE, rows, columns).view(len(_ABOVE), -1)
        shared = (to_parents @ above).view(-1, rows, columns)
        for mine, theirs in _families(height, width, skip):
            children[:, *mine] += shared[:, *theirs]
    hidden = stacked[: len(second)].relu()
    residual = torch.addmm(second_bias[:, None], second, hidden).relu_()
    return around, above, stacked, hidden, residual


def _families(
    height: int, width: int, skip: int
) -> Iterator[tuple[tuple[slice, slice], tuple[slice, slice]]]:
    """Yield, for each place in a family of four, the children there and their parents."""
    for y in range(min(2, height)):
        rows = (height - y + 1) // 2
        first = (y + skip) // 2
        for x in range(min(2, width)):
            columns = (width - x + 1) // 2
            yield (
                (slice(y, None, 2), slice(x, None, 2)),
                (slice(first, first + rows), slice(0, columns)),
            )

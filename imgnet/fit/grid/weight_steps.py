"""Search for the q_steps of network weights of `grid` that minimise distortion + lmbda * rate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial
from math import floor, log2, sqrt

from torch import Tensor

from imgnet.codec.format.grid_stream import LARGEST_INTEGER, MOST_FRACTION_BITS, WEIGHTS
from imgnet.codec.format.quantized import q_index_of_bits
from imgnet.fit.engine.tiling import STRIP_UNIT, Evaluator, Rows
from imgnet.fit.grid.weights import lr_scale_at
from imgnet.fit.rounding import QSteps, quantize, rounded
from imgnet.spec import Spec, is_bias

# First q_steps, in units of a tensor's root mean square. Each search ends in a local minimum: with
# 1/16 alone, files of long fits were several percent larger, and with 1/64 alone, those of flat
# pictures.
FIRST_Q_STEPS = 1 / 4, 1 / 64
_CODABLE = LARGEST_INTEGER - 1
MOST_BIAS_BITS = 12  # biases are added to activations, which are multiples of 2**-12


def choose_q_steps(
    spec: Spec,
    parameters: Mapping[str, Tensor],
    prior: Mapping[str, Tensor],
    evaluator: Evaluator,
    lmbda: float,
    num_pixels: int,
) -> QSteps:
    """Return the q_step of every tensor of the network, a power of two.

    The search takes one tensor after the other, with those before it rounded to their q_steps. It
    starts twice, from a coarse and from a fine q_step, and goes on as long as distortion +
    lmbda * bits falls. The better of the two local minima is the result.

    Args:
        spec: Shape of the network.
        parameters: Real tensors, by name.
        prior: Tensors of the prior, by name; empty for none.
        evaluator: Measures distortion and rate.
        lmbda: Cost of a bit a pixel, in squared error of colours in 0..1.
        num_pixels: Approximate number of pixels on which costs are measured.
    """
    rows = sample_strips(spec, num_pixels)
    q_steps: QSteps = {}

    def cost(name: str, fraction_bits: int) -> float:
        tried = {**q_steps, name: q_index_of_bits(fraction_bits)}
        with rounded({n: parameters[n] for n in tried}, tried, prior):
            # The context model does not change the picture, and other tensors not the bits.
            is_context = name in spec.context_names
            error = 0.0 if is_context else evaluator.measure_error(rows)
            bits = evaluator.measure_bits(rows) if is_context else 0.0
        values = quantize({name: parameters[name]}, tried, prior)[name].values
        return error + lmbda * (bits + WEIGHTS.num_bits(values) / (spec.width * spec.height))

    for name, tensor in parameters.items():
        most = most_fraction_bits(name)
        distance = tensor.detach() - prior[name] if name in prior else tensor.detach()
        cost_of = cache(partial(cost, name))
        starts = {first_fraction_bits(distance, most, q_step) for q_step in first_q_steps(lmbda)}
        found = [descend(cost_of, start, most) for start in starts]
        q_steps[name] = q_index_of_bits(min(found, key=cost_of))
    return q_steps


def first_q_steps(lmbda: float) -> list[float]:
    """Return the first q_steps of searches, in units of a tensor's root mean square.

    >>> first_q_steps(1e-2)
    [0.25, 0.015625]
    """
    return [part * lr_scale_at(lmbda) for part in FIRST_Q_STEPS]


def first_fraction_bits(tensor: Tensor, most: int, q_step: float) -> int:
    """Return the fraction bits of the first q_step, at which every level can be coded.

    Args:
        tensor: Real values to quantise.
        most: Largest number of fraction bits.
        q_step: First q_step, in units of the tensor's root mean square.
    """
    largest = tensor.abs().max().item()
    if largest == 0:
        return most
    # Relative to the largest: the squares of tiny values are below all floats.
    typical = largest * sqrt((tensor / largest).square().mean().item())
    return max(0, min(round(-log2(typical * q_step)), floor(log2(_CODABLE / largest)), most))


def descend(cost: Callable[[int], float], start: int, most: int) -> int:
    """Walk from `start` to the nearest whole number 0..most whose neighbours cost no less."""
    best, least = start, cost(start)
    for direction in (-1, 1):
        k = best + direction
        moved = False
        while 0 <= k <= most and (c := cost(k)) < least:
            best, least, k, moved = k, c, k + direction, True
        if moved:
            break
    return best


def sample_strips(spec: Spec, num_pixels: int) -> list[Rows]:
    """Return evenly spread strips of rows, of about `num_pixels` pixels in all."""
    strips = [
        (top, min(top + STRIP_UNIT, spec.height)) for top in range(0, spec.height, STRIP_UNIT)
    ]
    distance = -(-len(strips) // max(1, num_pixels // (STRIP_UNIT * spec.width)))
    return strips[min(distance, len(strips)) // 2 :: distance]


def most_fraction_bits(name: str) -> int:
    """Return the fraction bits of the finest q_step of a tensor.

    >>> most_fraction_bits("hidden.weight"), most_fraction_bits("hidden.bias")
    (15, 12)
    """
    return MOST_BIAS_BITS if is_bias(name) else MOST_FRACTION_BITS

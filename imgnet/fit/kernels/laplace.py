"""Code length of latents under Laplace distributions, compiled."""

from __future__ import annotations

import numpy as np

from imgnet.arrays import Float32Array
from imgnet.codec.entropy.distributions import LOWEST_SCALE_LOG2, NUM_SCALES
from imgnet.compilation.blocks import BLOCK, compiled, exp2, log2

_LEAST_PROBABILITY = np.float32(2.0**-16)
_LEAST = np.float32(LOWEST_SCALE_LOG2)
_MOST = np.float32(LOWEST_SCALE_LOG2 + (NUM_SCALES - 1) / 8)
_HALF, _ONE, _NONE = np.float32(0.5), np.float32(1), np.float32(0)
_LOG2_E, _LOG_2 = np.float32(1.4426950408889634), np.float32(0.6931471805599453)


@compiled
def code_length(
    values: Float32Array,
    start: int,
    distribution: Float32Array,
    first: int,
    to_distribution: Float32Array,
    count: int,
) -> float:
    """Return the bits of a block of values under Laplace distributions; set their gradients.

    Args:
        values: Flat array of values.
        start: Index of the first value of the block.
        distribution: Block whose rows `first` and `first` + 1 are locations and scales.
        first: Row of the locations in `distribution`.
        to_distribution: Block whose rows 0 and 1 are set to the gradients of locations and scales,
            and whose row 2 is set to the bits of each value. The gradients of the values are those
            of the locations with the sign changed.
        count: Samples, at most BLOCK.
    """
    at = np.uint64(start)
    of_location, of_scale = np.uint64(first * BLOCK), np.uint64((first + 1) * BLOCK)
    to_scale, to_length = np.uint64(BLOCK), np.uint64(2 * BLOCK)
    total = _NONE
    for p in range(np.uint64(count)):
        raw = distribution[of_scale + p]
        scale = min(max(raw, _LEAST), _MOST)
        sharpness = exp2(-scale)
        difference = values[at + p] - distribution[of_location + p]
        distance = abs(difference)
        steep = sharpness * _LOG2_E
        near = _HALF * exp2(-abs(distance - _HALF) * steep)
        far = _HALF * exp2(-(distance + _HALF) * steep)
        upper = _ONE - near if distance < _HALF else near
        probability = max(upper - far, _LEAST_PROBABILITY)
        length = -log2(probability)
        total += length
        to_distribution[to_length + p] = length
        slope = sharpness * _LOG2_E / probability
        towards = (far - near) * slope  # falls with the distance
        to_distribution[p] = (
            towards if difference > _NONE else -towards if difference < _NONE else _NONE
        )
        by_scale = (near * (_HALF - distance) + far * (_HALF + distance)) * slope * _LOG_2
        to_distribution[to_scale + p] = by_scale if scale == raw else _NONE
    return float(total)

"""Prediction of the time that the file of a fit takes after it: decoding and packing."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from math import prod

from imgnet.codec.entropy.rans import encode
from imgnet.spec import Spec

SAMPLE = 4096  # symbols whose coding is timed
TRIES = 3  # of which the fastest counts
# In units of the coding of one symbol, which is plain Python, as is half of packing.
PACK = 4.0  # of a latent
RENDER = 2.3  # of a pixel, on one core
LEAST_S = 0.6  # of the smallest file, with the start and the end of the process


def closing_s(spec: Spec, symbol_s: float, num_cores: int) -> float:
    """Return the seconds from the end of a fit to its written file.

    Args:
        spec: Shape of the network.
        symbol_s: Seconds in which the machine codes a symbol, see `symbol_seconds`.
        num_cores: Cores that render.

    >>> spec = Spec("grid", 1000, 1000, 0, 4, 1, num_levels=2, chroma_level=1, dim_context=4)
    >>> 5 < closing_s(spec, 1e-6, 2) < 12
    True
    """
    num_latents = sum(prod(spec.grid_size(level)) for _, level in spec.grids())
    return LEAST_S + symbol_s * (PACK * num_latents + RENDER * spec.width * spec.height / num_cores)


def closing_s_here(spec: Spec) -> float:
    """Return `closing_s` on this machine, as busy as it is now."""
    return closing_s(spec, symbol_seconds(time.perf_counter), os.cpu_count() or 1)


def symbol_seconds(clock: Callable[[], float]) -> float:
    """Return the seconds in which this machine codes a symbol.

    Args:
        clock: Returns the current time in seconds.
    """
    starts, frequencies = [0, 1 << 15] * (SAMPLE // 2), [1 << 15] * SAMPLE
    times = []
    for _ in range(TRIES):
        began = clock()
        encode(starts, frequencies)
        times.append(clock() - began)
    return min(times) / SAMPLE

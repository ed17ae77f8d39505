"""Rate map: the bits of the latents of a file, spread over its pixels."""

from __future__ import annotations

import numpy as np

from imgnet.arrays import ByteArray, Float64Array
from imgnet.codec.format.container import STREAM, Encoded
from imgnet.codec.format.grid_stream import distributions_of_grids, latent_bits, unpack
from imgnet.errors import UsageError
from imgnet.figures.ramps import sequential
from imgnet.spec import Spec, latents_name

BRIGHTEST = 0.99  # part of the pixels that no colour has to tell apart from brighter ones


def rate_map(encoded: Encoded) -> Float64Array:
    """Return the bits that the latents of each pixel take.

    The ideal code length of a latent, by the context model of the file, is spread evenly over the
    pixels that the latent covers: on level l, 2**l x 2**l pixels, fewer at the edges.

    Returns:
        (height, width) bits a pixel; their sum is that of all latents, without what escapes cost
        more.

    Raises:
        UsageError: The file has no coded latents.
        FormatError: The coded stream is damaged.
    """
    check_has_latents(encoded.spec)
    if encoded.weights != "coded":
        raise UsageError(f"its latents are {encoded.weights}, not coded; they have no code length")
    spec = encoded.spec
    bits = _bits_of_levels(encoded)
    total = np.zeros(spec.grid_size(spec.num_levels))
    for level in range(spec.num_levels - 1, -1, -1):  # coarsest first; each doubles the sum so far
        height, width = spec.grid_size(level)
        total = total.repeat(2, axis=0).repeat(2, axis=1)[:height, :width]
        if level in bits:
            total += bits[level] / _covered_pixels(spec, level)
    return total


def check_has_latents(spec: Spec) -> None:
    """Refuse a family without latents.

    Raises:
        UsageError: The family is not `grid`.
    """
    if spec.family != "grid":
        raise UsageError(f"has no latents: a file of {spec.family} is a network alone, unlike grid")


def brightest(bpp: Float64Array) -> float:
    """Return the bits a pixel from which on a rate map has its brightest colour.

    >>> brightest(np.append(np.ones(10_000), 9.0))
    1.0
    """
    return float(np.quantile(bpp, BRIGHTEST))


def draw_rate_map(bpp: Float64Array) -> ByteArray:
    """Draw bits a pixel as a picture: dark where there are none, bright where there are many.

    Args:
        bpp: (H, W) bits a pixel.

    Returns:
        (H, W, 3) colours.
    """
    return sequential(bpp, brightest(bpp))


def _bits_of_levels(encoded: Encoded) -> dict[int, Float64Array]:
    """Return the bits (h, w) of each level of a file, over all pyramids."""
    spec = encoded.spec
    quantized = unpack(spec, encoded.tensors[STREAM].tobytes())
    distributions = distributions_of_grids(spec, quantized)
    bits = {level: np.zeros(spec.grid_size(level)) for level in spec.levels()}
    for pyramid, level in spec.grids():
        name = latents_name(pyramid, level)
        of_grid = latent_bits(quantized[name].values.ravel(), distributions[name])
        bits[level] += of_grid.reshape(bits[level].shape)
    return bits


def _covered_pixels(spec: Spec, level: int) -> Float64Array:
    """Return the number of pixels (h, w) that each latent of a level covers."""
    rows, columns = (
        np.minimum((np.arange(n) + 1) << level, side) - (np.arange(n) << level)
        for n, side in zip(spec.grid_size(level), (spec.height, spec.width), strict=True)
    )
    return np.outer(rows, columns).astype(np.float64)

"""The network and the latents of `grid` to one stream of bytes and back.

The stream begins with the CRC-32 of the decoded pixels and one byte a tensor of the network: in its
upper half k, where the tensor is in multiples of 2**-k, in its lower half the scale of its
distribution. Then one entropy coded stream holds the network's integers, the latents that are out
of reach of their distribution, if there are any, and then, level by level from the coarsest, all
latents, wavefront by wavefront. `format.md` has the details.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from math import prod

import numpy as np
from numpy.typing import NDArray

from imgnet.codec.entropy.context import (
    LARGEST_LATENT,
    ContextModel,
    Distributions,
    decode_level,
    distributions_of_level,
    wavefronts,
)
from imgnet.codec.entropy.distributions import LOCATIONS, NUM_SCALES, laplace, reach
from imgnet.codec.entropy.escapes import escape_symbols, read_escapes
from imgnet.codec.entropy.fixed_point import from_real
from imgnet.codec.entropy.rans import TOTAL_BITS, Decoder, encode
from imgnet.codec.entropy.weights import (
    EXCESS_BITS,
    WeightDistribution,
    distribution_of,
    has_excess,
)
from imgnet.codec.format.quantized import Quantized, q_index_of
from imgnet.codec.priors import loader as priors
from imgnet.errors import FormatError
from imgnet.spec import Spec, latents_name, network_shapes

CRC_BYTES = 4
MOST_FRACTION_BITS = 15
# The likeliest latent of all distributions owns all but 8 of the 2**16 slots, so that one byte
# holds fewer than half as many. Readers refuse larger claims before they allocate anything.
MAX_LATENTS_PER_BYTE = 1 << 17

_UNIT = q_index_of(1.0)
_STEPS_PER_OCTAVE = 8
_CUT_SHORT = "the coded stream is cut short"
_DAMAGED = "the coded stream is damaged"

Integers = NDArray[np.int64]


def q_index_of_bits(fraction_bits: int) -> int:
    """Return the index of the step 2**-fraction_bits.

    >>> q_index_of_bits(0) == q_index_of(1.0), q_index_of_bits(15) == q_index_of(2.0**-15)
    (True, True)
    """
    return _UNIT - _STEPS_PER_OCTAVE * fraction_bits


def pack(spec: Spec, quantized: Mapping[str, Quantized], pixels_crc: int) -> bytes:
    """Write a whole picture.

    Args:
        spec: Shape of the network.
        quantized: All tensors; those of the network in steps of 2**-15..1, latents in steps of 1.
            Latents beyond `LARGEST_LATENT` are limited to it, as they are where they are drawn.
        pixels_crc: CRC-32 of the pixels that it draws.

    Raises:
        ValueError: A value of the network is too large for every distribution.
    """
    quantized = _limited(quantized)
    header = bytearray(pixels_crc.to_bytes(CRC_BYTES, "little"))
    starts, frequencies = list[int](), list[int]()
    for name in network_shapes(spec):
        tensor = quantized[name]
        distribution = distribution_of(tensor.values)
        header.append((_UNIT - tensor.q_index) // _STEPS_PER_OCTAVE << 4 | distribution.scale)
        if has_excess(tensor.values.size):
            starts.append(distribution.excess << TOTAL_BITS - EXCESS_BITS)
            frequencies.append(1 << TOTAL_BITS - EXCESS_BITS)
        table = np.array(distribution.table)
        symbols = tensor.values.ravel() + distribution.support
        starts += table[symbols].tolist()
        frequencies += (table[symbols + 1] - table[symbols]).tolist()
    slots, widths, escapes = list[int](), list[int](), list[int]()
    for grids, distributions in _distributions_of_levels(spec, quantized):
        order = wavefronts(*grids.shape)
        values = grids.ravel()[order]
        start, end, escape = _latent_slots(
            values, Distributions(*(x.ravel()[order] for x in distributions))
        )
        slots += start.tolist()
        widths += (end - start).tolist()
        escapes += values[escape].tolist()
    first, their_widths = escape_symbols(escapes)
    return bytes(header) + encode([*starts, *first, *slots], [*frequencies, *their_widths, *widths])


def _limited(quantized: Mapping[str, Quantized]) -> dict[str, Quantized]:
    limited = dict(quantized)
    for name, tensor in quantized.items():
        if name.startswith("latents."):
            values = np.clip(tensor.values, -LARGEST_LATENT, LARGEST_LATENT)
            limited[name] = Quantized(values, tensor.q_index)
    return limited


def distributions_of_grids(
    spec: Spec, quantized: Mapping[str, Quantized]
) -> dict[str, Distributions]:
    """Return the distributions of the latents of every grid, in the order of `Spec.grids`."""
    distributions = {}
    for level, (_, of_level) in zip(
        spec.levels(), _distributions_of_levels(spec, quantized), strict=True
    ):
        for grid, pyramid in enumerate(spec.pyramids(level)):
            distributions[latents_name(pyramid, level)] = of_level.at(grid)
    return distributions


def _distributions_of_levels(
    spec: Spec, quantized: Mapping[str, Quantized]
) -> Iterator[tuple[Integers, Distributions]]:
    """Yield the grids (G, height, width) of every level and their distributions."""
    model = _context_model(spec, quantized)
    for level in spec.levels():
        grids, parents = _stacked(spec, quantized, level, level), _parents(spec, quantized, level)
        yield (
            grids,
            distributions_of_level(model.of_level(level, _indices(spec, level)), grids, parents),
        )


def _indices(spec: Spec, level: int) -> list[tuple[int, int]]:
    """Return the index in the order of the file and the pyramid of each grid of a level."""
    grids = spec.grids()
    return [(grids.index((pyramid, level)), pyramid) for pyramid in spec.pyramids(level)]


def _parents(spec: Spec, quantized: Mapping[str, Quantized], level: int) -> Integers | None:
    """Return the next coarser grids of those of a level, if there are any."""
    is_coarsest = level == spec.num_levels - 1
    return None if is_coarsest else _stacked(spec, quantized, level, level + 1)


def _stacked(spec: Spec, quantized: Mapping[str, Quantized], level: int, of_level: int) -> Integers:
    """Return, of the pyramids that a level has, the grids (G, height, width) of some level."""
    names = [latents_name(pyramid, of_level) for pyramid in spec.pyramids(level)]
    return np.stack([quantized[name].values.astype(np.int64) for name in names])


def _context_model(spec: Spec, quantized: Mapping[str, Quantized]) -> ContextModel:
    names = [name for name in network_shapes(spec) if name.startswith("context.")]
    return ContextModel(from_real({name: quantized[name].dequantize() for name in names}))


def _latent_slots(
    values: NDArray[np.integer], distributions: Distributions
) -> tuple[Integers, Integers, NDArray[np.bool_]]:
    """Return each latent's first slot, the slot behind its last, and whether it is out of reach."""
    reaches = _REACHES[distributions.scale]
    symbols = values - distributions.whole + reaches
    last = 2 * reaches + 2
    escape = (symbols < 0) | (symbols >= last)
    symbols[escape] = last[escape]
    used, which = np.unique(
        distributions.scale * LOCATIONS + distributions.fraction, return_inverse=True
    )
    tables = [_TABLES[key] for key in used.tolist()]
    first = np.cumsum([0] + [len(table) for table in tables])[which] + symbols
    joined = np.concatenate([np.array(table) for table in tables])
    return joined[first], joined[first + 1], escape


def latent_bits(values: NDArray[np.integer], distributions: Distributions) -> NDArray[np.float64]:
    """Return the ideal code length of each latent (N,) in bits, without what escapes cost more."""
    start, end, _ = _latent_slots(values, distributions)
    bits: NDArray[np.float64] = TOTAL_BITS - np.log2(end - start)
    return bits


class _Tables(dict[int, list[int]]):
    """The tables of Laplace distributions by scale * 32 + fraction, made when first asked for."""

    def __missing__(self, key: int) -> list[int]:
        table = self[key] = laplace(*divmod(key, LOCATIONS))
        return table


_TABLES = _Tables()
_REACHES = np.array([reach(scale) for scale in range(NUM_SCALES)])


def least_bytes(spec: Spec) -> int:
    """Return a size below which no stream of this shape is.

    >>> least_bytes(Spec("grid", 8, 8, 0, 1, 0, num_levels=1, dim_context=1))
    19
    """
    return CRC_BYTES + len(network_shapes(spec)) + 4  # and the state of the coder


def pixels_crc(data: bytes) -> int:
    """Return the CRC-32 of the pixels that a stream draws.

    >>> pixels_crc(bytes([1, 0, 0, 0]))
    1
    """
    return int.from_bytes(data[:CRC_BYTES], "little")


def unpack(spec: Spec, data: bytes, finest: int = 0) -> dict[str, Quantized]:
    """Read the tensors that `pack` wrote for the same spec.

    Args:
        spec: Shape of the network.
        data: Stream.
        finest: Level below which latents are left out.

    Raises:
        FormatError: The stream is cut short, damaged or not of this spec.
    """
    shapes = network_shapes(spec)
    header_end = CRC_BYTES + len(shapes)
    if len(data) < header_end:
        raise FormatError(_CUT_SHORT)
    _check_claims(spec, len(data) - header_end)
    decoder = Decoder(data[header_end:])
    quantized, origins = {}, priors.origins(spec)
    for (name, shape), byte in zip(shapes.items(), data[CRC_BYTES:header_end], strict=True):
        excess = decoder.read_bits(EXCESS_BITS) if has_excess(prod(shape)) else 0
        distribution = WeightDistribution(byte & 15, excess)
        symbols = decoder.read([distribution.table] * prod(shape))
        values = np.array(symbols, np.int32).reshape(shape) - np.int32(distribution.support)
        quantized[name] = Quantized(values, q_index_of_bits(byte >> 4), origins.get(name))
    model = _context_model(spec, quantized)
    escapes = iter(read_escapes(decoder))
    for level in spec.levels():
        if level < finest:
            return quantized
        pyramids = spec.pyramids(level)
        grids = decode_level(
            model.of_level(level, _indices(spec, level)),
            spec.grid_size(level),
            len(pyramids),
            _parents(spec, quantized, level),
            lambda distributions: _read_latents(decoder, distributions, escapes),
        )
        if np.abs(grids).max() > LARGEST_LATENT:
            raise FormatError(_DAMAGED)
        for pyramid, grid in zip(pyramids, grids.astype(np.int32), strict=True):
            quantized[latents_name(pyramid, level)] = Quantized(grid, _UNIT)
    decoder.finish()
    if next(escapes, None) is not None:
        raise FormatError(_DAMAGED)
    return quantized


def _check_claims(spec: Spec, stream_bytes: int) -> None:
    latents = sum(prod(spec.grid_size(level)) for _, level in spec.grids())
    if latents > MAX_LATENTS_PER_BYTE * stream_bytes:
        raise FormatError(
            f"{stream_bytes} coded bytes cannot hold the {latents} latents that the header promises"
        )


def _read_latents(
    decoder: Decoder, distributions: Distributions, escapes: Iterator[int]
) -> Integers:
    keys = distributions.scale * LOCATIONS + distributions.fraction
    symbols = np.array(decoder.read(map(_TABLES.__getitem__, keys.tolist())))
    reaches = _REACHES.take(distributions.scale)
    symbols -= reaches
    latents: Integers = symbols + distributions.whole
    outside = symbols > reaches + 1
    if outside.any():
        missing = int(outside.sum())
        found = list(islice(escapes, missing))
        if len(found) < missing:
            raise FormatError(_DAMAGED)
        latents[outside] = found
    return latents

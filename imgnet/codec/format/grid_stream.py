"""Stream of `grid`: the CRC-32 of the pixels, the coded weights, escapes and latents.

The escapes are the latents that their distributions do not reach. The latents follow level by level
from the coarsest, and within a level wavefront by wavefront. `format.md` has the details.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from math import prod

import numpy as np
from numpy.typing import NDArray

from imgnet.codec.entropy.context import LARGEST_LATENT, ContextModel, Distributions, Features
from imgnet.codec.entropy.escapes import escape_symbols, read_escapes
from imgnet.codec.entropy.fixed_point import from_real
from imgnet.codec.entropy.latents import (
    DAMAGED,
    LatentDecoder,
    LatentEncoder,
    PlainLatentDecoder,
    PlainLatentEncoder,
    Symbols,
    slots,
)
from imgnet.codec.entropy.rans import TOTAL_BITS, Decoder
from imgnet.codec.entropy.wavefront import distributions_of_level
from imgnet.codec.entropy.weights import WeightCoder
from imgnet.codec.format.quantized import Q_STEPS_PER_OCTAVE, Quantized, q_index_of, q_index_of_bits
from imgnet.codec.priors import loader as priors
from imgnet.errors import FormatError
from imgnet.spec import Spec, is_latents, latents_name, network_shapes

CRC_BYTES = 4
MOST_FRACTION_BITS = 15
# The q_steps 2**0 .. 2**-15, and every fourth of the narrower distributions.
WEIGHTS = WeightCoder(
    range(q_index_of_bits(0), q_index_of_bits(MOST_FRACTION_BITS) - 1, -Q_STEPS_PER_OCTAVE),
    range(0, 64, 4),
)
LARGEST_INTEGER = WEIGHTS.largest
# The likeliest latent of all distributions owns all but 8 of the 2**16 slots, so that one byte
# holds fewer than half as many. Readers refuse larger claims before they allocate anything.
MAX_LATENTS_PER_BYTE = 1 << 17

# From here on the compiled coder saves more than it takes to load; the first time on a machine,
# that is as long as it takes to compile.
MANY_LATENTS = 1 << 21

_UNIT = q_index_of(1.0)

Integers = NDArray[np.int64]


def pack(spec: Spec, quantized: Mapping[str, Quantized], pixels_crc: int) -> bytes:
    """Write a whole picture.

    Args:
        spec: Shape of the network.
        quantized: All tensors; the q_steps of the network are 2**-15..1 and that of latents is 1.
            Latents beyond `LARGEST_LATENT` are clamped to it, as in rendering.
        pixels_crc: CRC-32 of the rendered pixels.

    Raises:
        ValueError: An integer of the network is beyond `LARGEST_INTEGER`.
    """
    quantized = _limited(quantized)
    network = [quantized[name] for name in network_shapes(spec)]
    headers, starts, widths = WEIGHTS.pack((tensor.q_index, tensor.values) for tensor in network)
    encoder = _latent_encoder(_num_latents(spec, spec.levels()))
    latents, escapes = _latent_symbols(spec, quantized, encoder)
    escape_starts, escape_widths = escape_symbols(escapes)
    first = np.array([[*starts, *escape_starts], [*widths, *escape_widths]], np.int32).T
    stream = encoder.stream(np.concatenate([first, *latents]))
    return pixels_crc.to_bytes(CRC_BYTES, "little") + headers + stream


def _latent_symbols(
    spec: Spec, quantized: Mapping[str, Quantized], encoder: LatentEncoder
) -> tuple[list[Symbols], list[int]]:
    """Return the symbols of the latents of each level, and all escapes."""
    model, symbols, escapes = _context_model(spec, quantized), list[Symbols](), list[int]()
    for level in spec.levels():
        of_level, outside = encoder.level(
            model.of_level(level, _indices(spec, level)),
            _stacked(spec, quantized, level, level),
            _parents(spec, quantized, level),
            _features(model, spec, quantized, level),
        )
        symbols.append(of_level)
        escapes += outside
    return symbols, escapes


def _limited(quantized: Mapping[str, Quantized]) -> dict[str, Quantized]:
    limited = dict(quantized)
    for name, tensor in quantized.items():
        if is_latents(name):
            values = np.clip(tensor.values, -LARGEST_LATENT, LARGEST_LATENT)
            limited[name] = Quantized(values, tensor.q_index)
    return limited


def distributions_of_grids(
    spec: Spec, quantized: Mapping[str, Quantized]
) -> dict[str, Distributions]:
    """Return the distributions of the latents of every grid, in the order of `Spec.grids`."""
    distributions = {}
    of_levels = _distributions_of_levels(spec, quantized)
    for level, of_level in zip(spec.levels(), of_levels, strict=True):
        for grid, pyramid in enumerate(spec.pyramids(level)):
            distributions[latents_name(pyramid, level)] = of_level.at(grid)
    return distributions


def _distributions_of_levels(
    spec: Spec, quantized: Mapping[str, Quantized]
) -> Iterator[Distributions]:
    """Yield the distributions of the grids of every level."""
    model = _context_model(spec, quantized)
    for level in spec.levels():
        grids, of_grids = _stacked(spec, quantized, level, level), _indices(spec, level)
        of_level, parents = model.of_level(level, of_grids), _parents(spec, quantized, level)
        features = _features(model, spec, quantized, level)
        yield distributions_of_level(of_level, grids, parents, features)


def _indices(spec: Spec, level: int) -> list[tuple[int, int]]:
    """Return the index in the order of the file and the pyramid of each grid of a level."""
    grids = spec.grids()
    return [(grids.index((pyramid, level)), pyramid) for pyramid in spec.pyramids(level)]


def _parents(spec: Spec, quantized: Mapping[str, Quantized], level: int) -> Integers | None:
    """Return the next coarser grids of those of a level, if there are any."""
    is_coarsest = level == spec.num_levels - 1
    return None if is_coarsest else _stacked(spec, quantized, level, level + 1)


def _features(
    model: ContextModel, spec: Spec, quantized: Mapping[str, Quantized], level: int
) -> Features | None:
    """Return the coarse features of the grids of a level, if there are any."""
    coarser = {grid: quantized[latents_name(*grid)].values for grid in spec.coarser_grids(level)}
    return model.coarse_features(level, spec.pyramids(level), coarser)


def _stacked(spec: Spec, quantized: Mapping[str, Quantized], level: int, of_level: int) -> Integers:
    """Return, of the pyramids that a level has, the grids (G, height, width) of some level."""
    names = [latents_name(pyramid, of_level) for pyramid in spec.pyramids(level)]
    return np.stack([quantized[name].values for name in names])


def _context_model(spec: Spec, quantized: Mapping[str, Quantized]) -> ContextModel:
    return ContextModel(from_real({n: quantized[n].dequantize() for n in spec.context_names}))


def latent_bits(values: NDArray[np.integer], distributions: Distributions) -> NDArray[np.float64]:
    """Return the ideal code length of each latent (N,) in bits, without what escapes cost more."""
    start, end, _ = slots(values, distributions)
    bits: NDArray[np.float64] = TOTAL_BITS - np.log2(end - start)
    return bits


def tensor_bits(spec: Spec, quantized: Mapping[str, Quantized]) -> dict[str, float]:
    """Return the ideal code length of each tensor, with its header, without escapes."""
    bits = {name: WEIGHTS.num_bits(quantized[name].values) for name in network_shapes(spec)}
    for name, distributions in distributions_of_grids(spec, quantized).items():
        bits[name] = float(latent_bits(quantized[name].values.ravel(), distributions).sum())
    return bits


def least_bytes(spec: Spec) -> int:
    """Return a size below which no stream of this shape is.

    >>> least_bytes(Spec("grid", 8, 8, 0, 1, 0, num_levels=1, dim_context=1))
    19
    """
    # The last 4 are the state of the coder.
    return CRC_BYTES + WEIGHTS.header_bytes * len(network_shapes(spec)) + 4


def pixels_crc(data: bytes) -> int:
    """Return the CRC-32 of the pixels that a stream draws.

    >>> pixels_crc(bytes([1, 0, 0, 0]))
    1
    """
    return int.from_bytes(data[:CRC_BYTES], "little")


def unpack(
    spec: Spec, data: bytes, finest: int = 0, count: int | None = None
) -> dict[str, Quantized]:
    """Read the tensors that `pack` wrote for the same spec.

    Args:
        spec: Shape of the network.
        data: Stream.
        finest: Level below which latents are left out.
        count: Wavefronts to decode of the last level that is not left out, None for all; the
            latents of the others are 0.

    Raises:
        FormatError: The stream is cut short, damaged or not of this spec.
    """
    shapes = network_shapes(spec)
    coded = data[CRC_BYTES:]
    check_claims(spec, len(data))
    network, decoder = WEIGHTS.unpack(coded, list(shapes.values()))
    prior_tensors = priors.prior_tensors(spec)
    quantized = {
        name: Quantized(values, q_index, prior_tensors.get(name))
        for name, (q_index, values) in zip(shapes, network, strict=True)
    }
    model = _context_model(spec, quantized)
    levels = [level for level in spec.levels() if level >= finest]
    latents = _latent_decoder(_num_latents(spec, levels), decoder)
    for level in levels:
        grids = latents.level(
            model.of_level(level, _indices(spec, level)),
            spec.grid_size(level),
            _parents(spec, quantized, level),
            _features(model, spec, quantized, level),
            count if level == levels[-1] else None,
        )
        if grids.min() < -LARGEST_LATENT or grids.max() > LARGEST_LATENT:
            raise FormatError(DAMAGED)
        for pyramid, grid in zip(spec.pyramids(level), grids, strict=True):
            quantized[latents_name(pyramid, level)] = Quantized(grid, _UNIT)
    if count is None and levels == spec.levels():
        latents.finish()
    return quantized


def _latent_decoder(number: int, decoder: Decoder) -> LatentDecoder:
    """Return a decoder of so many latents, behind which the stream may go on."""
    escapes = read_escapes(decoder)
    if number >= MANY_LATENTS:
        with suppress(ImportError):  # not every machine has Numba
            from imgnet.codec.entropy.compiled_latents import CompiledLatentDecoder

            return CompiledLatentDecoder(decoder, escapes)
    return PlainLatentDecoder(decoder, escapes)


def _latent_encoder(number: int) -> LatentEncoder:
    """Return an encoder of so many latents."""
    if number >= MANY_LATENTS:
        with suppress(ImportError):
            from imgnet.codec.entropy.compiled_latents import CompiledLatentEncoder

            return CompiledLatentEncoder()
    return PlainLatentEncoder()


def _num_latents(spec: Spec, levels: Iterable[int]) -> int:
    return sum(prod(spec.grid_size(level)) * len(spec.pyramids(level)) for level in levels)


def check_claims(spec: Spec, num_bytes: int) -> None:
    """Check that a stream of so many bytes may hold the network and the latents.

    Raises:
        FormatError: It is too short.
    """
    shapes = network_shapes(spec).values()
    WEIGHTS.check_claims(shapes, num_bytes - CRC_BYTES)
    stream_bytes = WEIGHTS.stream_bytes(shapes, num_bytes - CRC_BYTES)
    latents = _num_latents(spec, spec.levels())
    if latents > MAX_LATENTS_PER_BYTE * stream_bytes:
        raise FormatError(
            f"{stream_bytes} coded bytes cannot hold the {latents} latents that the header promises"
        )

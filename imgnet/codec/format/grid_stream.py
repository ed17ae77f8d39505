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

from imgnet.codec.entropy.context import LARGEST_LATENT, Distributions
from imgnet.codec.entropy.escapes import escape_symbols, read_escapes
from imgnet.codec.entropy.latents import (
    DAMAGED,
    LatentDecoder,
    LatentEncoder,
    PlainLatentDecoder,
    PlainLatentEncoder,
    Symbols,
    slots,
)
from imgnet.codec.entropy.rans import CUT_SHORT, TOTAL_BITS, Decoder
from imgnet.codec.entropy.wavefront import distributions_of_level
from imgnet.codec.entropy.weights import WeightCoder
from imgnet.codec.format.grid_levels import context_model, level_context, stacked
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
    model, symbols, escapes = context_model(spec, quantized), list[Symbols](), list[int]()
    for level in spec.levels():
        grids = stacked(spec, quantized, level, level)
        of_level, parents, features = level_context(model, spec, quantized, level)
        of_grids, outside = encoder.level(of_level, grids, parents, features)
        symbols.append(of_grids)
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
    model = context_model(spec, quantized)
    for level in spec.levels():
        grids = stacked(spec, quantized, level, level)
        of_level, parents, features = level_context(model, spec, quantized, level)
        yield distributions_of_level(of_level, grids, parents, features)


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
    levels = [level for level in spec.levels() if level >= finest]
    reader = Reader(spec, data, levels)
    for level in levels:
        if not reader.read(level, count if level == levels[-1] else None):
            raise FormatError(CUT_SHORT)
    if count is None and levels == spec.levels():
        reader.finish()
    return reader.quantized


class Reader:
    """Reader of a stream, which may lack its end: the network first, then level by level.

    Args:
        spec: Shape of the network.
        data: Stream.
        levels: Levels that will be read, coarsest first.

    Attributes:
        quantized: All tensors that were read.

    Raises:
        FormatError: The stream is too short for the network, or not of this spec.
    """

    def __init__(self, spec: Spec, data: bytes, levels: Iterable[int]) -> None:
        shapes = network_shapes(spec)
        check_claims(spec, len(data))
        network, decoder = WEIGHTS.unpack(data[CRC_BYTES:], list(shapes.values()))
        prior_tensors = priors.prior_tensors(spec)
        self.quantized = {
            name: Quantized(values, q_index, prior_tensors.get(name))
            for name, (q_index, values) in zip(shapes, network, strict=True)
        }
        self._spec, self._model = spec, context_model(spec, self.quantized)
        self._latents = _latent_decoder(_num_latents(spec, levels), decoder)

    def read(self, level: int, count: int | None = None) -> bool:
        """Read the latents of the next level.

        Args:
            level: The level.
            count: Wavefronts to read, None for all; the latents of the others are 0.

        Returns:
            Whether the stream has all these wavefronts; the latents of those that it lacks are 0.

        Raises:
            FormatError: The stream is damaged.
        """
        spec, quantized = self._spec, self.quantized
        model, parents, features = level_context(self._model, spec, quantized, level)
        size = spec.grid_size(level)
        grids, whole = self._latents.level(model, size, parents, features, count)
        if grids.min() < -LARGEST_LATENT or grids.max() > LARGEST_LATENT:
            raise FormatError(DAMAGED)
        for pyramid, grid in zip(spec.pyramids(level), grids, strict=True):
            quantized[latents_name(pyramid, level)] = Quantized(grid, _UNIT)
        return whole

    def finish(self) -> None:
        """Check that the stream ends here.

        Raises:
            FormatError: The stream is damaged or goes on.
        """
        self._latents.finish()


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

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from imgnet.codec.entropy.context import LARGEST_LATENT, ContextModel, Distributions
from imgnet.codec.entropy.distributions import LOCATIONS, NUM_SCALES, laplace, reach
from imgnet.codec.entropy.escapes import escape_symbols
from imgnet.codec.entropy.fixed_point import from_real
from imgnet.codec.entropy.wavefront import decode_level, wavefronts
from imgnet.codec.format import grid_stream
from imgnet.codec.format.grid_stream import (
    CRC_BYTES,
    LARGEST_INTEGER,
    MAX_LATENTS_PER_BYTE,
    MOST_FRACTION_BITS,
    WEIGHTS,
    distributions_of_grids,
    pack,
    pixels_crc,
    unpack,
)
from imgnet.codec.format.quantized import Quantized, q_index_of_bits, q_step_of
from imgnet.errors import FormatError
from imgnet.spec import Spec, latents_name, network_shapes
from support.memory import peak_bytes
from support.networks import Tensors, extreme_tensors, grid_spec, random_tensors

SPECS = [
    grid_spec(21, 13),
    grid_spec(1, 1, num_levels=1, chroma_level=0),
    grid_spec(1, 7, dim_out=1, num_levels=2),
    grid_spec(7, 1, dim_out=2, num_layers=0),
    grid_spec(16, 16, num_levels=5, finest=1, chroma_level=2),
    grid_spec(12, 9, dim_out=4, chroma_level=0, dim_context=1, dim_hidden=1),
]
PICTURE = SPECS[0]


def same(a: Tensors, b: Tensors) -> bool:
    return list(a) == list(b) and all(
        a[name].q_index == b[name].q_index and np.array_equal(a[name].values, b[name].values)
        for name in a
    )


def is_latents(name: str) -> bool:
    return name.startswith("latents.")


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("spread", [0.3, 4.0, 500.0])
def test_round_trip(spec: Spec, spread: float) -> None:
    tensors = random_tensors(spec, spread=spread)
    stream = pack(spec, tensors, 0x12345678)
    read = unpack(spec, stream)
    assert same(read, {name: tensors[name] for name in spec.shapes()})
    assert all(tensor.values.dtype == np.int32 for tensor in read.values())
    assert pixels_crc(stream) == 0x12345678


@pytest.mark.parametrize("spec", SPECS)
def test_round_trip_of_the_largest_numbers(spec: Spec) -> None:
    tensors = extreme_tensors(spec)
    assert same(unpack(spec, pack(spec, tensors, 0)), tensors)


@pytest.mark.parametrize("fraction_bits", range(MOST_FRACTION_BITS + 1))
def test_every_power_of_two_is_a_step(fraction_bits: int) -> None:
    step = q_index_of_bits(fraction_bits)
    assert q_step_of(step) == 2.0**-fraction_bits
    tensors = random_tensors(PICTURE)
    for name in network_shapes(PICTURE):
        tensors[name] = replace(tensors[name], q_index=step)
    assert same(unpack(PICTURE, pack(PICTURE, tensors, 0)), tensors)


def test_order_of_the_mapping_does_not_matter() -> None:
    tensors = random_tensors(PICTURE)
    assert pack(PICTURE, dict(reversed(tensors.items())), 0) == pack(PICTURE, tensors, 0)


def test_latents_that_are_too_large_are_limited() -> None:
    tensors = random_tensors(PICTURE)
    huge = np.array([[LARGEST_LATENT + 1, -(2**31)]] * 2, np.int32)
    tensors["latents.0.0"].values[:2, :2] = huge
    limited = unpack(PICTURE, pack(PICTURE, tensors, 0))["latents.0.0"].values
    assert limited[:2, :2].tolist() == [[LARGEST_LATENT, -LARGEST_LATENT]] * 2
    assert np.array_equal(limited[2:], tensors["latents.0.0"].values[2:])
    assert tensors["latents.0.0"].values[0, 0] == LARGEST_LATENT + 1  # those of the caller stay


def test_weights_that_are_too_large_are_refused() -> None:
    tensors = random_tensors(PICTURE)
    tensors["linear.weight"].values[0, 0] = -LARGEST_INTEGER - 1
    with pytest.raises(ValueError, match="364 is too large"):
        pack(PICTURE, tensors, 0)


@pytest.mark.parametrize("spec", SPECS)
def test_levels_that_are_not_wanted_are_left_out(spec: Spec) -> None:
    tensors = random_tensors(spec)
    stream = pack(spec, tensors, 0)
    for finest in range(1, spec.num_levels):
        wanted = set(network_shapes(spec))
        wanted |= {latents_name(*grid) for grid in spec.grids() if grid[1] >= finest}
        expected = {name: tensors[name] for name in spec.shapes() if name in wanted}
        read = unpack(spec, stream, finest)
        assert same({name: read[name] for name in spec.shapes() if name in read}, expected)


def test_what_comes_behind_the_wanted_levels_is_not_read() -> None:
    stream = pack(PICTURE, random_tensors(PICTURE), 0)
    unpack(PICTURE, stream[:-20], finest=1)
    with pytest.raises(FormatError):
        unpack(PICTURE, stream[:-20])


def test_stream_never_changes() -> None:
    spec = grid_spec(9, 6)
    tensors = {}
    for i, (name, shape) in enumerate(spec.shapes().items()):
        numbers = np.arange(np.prod(shape), dtype=np.int64).reshape(shape) + 7 * i
        values = numbers * numbers * 31 % 23 - 11
        values += 900 * (numbers % 17 == 3) if is_latents(name) else 0
        step = q_index_of_bits(0 if is_latents(name) else 6)
        tensors[name] = Quantized(values.astype(np.int32), step)
    stream = pack(spec, tensors, 0xFEDCBA98)
    assert same(unpack(spec, stream), tensors)
    assert stream[:CRC_BYTES].hex() == "98badcfe"
    assert (
        hashlib.sha256(stream).hexdigest()
        == "b6f6ca3fc9704c120e5d99f596aa54f5652a6710863ac2dd7adbc432fcc15947"
    )


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_a_stream_of_many_latents_is_written_and_read_by_the_compiled_coder(
    spec: Spec, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("numba")
    tensors = random_tensors(spec)
    stream = pack(spec, tensors, 0)
    monkeypatch.setattr(grid_stream, "MANY_LATENTS", 0)
    monkeypatch.delattr(grid_stream, "PlainLatentDecoder")
    monkeypatch.delattr(grid_stream, "PlainLatentEncoder")
    assert pack(spec, tensors, 0) == stream
    assert same(unpack(spec, stream), tensors)
    with pytest.raises(FormatError):
        unpack(spec, stream + bytes(2))


def test_without_numba_many_latents_are_read_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    tensors = random_tensors(PICTURE)
    monkeypatch.setattr(grid_stream, "MANY_LATENTS", 0)
    monkeypatch.setitem(sys.modules, "imgnet.codec.entropy.compiled_latents", None)
    assert same(unpack(PICTURE, pack(PICTURE, tensors, 0)), tensors)


# The size


def latents_by_their_distributions(spec: Spec, seed: int) -> tuple[Tensors, float]:
    """Draw latents by the Laplace distributions of a context model.

    Returns:
        All tensors, and the bits that the latents take under these distributions as real numbers.
    """
    rng = np.random.default_rng(seed)
    tensors, bits = random_tensors(spec, seed), 0.0
    for name in network_shapes(spec):
        if name.startswith("context."):
            tensors[name] = replace(tensors[name], q_index=q_index_of_bits(11))
    tensors["context.last.bias"].values[:] = rng.integers(-60, 60, (len(spec.grids()), 2))
    tensors["context.last.bias"] = replace(tensors["context.last.bias"], q_index=q_index_of_bits(6))

    def read(distributions: Distributions) -> np.ndarray:
        nonlocal bits
        location = distributions.whole + distributions.fraction / LOCATIONS
        scale = 2.0 ** (distributions.scale / 8 - 4.5)
        values = np.rint(rng.laplace(location, scale)).astype(np.int64)
        bits += laplace_bits(values - location, scale)
        return values

    context = {n: tensors[n].dequantize() for n in network_shapes(spec) if n.startswith("context.")}
    model = ContextModel(from_real(context))
    for index, (pyramid, level) in enumerate(spec.grids()):
        parent = tensors[latents_name(pyramid, level + 1)].values[None] if level < 2 else None
        distribution = model.of_level(level, [(index, pyramid)])
        (grid,), _ = decode_level(distribution, spec.grid_size(level), 1, parent, read)
        name = latents_name(pyramid, level)
        tensors[name] = Quantized(grid.astype(np.int32), q_index_of_bits(0))
    return tensors, bits


def laplace_bits(distance: np.ndarray, scale: np.ndarray) -> float:
    far, near = (np.abs(distance) + 0.5) / scale, (np.abs(distance) - 0.5) / scale
    outside = (np.exp(-far) - np.exp(-near)) / -2
    inside = 1 - (np.exp(-far) + np.exp(np.minimum(near, 0))) / 2
    return float(-np.log2(np.where(near > 0, outside, inside)).sum())


def table_bits(spec: Spec, tensors: Tensors) -> float:
    bits = 0.0
    for name, distributions in distributions_of_grids(spec, tensors).items():
        values = tensors[name].values.ravel()
        for value, whole, fraction, scale in zip(
            values, distributions.whole, distributions.fraction, distributions.scale, strict=True
        ):
            table, symbol = laplace(scale, fraction), value - whole + reach(scale)
            assert 0 <= symbol < len(table) - 2
            bits += 16 - np.log2(table[symbol + 1] - table[symbol])
    return bits


@pytest.mark.parametrize("seed", range(3))
def test_size_is_close_to_the_ideal(seed: int) -> None:
    spec = grid_spec(64, 48)
    tensors, real_bits = latents_by_their_distributions(spec, seed)
    network = {name: tensors[name].values for name in network_shapes(spec)}
    header_bits = 8 * CRC_BYTES + sum(map(WEIGHTS.num_bits, network.values()))
    length = len(pack(spec, tensors, 0))
    of_tables = (table_bits(spec, tensors) + header_bits) / 8
    of_distributions = (real_bits + header_bits) / 8
    assert of_distributions > 1000
    assert of_tables <= length <= 1.003 * of_tables + 32
    assert abs(length - of_distributions) <= 0.003 * of_distributions + 32


def test_an_escape_costs_sixteen_bits_more_than_its_symbol() -> None:
    tensors = random_tensors(PICTURE, spread=0.0)
    without = len(pack(PICTURE, tensors, 0))
    tensors["latents.0.0"].values[-1, -1] = 4000
    # The flag, the count, the value and the symbol; the last latent is no other's neighbour.
    assert without + 8 <= len(pack(PICTURE, tensors, 0)) <= without + 12


def test_more_strays_than_sixteen_bits_count() -> None:
    spec = grid_spec(320, 256, num_levels=1, chroma_level=0, dim_out=1, dim_context=1)
    tensors = random_tensors(spec)
    for name in network_shapes(spec):
        tensors[name].values[:] = 0
    tensors["latents.0.0"].values[:] = np.arange(320) + 1000
    assert same(unpack(spec, pack(spec, tensors, 0)), tensors)


# Damage


def test_every_cut_is_noticed() -> None:
    for spec, spread in [(SPECS[0], 2.0), (SPECS[1], 2.0), (SPECS[2], 500.0)]:
        stream = pack(spec, random_tensors(spec, spread=spread), 0)
        for length in [*range(0, len(stream), 5), *range(len(stream) - 9, len(stream))]:
            with pytest.raises(FormatError):
                unpack(spec, stream[:length])


def test_what_is_left_over_is_noticed() -> None:
    stream = pack(PICTURE, random_tensors(PICTURE), 0)
    for more in (b"\0", b"\0\0", b"\1\2\3\4"):
        with pytest.raises(FormatError):
            unpack(PICTURE, stream + more)


@pytest.mark.parametrize("spread", [2.0, 500.0])
def test_a_flipped_bit_never_does_worse_than_a_format_error(spread: float) -> None:
    spec = grid_spec(5, 4, dim_context=2, dim_hidden=2, num_layers=0, num_levels=2, dim_out=2)
    stream = pack(spec, random_tensors(spec, spread=spread), 0)
    noticed = 0
    for position in range(CRC_BYTES, len(stream)):
        for bit in (position % 8, (position + 5) % 8):
            flipped = bytearray(stream)
            flipped[position] ^= 1 << bit
            try:
                unpack(spec, bytes(flipped))
            except FormatError:
                noticed += 1
    # The end of the stream gives most of them away; the checksum of the file is for the others.
    assert noticed > 0.9 * 2 * (len(stream) - CRC_BYTES)


@pytest.mark.parametrize("spec", SPECS)
def test_noise_never_does_worse_than_a_format_error(spec: Spec) -> None:
    rng = np.random.default_rng(9)
    for length in [*range(60), 200, 3000]:
        with pytest.raises(FormatError):
            unpack(spec, rng.bytes(length))
    for fill in (0, 1, 255):
        with pytest.raises(FormatError):
            unpack(spec, bytes([fill]) * 3000)


@pytest.mark.parametrize(
    "change", [lambda escapes: escapes[:-1], lambda escapes: [*escapes, 9], lambda _: []]
)
def test_a_wrong_number_of_escapes_is_noticed(
    change: Callable[[list[int]], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    tensors = random_tensors(PICTURE, spread=0.5)
    tensors["latents.0.0"].values[3, 4:6] = 4000  # both on wavefronts of their own
    tensors["latents.0.0"].values[5, 0] = 4000  # on the wavefront of the first
    monkeypatch.setattr(
        grid_stream, "escape_symbols", lambda escapes: escape_symbols(change(escapes))
    )
    with pytest.raises(FormatError, match="damaged"):
        unpack(PICTURE, pack(PICTURE, tensors, 0))


@pytest.mark.parametrize("value", [LARGEST_LATENT + 1, -LARGEST_LATENT - 1, 32767, -32768])
def test_a_latent_that_is_too_large_is_noticed(value: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("latents.0.0", "latents.0.2", "latents.1.1"):
        tensors = random_tensors(PICTURE)
        tensors[name].values[-1, -1] = value
        with monkeypatch.context() as patch:
            patch.setattr(grid_stream, "LARGEST_LATENT", 1 << 15)  # of a careless writer
            stream = pack(PICTURE, tensors, 0)
        with pytest.raises(FormatError, match="damaged"):
            unpack(PICTURE, stream)


def test_more_latents_than_the_stream_can_hold_are_refused_unread() -> None:
    huge = grid_spec(1 << 16, 1 << 12, num_levels=7)

    def refused() -> None:
        with pytest.raises(FormatError, match="cannot hold the 536805376 latents"):
            unpack(huge, bytes(1000))

    assert peak_bytes(refused) < 1 << 20


def test_no_stream_holds_more_latents_than_readers_believe() -> None:
    likeliest = max(
        np.diff(laplace(scale, fraction)).max()
        for scale in range(NUM_SCALES)
        for fraction in range(LOCATIONS)
    )
    assert 8 / (16 - np.log2(likeliest)) < MAX_LATENTS_PER_BYTE / 2
    flat = grid_spec(500, 400)
    tensors = random_tensors(flat, spread=0.0)
    for name in network_shapes(flat):
        tensors[name].values[:] = 0
    tensors["context.last.bias"].values[:, 1] = -50
    tensors["context.last.bias"] = replace(tensors["context.last.bias"], q_index=q_index_of_bits(0))
    stream = pack(flat, tensors, 0)
    assert len(stream) < 200
    assert same(unpack(flat, stream), tensors)


def test_escapes_come_in_the_order_of_the_wavefronts(monkeypatch: pytest.MonkeyPatch) -> None:
    found = list[int]()
    monkeypatch.setattr(
        grid_stream,
        "escape_symbols",
        lambda escapes: found.extend(escapes) or escape_symbols(escapes),
    )
    tensors = random_tensors(PICTURE, spread=0.5)
    for position, value in zip((5, 90, 250), (4001, 4000, 4002), strict=True):
        tensors["latents.0.0"].values.ravel()[wavefronts(1, 13, 21)[position]] = value
    pack(PICTURE, tensors, 0)
    assert [value for value in found if value > 3000] == [4001, 4000, 4002]

"""Coded streams: the contract that those of all families keep."""

from __future__ import annotations

import numpy as np
import pytest

from imgnet import spec as specs
from imgnet.codec.format import coordinate_stream, grid_stream
from imgnet.codec.format.quantized import Quantized
from imgnet.codec.format.streams import STREAMS
from imgnet.spec import Spec, is_latents
from support.networks import Tensors, grid_spec, random_tensors

GRID = grid_spec(45, 31)
COORDINATE = [Spec("gated", 40, 30, 6, 10, 2), Spec("mlp", 40, 30, 0, 20, 2)]
CRC = 0x12345678


def packed(spec: Spec) -> tuple[Tensors, bytes]:
    """Return random tensors and their stream."""
    if spec.family == "grid":
        tensors = random_tensors(spec)
        return tensors, grid_stream.pack(spec, tensors, CRC)
    rng = np.random.default_rng(1)
    values = {name: rng.laplace(0, 9, shape) for name, shape in spec.shapes().items()}
    tensors = {name: Quantized(np.rint(v).astype(np.int32), 90) for name, v in values.items()}
    return tensors, coordinate_stream.pack(spec, tensors)


def test_every_family_has_a_stream() -> None:
    assert set(STREAMS) == set(specs.FAMILIES)


@pytest.mark.parametrize("spec", [GRID, *COORDINATE], ids=lambda spec: spec.family)
def test_what_was_packed_is_unpacked(spec: Spec) -> None:
    tensors, data = packed(spec)
    again = STREAMS[spec.family].unpack(spec, data)
    assert list(again) == list(spec.shapes())
    for name, tensor in tensors.items():
        assert np.array_equal(again[name].dequantize(), tensor.dequantize())


@pytest.mark.parametrize("spec", [GRID, *COORDINATE], ids=lambda spec: spec.family)
def test_the_bits_of_all_tensors_are_those_of_the_stream(spec: Spec) -> None:
    tensors, data = packed(spec)
    bits = STREAMS[spec.family].tensor_bits(spec, tensors)
    assert set(bits) == set(spec.shapes())
    assert min(bits.values()) > 0
    assert sum(bits.values()) == pytest.approx(8 * len(data), rel=0.03)


def test_only_grid_stores_a_checksum_of_the_pixels() -> None:
    assert STREAMS["grid"].pixels_crc(packed(GRID)[1]) == CRC
    for spec in COORDINATE:
        assert STREAMS[spec.family].pixels_crc(packed(spec)[1]) is None


def test_only_grid_has_latents_to_leave_out() -> None:
    _, data = packed(GRID)
    latents = {name for name in STREAMS["grid"].unpack(GRID, data, 1) if is_latents(name)}
    assert latents == {name for name in GRID.shapes() if is_latents(name)} - {"latents.0.0"}
    for spec in COORDINATE:
        assert list(STREAMS[spec.family].unpack(spec, packed(spec)[1], 1)) == list(spec.shapes())

from __future__ import annotations

from hashlib import sha256
from itertools import pairwise
from math import prod

import numpy as np
import pytest

from imgnet.codec.entropy.integers import cheapest_distribution, cost_bits
from imgnet.codec.format.coordinate_stream import pack, unpack
from imgnet.codec.format.quantized import Quantized, q_index_of, q_step_of
from imgnet.errors import FormatError
from imgnet.spec import Spec

SPECS = [Spec("gated", 20, 13, 3, 4, 2), Spec("mlp", 20, 13, 0, 5, 2, dim_out=1)]
GATED = SPECS[0]


def draw(spec: Spec, seed: int = 1) -> dict[str, Quantized]:
    """Random tensors, each of its own scale and step."""
    rng = np.random.default_rng(seed)
    return {
        name: Quantized(np.rint(rng.logistic(0, i % 5 + 0.2, shape)).astype(np.int32), 90 + i)
        for i, (name, shape) in enumerate(spec.shapes().items())
    }


def test_steps_are_dyadic_and_eight_to_the_octave() -> None:
    sizes = [q_step_of(index) for index in range(256)]
    assert sizes[0] == 2.0**-20
    assert sizes[8:] == [2 * size for size in sizes[:-8]]
    assert all(1 < finer / size <= 9 / 8 for size, finer in pairwise(sizes))
    assert all((size * 2**23).is_integer() and size < 4096 for size in sizes)


@pytest.mark.parametrize("index", range(256))
def test_step_index_finds_the_nearest_in_ratio(index: int) -> None:
    size = q_step_of(index)
    assert q_index_of(size) == index
    if index < 255:
        middle = (size * q_step_of(index + 1)) ** 0.5
        assert q_index_of(middle * 0.9999) == index
        assert q_index_of(middle * 1.0001) == index + 1


def test_step_index_clips() -> None:
    assert [q_index_of(size) for size in (-1, 0, 1e-30, 1e30, np.inf)] == [0, 0, 0, 255, 255]


def test_dequantize_is_exact_for_every_step_and_value() -> None:
    values = np.array([-7513, -1, 0, 1, 7513], np.int32)
    for step in range(256):
        real = Quantized(values, step).dequantize()
        assert real.dtype == np.float32
        assert real.tolist() == [value * q_step_of(step) for value in values.tolist()]


@pytest.mark.parametrize("spec", SPECS)
def test_round_trip(spec: Spec) -> None:
    tensors = draw(spec)
    read = unpack(spec, pack(spec, tensors))
    assert list(read) == list(spec.shapes())
    for name, shape in spec.shapes().items():
        assert read[name].q_index == tensors[name].q_index
        assert read[name].values.dtype == np.int32
        assert read[name].values.shape == shape
        assert np.array_equal(read[name].values, tensors[name].values)


def test_order_of_the_mapping_does_not_matter() -> None:
    tensors = draw(GATED)
    assert pack(GATED, tensors) == pack(GATED, dict(reversed(tensors.items())))


def test_length_is_that_of_the_cheapest_laws() -> None:
    tensors = draw(GATED)
    arrays = [tensor.values for tensor in tensors.values()]
    bits = sum(cost_bits(array, cheapest_distribution(array)) for array in arrays)
    length = len(pack(GATED, tensors)) - 2 * len(arrays)
    assert bits / 8 <= length <= 1.01 * bits / 8 + 6


def test_stream_never_changes() -> None:
    spec = Spec("mlp", 4, 4, 0, 2, 1)
    tensors = {
        name: Quantized(np.arange(prod(shape), dtype=np.int32).reshape(shape) % 7 - 3, 140 + i)
        for i, (name, shape) in enumerate(spec.shapes().items())
    }
    assert sha256(pack(spec, tensors)).hexdigest()[:16] == "64c0629e91486b15"


def test_pack_refuses_values_beyond_every_law() -> None:
    tensors = draw(GATED)
    tensors["joint.bias"].values[0] = 8000
    with pytest.raises(ValueError, match="8000 is too large"):
        pack(GATED, tensors)


def test_every_cut_is_noticed() -> None:
    data = pack(GATED, draw(GATED))
    for length in range(len(data)):
        with pytest.raises(FormatError):
            unpack(GATED, data[:length])
    with pytest.raises(FormatError):
        unpack(GATED, data + b"\0\0")


def test_an_unknown_law_is_noticed() -> None:
    data = bytearray(pack(GATED, draw(GATED)))
    data[1] = 96
    with pytest.raises(FormatError, match="no distribution 96"):
        unpack(GATED, bytes(data))


def test_a_stream_of_another_network_is_noticed() -> None:
    data = pack(GATED, draw(GATED))
    for other in (Spec("gated", 20, 13, 3, 5, 2), Spec("gated", 20, 13, 3, 4, 1), SPECS[1]):
        with pytest.raises(FormatError):
            unpack(other, data)


def test_a_huge_promise_is_refused_before_memory_is_spent() -> None:
    huge = Spec("gated", 20, 13, 4096, 4096, 64)  # six thousand million parameters
    with pytest.raises(FormatError, match="cannot hold"):
        unpack(huge, bytes(4000))


def test_the_most_compressible_network_is_not_refused() -> None:
    spec = Spec("gated", 20, 13, 60, 60, 2)
    zeros = {k: Quantized(np.zeros(s, np.int32), 0) for k, s in spec.shapes().items()}
    assert not any(tensor.values.any() for tensor in unpack(spec, pack(spec, zeros)).values())

from __future__ import annotations

from hashlib import sha256
from math import prod

import numpy as np
import pytest

from imgnet.codec.format.coordinate_stream import WEIGHTS, pack, unpack
from imgnet.codec.format.quantized import Quantized
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


def test_length_is_that_of_the_coder() -> None:
    tensors = draw(GATED)
    bits = sum(WEIGHTS.num_bits(tensor.values) for tensor in tensors.values())
    assert bits / 8 <= len(pack(GATED, tensors)) <= 1.01 * bits / 8 + 6


def test_stream_never_changes() -> None:
    spec = Spec("mlp", 4, 4, 0, 2, 1)
    tensors = {
        name: Quantized(np.arange(prod(shape), dtype=np.int32).reshape(shape) % 7 - 3, 140 + i)
        for i, (name, shape) in enumerate(spec.shapes().items())
    }
    assert sha256(pack(spec, tensors)).hexdigest()[:16] == "ce24fffa17888ed1"


def test_pack_refuses_values_beyond_every_distribution() -> None:
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

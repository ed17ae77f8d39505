from __future__ import annotations

import numpy as np
import pytest
import safetensors.numpy

from imgnet.codec.format.tensors import (
    BYTE,
    entries_of,
    integers,
    join,
    length_of,
    load,
    promised_bytes,
    split,
)
from imgnet.errors import FormatError

FLOAT = np.dtype("<f4")


def test_the_order_is_that_of_safetensors() -> None:
    tensors = {
        "icc": np.zeros(3, np.uint8),
        "weights": np.zeros(5, np.uint8),
        "exif": np.zeros(2, np.uint8),
        "layer": np.zeros((2, 3), np.float32),
        "bias": np.zeros(2, np.float32),
    }
    header, _ = split(safetensors.numpy.save(tensors))
    kinds = {name: (tensor.shape, tensor.dtype) for name, tensor in tensors.items()}
    assert load(header.rstrip()) == entries_of(kinds)


def test_what_is_joined_can_be_split() -> None:
    for alignment in (1, 4, 8):
        data = join({"a": 1}, b"body", alignment)
        assert (len(data) - 4) % alignment == 0
        header, body = split(data)
        assert (load(header), body) == ({"a": 1}, b"body")


@pytest.mark.parametrize("length", [0, 1, 8])
def test_lengths_have_a_limit(length: int) -> None:
    entry = entries_of({"icc": ((length,), BYTE)})["icc"]
    if length == 1:
        assert length_of(entry, 7) == 1
    else:
        with pytest.raises(FormatError):
            length_of(entry, 7)


@pytest.mark.parametrize(
    "entry", [None, 7, {}, {"shape": None}, {"shape": [1, 1]}, {"shape": [1.0]}]
)
def test_entries_that_are_none(entry: object) -> None:
    with pytest.raises(FormatError):
        length_of(entry, 100)


def test_integers_are_no_booleans() -> None:
    assert integers([16], [(8, 16)]) == [16]
    for values in ([True], ["1"], [1.0], [12], 16, [8, 16]):
        with pytest.raises(FormatError):
            integers(values, [(1, 8, 16)])


def test_a_body_is_as_long_as_promised() -> None:
    assert promised_bytes(entries_of({"a": ((3,), BYTE), "b": ((2,), FLOAT)})) == 11
    for end in ("11", None, float("inf"), float("nan")):
        with pytest.raises(FormatError):
            promised_bytes({"a": {"data_offsets": [0, end]}, "b": {"data_offsets": [0, 3]}})

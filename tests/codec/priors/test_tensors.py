from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from imgnet.codec.format.tensors import join
from imgnet.codec.priors.tensors import read_tensors


@pytest.mark.parametrize("dtype", [np.float16, np.int16])
def test_tensors_come_back(dtype: type, tmp_path: Path) -> None:
    tensors = {"a": np.arange(-3, 3, dtype=dtype).reshape(2, 3), "b": np.ones(1, dtype)}
    save_file(tensors, tmp_path / "t.safetensors")
    found = read_tensors(tmp_path / "t.safetensors")
    assert found.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert found[name].dtype.name == tensor.dtype.name
        assert np.array_equal(found[name], tensor)


def test_the_low_byte_comes_first_on_every_machine(tmp_path: Path) -> None:
    path = tmp_path / "t.safetensors"
    entry = {"data_offsets": [0, 2], "dtype": "I16", "shape": [1]}
    path.write_bytes(join({"a": entry}, bytes([2, 1]), 8))
    assert read_tensors(path)["a"] == 0x0102

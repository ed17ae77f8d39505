from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import imgnet
from imgnet.codec.format.byte_counts import bytes_by_part
from imgnet.codec.format.container import STREAM, Encoded, to_bytes
from imgnet.spec import Spec
from support.paths import GOLDEN

FILES = sorted(GOLDEN.glob("*.inr"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_parts_add_up_to_the_file(path: Path) -> None:
    encoded, size = imgnet.open(path), path.stat().st_size
    parts = bytes_by_part(encoded, size)
    assert sum(parts.values()) == size
    assert min(parts.values()) >= 0
    assert any("latents" in part for part in parts) == (encoded.spec.family == "grid")


@pytest.mark.parametrize("name", ["v1-grid", "v1-grid-coarse", "v1-gated", "v1-mlp"])
def test_what_is_no_stream_is_header(name: str) -> None:
    """The ideal code lengths are those of the real stream, but for the state of its coder."""
    path = GOLDEN / f"{name}.inr"
    encoded, size = imgnet.open(path), path.stat().st_size
    header = size - len(encoded.tensors[STREAM])
    assert header <= bytes_by_part(encoded, size)["header"] <= header + 20


def test_levels_are_those_of_the_file_from_the_finest_on() -> None:
    path = GOLDEN / "v1-grid-coarse.inr"
    parts = bytes_by_part(imgnet.open(path), path.stat().st_size)
    assert list(parts) == ["header", "network", "latents 1/2", "latents 1/4"]


def test_plain_tensors_count_as_they_are() -> None:
    spec = Spec("mlp", 9, 7, 0, 4, 1)
    tensors = {name: np.zeros(shape, np.float32) for name, shape in spec.shapes().items()}
    encoded = Encoded(spec, "RGB", tensors)
    size = len(to_bytes(encoded))
    network = 4 * spec.num_parameters
    assert bytes_by_part(encoded, size) == {"header": size - network, "network": network}

"""Recognition of .inr files by their first bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from imgnet.signature import MAX_HEADER_BYTES, header_bytes, is_own, looks_encoded
from support.paths import GOLDEN, SAMPLES
from support.picture_files import as_image, stored
from support.pictures import ramp

OURS = sorted([*GOLDEN.glob("*.inr"), *SAMPLES.glob("*.inr")])
ARRAYS = {"a": np.zeros(3, np.float32)}
FOREIGN = {"pt": {"format": "pt"}, "alike": {"inrs": "1"}, "none": None}


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.stem)
def test_a_file_of_ours_is_recognised_by_32_bytes(path: Path) -> None:
    data = path.read_bytes()
    assert is_own(data[:32])
    assert looks_encoded(data[:9])
    assert data[header_bytes(data) + 7 : header_bytes(data) + 8] in b"} "  # the end of the JSON


@pytest.mark.parametrize("metadata", FOREIGN.values(), ids=FOREIGN)
def test_other_safetensors_files_look_encoded_and_are_not_ours(
    metadata: dict[str, str] | None,
) -> None:
    data = save(ARRAYS, metadata)
    assert looks_encoded(data[:9])
    assert not is_own(data[:32])


@pytest.mark.parametrize("format", ["PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM"])
def test_images_are_neither(format: str) -> None:
    data = stored(as_image(ramp(3)), format)
    assert not looks_encoded(data)
    assert not is_own(data)


def test_a_header_that_no_file_has_is_not_looked_into() -> None:
    assert looks_encoded(MAX_HEADER_BYTES.to_bytes(8, "little") + b"{")
    assert not looks_encoded((MAX_HEADER_BYTES + 1).to_bytes(8, "little") + b"{")


def test_what_is_too_short_is_neither() -> None:
    start = OURS[0].read_bytes()[:32]
    assert not any(looks_encoded(start[:length]) for length in range(9))
    assert not any(is_own(start[:length]) for length in range(24))

"""Small files that claim to be huge: refused before memory is spent on them."""

from __future__ import annotations

import numpy as np
import pytest

import imgnet
from imgnet.codec.format.container import STREAM
from imgnet.codec.format.header import checksum, claims_of, to_header
from imgnet.codec.format.tensors import entries_of, join
from imgnet.errors import FormatError
from imgnet.spec import Spec
from support.memory import peak_bytes

WIDEST = 1 << 16
CLAIMS = {
    "pixels": f"{WIDEST}x{WIDEST}",
    "latents": claims_of(
        Spec("grid", WIDEST, 4096, 0, 4, 1, num_levels=1, dim_context=4), "RGB", 8
    ),
    "latents by default": f"{WIDEST}x4096",
    "wide layers": claims_of(Spec("mlp", 64, 64, 0, 4096, 1), "RGB", 8),
    "many wide layers": claims_of(Spec("gated", 64, 64, 4096, 4096, 64), "RGB", 8),
}


def forged(claims: str, tensors: dict[str, tuple[int, ...]], dtype: np.dtype, body: bytes) -> bytes:
    """Return a file whose checksum is right, whatever it claims."""
    entries = entries_of({name: (shape, dtype) for name, shape in tensors.items()})
    return join(to_header(claims, checksum(claims, body)) | entries, body, dtype.itemsize)


def peak_of_refusal(data: bytes) -> int:
    def refused() -> None:
        with pytest.raises(FormatError):
            imgnet.decode(data)

    refused()  # imports
    return peak_bytes(refused)


@pytest.mark.parametrize("name", CLAIMS)
def test_a_stream_too_short_for_its_claims_takes_no_memory(name: str) -> None:
    data = forged(CLAIMS[name], {STREAM: (60,)}, np.dtype(np.uint8), bytes(60))
    assert len(data) < 250
    assert peak_of_refusal(data) < 1 << 20


@pytest.mark.parametrize("shape", [(WIDEST, WIDEST), (4096, 4096)])
def test_weights_that_are_not_there_take_no_memory(shape: tuple[int, int]) -> None:
    claims = claims_of(Spec("mlp", 64, 64, 0, 4096, 1), "RGB", 8)
    data = forged(claims, {"input.weight": shape}, np.dtype(np.float32), bytes(60))
    assert peak_of_refusal(data) < 1 << 20

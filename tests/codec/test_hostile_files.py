"""Small files that claim to be huge: refused before memory is spent on them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import imgnet
from imgnet.codec.format.container import STREAM
from imgnet.codec.format.header import checksum, claims_of, to_header
from imgnet.codec.format.tensors import entries_of, join
from imgnet.errors import FormatError
from imgnet.spec import Spec
from support.memory import peak_bytes
from support.networks import encoded, grid_spec, random_tensors

LEAST = grid_spec(8, 8, num_levels=1, chroma_level=0, num_layers=0, dim_hidden=1, dim_context=1)
LATENTS = encoded(LEAST, random_tensors(LEAST)).tensors[STREAM].tobytes()
CLAIMS = {
    "pixels": ("65536x65536", LATENTS),
    "latents": (claims_of(replace(LEAST, width=1 << 16, height=1 << 12), "RGB", 8), LATENTS),
    "wide layers": (claims_of(Spec("mlp", 64, 64, 0, 4096, 1), "RGB", 8), bytes(60)),
    "most and widest": (claims_of(Spec("gated", 64, 64, 4096, 4096, 64), "RGB", 8), bytes(600)),
}


def forged(claims: str, stream: bytes) -> bytes:
    """Return a file whose checksum is right, whatever it claims."""
    entries = entries_of({STREAM: ((len(stream),), np.dtype(np.uint8))})
    return join(to_header(claims, checksum(claims, stream)) | entries, stream, 1)


def peak_of_refusal(data: bytes) -> int:
    def refused() -> None:
        with pytest.raises(FormatError):
            imgnet.decode(data)

    refused()  # imports
    return peak_bytes(refused)


@pytest.mark.parametrize("name", CLAIMS)
def test_a_stream_too_short_for_its_claims_takes_no_memory(name: str) -> None:
    data = forged(*CLAIMS[name])
    assert len(data) < 1000
    assert peak_of_refusal(data) < 1 << 20

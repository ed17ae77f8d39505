"""Small files that claim much, with checksums that are right."""

from __future__ import annotations

import json

from imgnet.codec.format.header import checksum, claims_of, to_header
from imgnet.codec.format.tensors import BYTE, entries_of, join
from imgnet.image.geometry import MAX_SIDE
from imgnet.spec import Spec
from support.networks import encoded, grid_spec, prior_spec, random_tensors


def forged(spec: Spec, mode: str = "RGB", body: bytes = bytes(150), **tensors: int) -> bytes:
    """Return a file whose checksum is right: of a stream, or of tensors of claimed lengths."""
    lengths = tensors or {"w": len(body)}
    entries = entries_of({name: ((length,), BYTE) for name, length in lengths.items()})
    claims = claims_of(spec, mode, 8)
    return join(to_header(claims, checksum(claims, body)) | entries, body, 1)


def with_entries(entries: object) -> bytes:
    """Return a file with a header of any text behind the right claims."""
    claims, body = claims_of(grid_spec(8, 8), "RGB", 8), bytes(60)
    text = json.dumps(to_header(claims, checksum(claims, body)))[:-1] + f",{entries}}}"
    return len(text).to_bytes(8, "little") + text.encode() + body


VALID = encoded(grid_spec(8, 8), random_tensors(grid_spec(8, 8)))
STREAM = VALID.tensors["w"].tobytes()
WIDEST = {"dim_hidden": 256, "dim_context": 256, "num_layers": 64, "dim_coarse": 32}
DEEPEST = {"num_levels": 12, "chroma_level": 0, "finest": 0}

FILES = {
    "most-pixels": forged(grid_spec(1 << 14, 1 << 14)),
    "most-pixels-of-a-prior": forged(prior_spec(1 << 14, 1 << 14)),
    "longest": forged(grid_spec(MAX_SIDE, 1 << 12)),
    "most-levels": forged(grid_spec(1 << 14, 1 << 14, **DEEPEST)),
    "widest-layers": forged(grid_spec(8, 8, **WIDEST)),
    "widest-layers-of-most-levels": forged(grid_spec(8, 8, **WIDEST, **DEEPEST)),
    "widest-gated": forged(Spec("gated", 8, 8, 4096, 4096, 64)),
    "widest-mlp": forged(Spec("mlp", 1 << 14, 1 << 14, 0, 4096, 64)),
    "random-stream-of-many-latents": forged(grid_spec(1300, 1000), body=bytes(range(150))),
    "zero-stream-of-many-latents": forged(grid_spec(1300, 1000)),
    "stream-of-another-picture": forged(grid_spec(1300, 1000), body=STREAM[:150]),
    "stream-longer-than-the-file": forged(grid_spec(8, 8), w=1 << 40),
    "start-of-most-pixels": forged(grid_spec(1 << 14, 1 << 14), body=bytes(900), w=1 << 40),
    "metadata-longer-than-the-file": forged(grid_spec(8, 8), w=100, icc=1 << 24),
    "metadata-beyond-its-limit": forged(grid_spec(8, 8), w=100, xmp=1 << 30),
    "plain-tensors-of-most-pixels": with_entries(
        '"latents.0.0":{"dtype":"F32","shape":[16384,16384],"data_offsets":[0,1073741824]}'
    ),
    "shape-of-many-sides": with_entries(
        '"w":{"dtype":"U8","shape":[' + "1," * 60 + '1],"data_offsets":[0,60]}'
    ),
    "endless-number": with_entries(
        '"w":{"dtype":"U8","shape":[1' + "0" * 5000 + '],"data_offsets":[0,60]}'
    ),
    "infinite-number": with_entries(
        '"w":{"dtype":"U8","shape":[Infinity],"data_offsets":[0,1e999]}'
    ),
    "deep-json": with_entries('"w":' + "[" * 5000 + "]" * 5000),
    "header-longer-than-the-file": (1 << 20).to_bytes(8, "little") + b'{"__metadata__":',
    "header-of-all-memory": (1 << 63).to_bytes(8, "little") + b'{"__metadata__":{"inr":"1 ',
}

"""Outcome of an encoder: an encoded image and the fit that it comes from."""

from __future__ import annotations

import numpy as np

from imgnet.codec.format.container import STREAM, Encoded, Tensors, to_bytes
from imgnet.image.picture import Profile
from imgnet.request.options import Result
from imgnet.spec import Spec

Outcome = tuple[Encoded, Result]


def coded(spec: Spec, profile: Profile, stream: bytes) -> Encoded:
    """Return the encoded image of a coded stream."""
    return _encoded(spec, profile, {STREAM: np.frombuffer(stream, np.uint8)})


def plain(spec: Spec, profile: Profile, result: Result, weights: str) -> Encoded:
    """Return the encoded image of plain named tensors, "float16" or "float32"."""
    tensors = {name: array.astype(weights) for name, array in result.parameters.items()}
    return _encoded(spec, profile, tensors)


def _encoded(spec: Spec, profile: Profile, tensors: Tensors) -> Encoded:
    return Encoded(spec, profile.mode, tensors, depth=profile.depth, metadata=profile.metadata)


def overhead(spec: Spec, profile: Profile, stream_bytes: int) -> int:
    """Return the bytes of a file besides a coded stream of a number of bytes."""
    return len(to_bytes(coded(spec, profile, bytes(stream_bytes)))) - stream_bytes

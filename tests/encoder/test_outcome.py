"""Encoded images of an encoder, and the bytes that a file needs besides its stream."""

from __future__ import annotations

import numpy as np
import pytest

from imgnet.codec.format.container import from_bytes, to_bytes
from imgnet.encoder.outcome import coded, overhead, plain
from imgnet.image.picture import Metadata, Profile
from imgnet.request.options import Result
from imgnet.spec import Spec
from support.networks import prior_spec

MLP = Spec("mlp", 9, 7, 0, 4, 1, dim_out=4)
PROFILE = Profile("RGBA", 16, Metadata(exif=b"II*\0", xmp=b"<x/>"))


def test_a_coded_image_is_its_stream_and_its_profile() -> None:
    image = from_bytes(to_bytes(coded(MLP, PROFILE, b"stream")))
    assert image.weights == "coded"
    assert image.tensors["w"].tobytes() == b"stream"
    assert (image.spec, image.mode, image.depth) == (MLP, "RGBA", 16)
    assert image.metadata == PROFILE.metadata


@pytest.mark.parametrize("weights", ["float16", "float32"])
def test_a_plain_image_has_its_parameters_in_the_type_asked_for(weights: str) -> None:
    parameters = {name: np.full(s, 1 / 3, np.float32) for name, s in MLP.shapes().items()}
    image = plain(MLP, PROFILE, Result(parameters, None, 1, "cpu"), weights)
    assert image.weights == weights
    assert (image.mode, image.depth, image.metadata) == ("RGBA", 16, PROFILE.metadata)
    for name, array in from_bytes(to_bytes(image)).tensors.items():
        assert np.array_equal(array, parameters[name].astype(weights))


@pytest.mark.parametrize("spec", [MLP, prior_spec(40, 30, dim_out=4)], ids=["mlp", "grid"])
def test_the_overhead_holds_for_every_stream_up_to_its_length(spec: Spec) -> None:
    rng = np.random.default_rng(1)
    for most in (9, 100, 12345):
        bound = overhead(spec, PROFILE, most)
        for length in {1, 8, 9, 10, 99, 100, 1000, 12345} & set(range(most + 1)):
            assert len(to_bytes(coded(spec, PROFILE, rng.bytes(length)))) - length <= bound
        assert bound < 300


def test_metadata_are_overhead() -> None:
    bare = overhead(MLP, Profile("RGBA"), 100)
    exif = Metadata(exif=b"II*\0" + bytes(500))
    assert overhead(MLP, Profile("RGBA", metadata=exif), 100) >= bare + 504

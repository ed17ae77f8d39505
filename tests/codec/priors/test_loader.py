from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest
from safetensors.numpy import load_file

from imgnet.codec.format.container import from_bytes, to_bytes
from imgnet.codec.format.usual_sizes import USUAL_GRID_LAYERS
from imgnet.codec.priors import loader as priors
from imgnet.encoder.prior import FOR_DETAIL, FOR_SMOOTH
from imgnet.errors import FormatError
from imgnet.spec import network_shapes
from support.networks import encoded, near_prior, prior_spec

RELEASED: list[str] = []  # names of priors that were released; they are never removed
MOST_BYTES = 3_000_000


def test_names_hold_the_hash_of_the_content() -> None:
    assert {FOR_DETAIL, FOR_SMOOTH} <= set(priors.names())
    assert set(RELEASED) <= set(priors.names())
    for name in priors.names():
        digest = sha256(priors.prior_file(name).read_bytes()).hexdigest()
        assert name.rpartition("-")[2] == digest[: priors.HASH_DIGITS]


def test_all_priors_together_are_small() -> None:
    folder = priors.prior_file("x").parent
    assert sum(path.stat().st_size for path in folder.rglob("*.safetensors")) < MOST_BYTES


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("num_levels", [1, 2, 6, 9])
@pytest.mark.parametrize("finest", [0, 1])
def test_origins_have_the_shapes_of_the_network(
    channels: int, num_levels: int, finest: int
) -> None:
    finest = min(finest, num_levels - 1)
    colour = min(2, num_levels - 1)
    spec = prior_spec(
        30, 20, dim_out=channels, num_levels=num_levels, finest=finest, chroma_level=colour
    )
    prior_tensors = priors.prior_tensors(spec)
    assert {name: tensor.shape for name, tensor in prior_tensors.items()} == network_shapes(spec)
    for tensor in prior_tensors.values():
        assert tensor.dtype == np.float32
        assert np.abs(tensor).max() <= 8
        assert np.array_equal(tensor * 4096, np.rint(tensor * 4096))


def test_a_network_like_the_trained_ones_gets_them_as_they_are() -> None:
    tensors = load_file(priors.prior_file(FOR_DETAIL))
    spec = prior_spec(30, 20, num_levels=1 + sum("upsample" in name for name in tensors))
    for name, origin in priors.prior_tensors(spec).items():
        assert np.array_equal(origin, tensors[name][spec.lmbda_index] / np.float32(4096))


def test_grey_is_the_mean_of_the_colours() -> None:
    colour, grey = (priors.prior_tensors(prior_spec(9, 9, dim_out=n)) for n in (3, 1))
    mean = colour["output.weight"].astype(float).mean(0)
    np.testing.assert_allclose(grey["output.weight"][0], mean, atol=1 / 4096)
    weight = colour["residuals.0.weight"].reshape(3, 9, 3).astype(float).sum(2).mean(0)
    np.testing.assert_allclose(grey["residuals.0.weight"][0], weight, atol=1 / 4096)


def test_alpha_starts_at_zero() -> None:
    colour, with_alpha = (priors.prior_tensors(prior_spec(9, 9, dim_out=n)) for n in (3, 4))
    assert not with_alpha["output.weight"][3].any()
    assert not with_alpha["hidden.weight"][:, -1].any()
    assert np.array_equal(with_alpha["linear.weight"][:3, :-1], colour["linear.weight"])
    places = with_alpha["residuals.1.weight"].reshape(4, 9, 4)
    assert not places[3].any()
    assert not places[:, :, 3].any()
    assert np.array_equal(places[:3, :, :3].reshape(3, 27), colour["residuals.1.weight"])


def test_bands_are_half_octaves_of_the_price() -> None:
    for lmbda_index in range(priors.NUM_LMBDAS):
        price = priors.lmbda_at(lmbda_index)
        assert [priors.lmbda_index_of(price * factor) for factor in (0.85, 1.0, 1.18)] == [
            lmbda_index
        ] * 3


def test_a_file_names_its_prior_and_band() -> None:
    spec = prior_spec(12, 10)
    picture = encoded(spec, near_prior(spec))
    again = from_bytes(to_bytes(picture))
    assert again.spec == spec
    for name, tensor in near_prior(spec).items():
        assert np.array_equal(again.parameters()[name], tensor.dequantize())


def test_an_unknown_prior_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = prior_spec(12, 10)
    picture = encoded(spec, near_prior(spec))
    unknown = replace(picture, spec=replace(spec, prior="moon-12345678"))
    with monkeypatch.context() as newer:
        newer.setattr("imgnet.codec.format.header.layers_of", lambda _: USUAL_GRID_LAYERS)
        data = to_bytes(unknown)
    with pytest.raises(FormatError, match=r"a\.inr: needs the prior 'moon-12345678'.*upgrade"):
        from_bytes(data, "a.inr")


@pytest.mark.parametrize("prior", ["../../secret-12345678", "", "a/b"])
def test_names_are_no_paths(prior: str) -> None:
    spec = prior_spec(12, 10)
    picture = encoded(spec, near_prior(spec))
    with pytest.raises(FormatError):
        from_bytes(to_bytes(picture).replace(FOR_DETAIL.encode(), prior.encode()))


def test_a_network_of_another_shape_has_no_prior() -> None:
    spec = prior_spec(12, 10)
    picture = encoded(spec, near_prior(spec))
    other = replace(picture, spec=replace(spec, dim_hidden=31))
    with pytest.raises(FormatError, match="shape"):
        from_bytes(to_bytes(other))

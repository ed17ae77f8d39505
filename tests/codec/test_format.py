"""`format.md` says enough: a decoder written from it gives the same latents and pixels."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from math import prod
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest

import imgnet
from imgnet.codec.entropy import distributions, weights
from imgnet.codec.entropy.distributions import LOCATIONS, NUM_DISTRIBUTIONS, NUM_SCALES
from imgnet.codec.format import coordinate_stream
from imgnet.codec.format.container import STREAM, Encoded, to_bytes
from imgnet.codec.format.header import MODES
from imgnet.errors import FormatError
from imgnet.image.picture import Metadata
from imgnet.spec import Spec, latents_name
from support import plain_decoder
from support.networks import (
    MODE_OF,
    Tensors,
    encoded,
    extreme_tensors,
    grid_spec,
    near_prior,
    prior_spec,
    random_tensors,
    real,
)
from support.paths import GOLDEN, TESTS

FORMAT = (Path(imgnet.__file__).parent / "codec" / "format.md").read_text()

SPECS = {
    "odd": grid_spec(21, 13, num_levels=4),
    "one pixel": grid_spec(1, 1),
    "column": grid_spec(1, 7, chroma_level=0),
    "row": grid_spec(7, 1, num_layers=2),
    "grey": grid_spec(12, 9, dim_out=1),
    "grey and alpha": grid_spec(9, 12, dim_out=2, num_layers=3),
    "rgba": grid_spec(11, 6, dim_out=4),
    "finest 1": grid_spec(15, 10, finest=1),
    "colour 0": grid_spec(14, 7, chroma_level=0),
    "coarse colour": grid_spec(14, 7, num_levels=5, finest=2, chroma_level=4),
    "one level": grid_spec(10, 11, num_levels=1, chroma_level=0),
    "more levels than needed": grid_spec(5, 3, num_levels=7, chroma_level=2),
    "no residuals": grid_spec(13, 5, num_layers=0),
    "many residuals": grid_spec(8, 5, num_layers=7),
    "least networks": grid_spec(9, 9, dim_context=1, dim_hidden=1),
}
# Limits that only numbers of any size, which plain files hold, can run into.
OF_PLAIN_FILES = {"latent"}
OF_CODED_FILES = {
    *("weight", "bias", "feature", "hidden", "chroma_level", "residual", "pixel"),
    *("context.first", "context.second", "location", "scale"),
}


def check(spec: Spec, tensors: Tensors) -> plain_decoder.Picture:
    """Compare everything that both decoders get out of a file."""
    file = to_bytes(encoded(spec, tensors))
    picture = plain_decoder.decode(file)
    assert (picture.width, picture.height, picture.mode) == (
        spec.width,
        spec.height,
        MODE_OF[spec.dim_out],
    )
    parameters = imgnet.codec.format.container.from_bytes(file).parameters()
    for pyramid, level in spec.grids():
        grid = parameters[latents_name(pyramid, level)]
        assert picture.latents[pyramid, level] == grid.tolist()
    pixels = plain_decoder.draw(picture)
    assert pixels == imgnet.decode(file).tobytes()
    assert crc32(pixels) == picture.crc
    assert plain_decoder.draw_deep(picture) == imgnet.decode(file, depth=16).astype("<u2").tobytes()
    return picture


@pytest.mark.parametrize(
    "spec",
    [
        prior_spec(21, 13),
        prior_spec(14, 17, num_levels=8),
        prior_spec(12, 9, dim_out=1),
        prior_spec(9, 12, dim_out=2, num_levels=1, chroma_level=0),
        prior_spec(11, 6, dim_out=4, finest=1),
        prior_spec(11, 6, chroma_level=0, lmbda_index=18),
    ],
    ids=str,
)
def test_both_decoders_agree_on_a_prior(spec: Spec) -> None:
    check(spec, near_prior(spec))


@pytest.mark.parametrize("dtype", [None, "float16", "float32"])
def test_both_decoders_agree_on_depth_and_metadata(dtype: str | None) -> None:
    spec = SPECS["odd"]
    metadata = Metadata(b"colours", b"a camera", b"<x/>")
    coded = encoded(spec, random_tensors(spec))
    if dtype is not None:
        coded = Encoded(spec, "RGB", {n: a.astype(dtype) for n, a in coded.parameters().items()})
    file = to_bytes(replace(coded, depth=16, metadata=metadata))
    picture = plain_decoder.decode(file)
    assert picture.depth == 16
    assert picture.metadata == metadata.parts()
    assert plain_decoder.draw(picture) == imgnet.decode(file).tobytes()


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("seed", range(2))
def test_both_decoders_agree(name: str, seed: int) -> None:
    check(SPECS[name], random_tensors(SPECS[name], seed))


@pytest.mark.parametrize("name", SPECS)
def test_both_decoders_agree_on_the_largest_numbers(name: str) -> None:
    check(SPECS[name], extreme_tensors(SPECS[name]))


def test_both_decoders_agree_on_the_largest_networks() -> None:
    spec = grid_spec(2, 1, dim_context=256, dim_hidden=256, num_levels=3, dim_out=2)
    check(spec, extreme_tensors(spec))
    positive = {
        name: replace(tensor, values=abs(tensor.values))
        for name, tensor in extreme_tensors(spec).items()
    }
    picture = check(spec, positive)
    assert {"hidden", "context.first", "context.second", "feature"} <= picture.clamped


def test_both_decoders_agree_on_strays() -> None:
    picture = check(SPECS["odd"], random_tensors(SPECS["odd"], spread=300))
    assert picture.escapes > 10
    calm = random_tensors(SPECS["odd"], spread=0)
    zeros = {name: replace(tensor, values=0 * tensor.values) for name, tensor in calm.items()}
    assert check(SPECS["odd"], zeros).escapes == 0


def test_these_tests_run_into_every_limit() -> None:
    clamped = set()
    for name in ("odd", "rgba"):
        clamped |= check(SPECS[name], extreme_tensors(SPECS[name])).clamped
    assert clamped == OF_CODED_FILES


def test_biases_between_the_units_are_rounded_alike() -> None:
    tensors = random_tensors(SPECS["odd"])
    for name, tensor in tensors.items():
        if name.endswith("bias"):
            numbers = np.arange(tensor.values.size, dtype=np.int32).reshape(tensor.values.shape)
            tensors[name] = replace(tensor, values=numbers * 7 - 40, q_index=160 - 8 * 15)
    picture = check(SPECS["odd"], tensors)
    assert picture.weights["hidden.bias"][:5] == [-5, -4, -3, -2, -2]  # -40/8, -33/8, ...


def test_a_colour_halfway_between_two_levels_goes_up() -> None:
    spec = grid_spec(2, 1)
    tensors = random_tensors(spec)
    zeros = {name: replace(tensor, values=0 * tensor.values) for name, tensor in tensors.items()}
    bias = np.array([128, 127, 129], np.int32)  # in 1/256, so that the first is 127.5 levels
    zeros["linear.bias"] = replace(zeros["linear.bias"], values=bias, q_index=160 - 8 * 8)
    assert list(plain_decoder.draw(check(spec, zeros))) == [128, 127, 128] * 2


def as_plain_file(spec: Spec, arrays: dict[str, np.ndarray], dtype: str) -> bytes:
    tensors = {name: array.astype(dtype) for name, array in arrays.items()}
    return to_bytes(Encoded(spec, MODE_OF[spec.dim_out], tensors))


@pytest.mark.parametrize("name", ["odd", "rgba", "column"])
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_both_decoders_agree_on_plain_files(name: str, dtype: str) -> None:
    spec, rng = SPECS[name], np.random.default_rng(4)
    arrays = {
        key: array * rng.uniform(0.9, 1.1, array.shape) + rng.normal(0, 1e-5, array.shape)
        for key, array in real(random_tensors(spec)).items()
    }
    extremes = real(random_tensors(spec))
    for array in extremes.values():
        array.ravel()[0] = 60_000
    for chosen in (arrays, extremes):
        file = as_plain_file(spec, chosen, dtype)
        picture = plain_decoder.decode(file)
        assert plain_decoder.draw(picture) == imgnet.decode(file).tobytes()
    assert picture.clamped >= OF_PLAIN_FILES


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["latents.0.1", "hidden.weight", "context.last.bias"])
def test_plain_files_without_numbers_are_refused(name: str, value: float) -> None:
    arrays = real(random_tensors(SPECS["odd"]))
    arrays[name].ravel()[-1] = value
    for dtype in ("float16", "float32"):
        with pytest.raises(FormatError, match="not all finite"):
            imgnet.decode(as_plain_file(SPECS["odd"], arrays, dtype))


def test_zero_mean_tables_are_those_of_the_page() -> None:
    for distribution in range(0, NUM_DISTRIBUTIONS, 5):
        assert plain_decoder.zero_mean_table(distribution) == (
            distributions.support(distribution),
            distributions.zero_mean(distribution),
        )


def test_weight_tables_are_those_of_the_page() -> None:
    for index, excess in product(range(0, NUM_DISTRIBUTIONS, 6), range(8)):
        distribution = weights.WeightDistribution(index, excess)
        assert plain_decoder.weight_table(index, excess) == (
            distribution.support,
            distribution.table,
        )


@pytest.mark.parametrize("name", ["gated", "mlp"])
def test_coded_weights_of_coordinate_networks_are_those_of_the_page(name: str) -> None:
    encoded = imgnet.open(GOLDEN / f"v1-{name}.inr")
    stream = encoded.tensors[STREAM].tobytes()
    sizes = [prod(shape) for shape in encoded.spec.shapes().values()]
    assert plain_decoder.coordinate_weights(stream, sizes) == [
        (tensor.q_index, tensor.values.ravel().tolist())
        for tensor in coordinate_stream.unpack(encoded.spec, stream).values()
    ]


def test_laplace_tables_are_those_of_the_page() -> None:
    for scale in range(NUM_SCALES):
        for fraction in range(scale % 3, LOCATIONS, 10):
            expected = distributions.reach(scale), distributions.laplace(scale, fraction)
            assert plain_decoder.laplace_table(scale, fraction) == expected


@pytest.mark.parametrize("change", ["crc", "cut", "flip"])
def test_the_second_decoder_notices_damage_too(change: str) -> None:
    file = to_bytes(encoded(SPECS["odd"], random_tensors(SPECS["odd"])))
    changes: dict[str, Callable[[bytes], bytes]] = {
        "crc": lambda data: data.replace(b'"inr":"1 ', b'"inr":"1 0'),
        "cut": lambda data: data[:-2],
        "flip": lambda data: data[:-1] + bytes([data[-1] ^ 1]),
    }
    with pytest.raises((plain_decoder.DamagedError, ValueError)):
        plain_decoder.decode(changes[change](file))


def test_the_second_decoder_shares_nothing_with_the_package() -> None:
    code = "import sys, support.plain_decoder; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=TESTS
    )
    assert not {"imgnet", "numpy"} & set(done.stdout.split())


def test_the_number_of_threads_makes_no_difference() -> None:
    # Products of a large picture are shared out among threads, which add in another order.
    code = """if True:
        from zlib import crc32
        from support.networks import encoded, grid_spec, random_tensors
        spec = grid_spec(96, 80, dim_hidden=48, dim_context=24)
        picture = encoded(spec, random_tensors(spec))
        print(picture.pixels_crc, crc32(picture.tensors["w"].tobytes()))
    """
    results = set()
    for threads in "12":
        names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
        path = os.pathsep.join([str(TESTS), *sys.path])
        environment = {**os.environ, "PYTHONPATH": path, **dict.fromkeys(names, threads)}
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env=environment,
        )
        results.add(done.stdout)
    assert len(results) == 1


# The page itself


def test_the_page_has_the_constants() -> None:
    assert all(str(decay) in FORMAT for decay in distributions.WIDEST_DECAYS)


@pytest.mark.parametrize("family", ["grid", "gated", "mlp"])
def test_the_page_names_every_parameter(family: str) -> None:
    spec = SPECS["rgba"] if family == "grid" else Spec(family, 8, 8, 2 * (family == "gated"), 2, 1)
    for name in spec.shapes():
        parts = [part for part in name.split(".") if not part.isdigit()]
        assert all(part in FORMAT for part in parts), name


def test_the_page_names_every_mode() -> None:
    assert all(f"`{mode}`" in FORMAT for mode in MODES if mode != "RGB")


def test_the_page_says_when_the_format_is_final() -> None:
    assert "This version is final since release 0.1.0" in FORMAT

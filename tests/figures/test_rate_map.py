"""The rate map has the bits of the file, each at its place."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import imgnet
from imgnet.codec.entropy.distributions import LOCATIONS, laplace, reach
from imgnet.codec.format import grid_stream
from imgnet.codec.format.container import STREAM, Encoded
from imgnet.codec.format.quantized import Quantized
from imgnet.errors import UsageError
from imgnet.figures.rate_map import brightest, draw_rate_map, rate_map
from imgnet.spec import Spec, is_latents, latents_name
from support.networks import SPECS, Tensors, encoded, grid_spec, random_tensors, real
from support.paths import GOLDEN, SAMPLES


def without_latents(tensors: Tensors) -> Tensors:
    """Return tensors whose latents are all 0."""
    return {
        name: Quantized(np.zeros_like(t.values), t.q_index) if is_latents(name) else t
        for name, t in tensors.items()
    }


def latent_bits(file: Encoded) -> float:
    """Return the bits of the latents in a stream, measured against one whose latents are 0."""
    spec, stream = file.spec, file.tensors[STREAM]
    tensors = grid_stream.unpack(spec, stream.tobytes())
    zeros = encoded(spec, without_latents(tensors))
    return 8 * (len(stream) - len(zeros.tensors[STREAM])) + rate_map(zeros).sum()


def test_the_sum_is_the_latents_of_the_stream() -> None:
    spec = grid_spec(150, 110, num_levels=4)
    file = encoded(spec, random_tensors(spec))
    assert rate_map(file).sum() == pytest.approx(latent_bits(file), rel=0.01)


@pytest.mark.parametrize("path", [*SAMPLES.glob("chelsea.inr")], ids=lambda path: path.stem)
def test_the_sum_is_that_of_a_photograph(path: Path) -> None:
    file = imgnet.open(path)
    assert rate_map(file).sum() == pytest.approx(latent_bits(file), rel=0.01)


def one_by_one(spec: Spec, tensors: Tensors) -> np.ndarray:
    """Return the rate map, latent by latent."""
    expected = np.zeros((spec.height, spec.width))
    for name, distributions in grid_stream.distributions_of_grids(spec, tensors).items():
        level, values = int(name.rpartition(".")[2]), tensors[name].values
        for i, (y, x) in enumerate(np.ndindex(*values.shape)):
            whole, fraction, scale = (int(part[i]) for part in distributions)
            table = laplace(scale, fraction)
            symbol = int(values[y, x]) - whole + reach(scale)
            symbol = symbol if 0 <= symbol < len(table) - 2 else len(table) - 2
            bits = 16 - np.log2(table[symbol + 1] - table[symbol])
            covered = expected[y << level : y + 1 << level, x << level : x + 1 << level]
            covered += bits / covered.size
    return expected


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: f"{spec.width}x{spec.height}")
def test_every_latent_is_at_its_place(spec: Spec) -> None:
    tensors = random_tensors(spec)
    bpp = rate_map(encoded(spec, tensors))
    assert bpp.shape == (spec.height, spec.width)
    assert LOCATIONS == 32
    np.testing.assert_allclose(bpp, one_by_one(spec, tensors), rtol=1e-9)


def test_an_unlikely_latent_is_bright() -> None:
    spec = grid_spec(90, 60)
    tensors = without_latents(random_tensors(spec))
    tensors[latents_name(0, 0)].values[20, 70] = 3
    bpp = rate_map(encoded(spec, tensors))
    assert np.unravel_index(bpp.argmax(), bpp.shape) == (20, 70)


def test_the_colours_are_those_of_the_range() -> None:
    bpp = np.linspace(0, 4, 20_000).reshape(100, 200)
    assert brightest(bpp) == pytest.approx(3.96, abs=0.01)
    drawn = draw_rate_map(bpp).astype(int).sum(axis=2)
    assert drawn[0, 0] < 100
    assert (drawn[bpp >= brightest(bpp)] > 600).all()
    assert drawn[50, 0] == pytest.approx((drawn[0, 0] + drawn[-1, -1]) / 2, abs=60)


def test_files_without_code_lengths_are_refused() -> None:
    mlp = imgnet.open(GOLDEN / "v1-mlp.inr")
    with pytest.raises(UsageError, match="has no latents: a file of mlp"):
        rate_map(mlp)
    spec = grid_spec(9, 7)
    plain = replace(mlp, spec=spec, tensors=dict(real(random_tensors(spec))))
    with pytest.raises(UsageError, match="its latents are float32"):
        rate_map(plain)

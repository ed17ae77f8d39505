"""Rate maps, and pictures without some of their parts, are those of the package."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import imgnet
from imgnet.codec.format.container import from_bytes, to_bytes
from imgnet.codec.render.grid import render
from imgnet.figures.ramps import sequential
from imgnet.figures.rate_map import draw_rate_map, rate_map
from support.networks import encoded, grid_spec, near_prior, prior_spec, random_tensors
from support.node import decode_with_node, needs_node
from support.paths import SAMPLES

pytestmark = needs_node

SPEC = grid_spec(37, 22, num_levels=5, finest=1, num_layers=2, dim_coarse=3)
FILES = [
    to_bytes(encoded(SPEC, random_tensors(SPEC))),
    to_bytes(encoded(SPEC, random_tensors(SPEC, spread=300))),  # beyond their distributions
    to_bytes(encoded(spec := prior_spec(14, 17, num_levels=4), near_prior(spec))),
    to_bytes(encoded(spec := grid_spec(9, 12, dim_out=1), random_tensors(spec))),
]
RAMP = sequential(np.arange(256.0)[None], 255.0)[0].tolist()
NOTHING: dict[str, Any] = {"levels": [], "colour": False, "residuals": False}


def check_rates(folder: Path, files: list[bytes]) -> None:
    for data, result in zip(files, decode_with_node(folder, files, ramp=RAMP), strict=True):
        expected = rate_map(from_bytes(data))
        assert result["bpp"].sum() == pytest.approx(expected.sum(), rel=1e-4)
        assert result["bpp"] == pytest.approx(expected, rel=1e-5)
        assert np.array_equal(result["rates"][..., :3], draw_rate_map(expected))
        assert (result["rates"][..., 3] == 255).all()


def test_a_rate_map_is_that_of_the_package(tmp_path: Path) -> None:
    check_rates(tmp_path, FILES)


@pytest.mark.slow
def test_rate_maps_of_photographs_are_those_of_the_package(tmp_path: Path) -> None:
    check_rates(tmp_path, [path.read_bytes() for path in sorted(SAMPLES.glob("*.inr"))])


@pytest.mark.parametrize(
    ("omitted", "zeros"),
    [
        ({}, "nothing"),
        ({"levels": [1, 3]}, r"latents\.\d\.[13]"),
        ({"levels": [1, 2, 3, 4]}, "latents"),
        ({"colour": True}, r"latents\.[12]"),
        ({"residuals": True}, r"residuals\.\d\.alpha"),
        ({"levels": [2], "colour": True}, r"latents\.([12]|0\.2)"),
    ],
)
def test_a_picture_without_parts_is_that_of_numbers_that_are_zero(
    tmp_path: Path, omitted: dict[str, Any], zeros: str
) -> None:
    (result,) = decode_with_node(tmp_path, FILES[:1], omitted=NOTHING | omitted)
    own = from_bytes(FILES[0])
    parameters = {
        name: np.zeros_like(values) if re.match(zeros, name) else values
        for name, values in own.parameters().items()
    }
    assert np.array_equal(result["pixels"], render(SPEC, parameters))
    assert np.array_equal(result["pixels"], imgnet.decode(own)) == (not omitted)

"""Rendering by family: the check of the pixels, and the options that a family heeds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from imgnet import spec as specs
from imgnet.codec.families import FAMILIES, is_exact, render, render_native
from imgnet.codec.format.container import STREAM, Encoded
from imgnet.codec.render import coordinate
from imgnet.errors import FormatError
from imgnet.image.geometry import Crop
from imgnet.spec import Spec
from support.networks import encoded, grid_spec, random_tensors, real

GRID = grid_spec(24, 18)
TENSORS = random_tensors(GRID)
PART = Crop(3, 2, 5, 4)
MLP = Spec("mlp", 9, 7, 0, 4, 1)


@pytest.fixture
def grid() -> Encoded:
    return encoded(GRID, TENSORS)


@pytest.fixture
def wrong(grid: Encoded) -> Encoded:
    """An image whose checksum is that of other pixels."""
    stream = grid.tensors[STREAM].copy()
    stream[0] ^= 1
    return replace(grid, tensors={STREAM: stream})


@pytest.fixture
def plain() -> Encoded:
    rng = np.random.default_rng(1)
    shapes = MLP.shapes().items()
    tensors = {name: rng.normal(0, 0.3, shape).astype(np.float32) for name, shape in shapes}
    return Encoded(MLP, "RGB", tensors)


def test_every_family_has_renderers() -> None:
    assert set(FAMILIES) == set(specs.FAMILIES)


def test_the_native_size_is_that_of_the_parameters(grid: Encoded, plain: Encoded) -> None:
    assert np.array_equal(render(grid), render_native(GRID, real(TENSORS)))
    assert np.array_equal(render(plain), coordinate.render(MLP, plain.parameters()))
    assert render(grid, depth=16).dtype == render_native(MLP, plain.tensors, 16).dtype == np.uint16


def test_a_grid_file_tells_whether_its_pixels_are_those_of_the_encoder(
    grid: Encoded, wrong: Encoded, plain: Encoded
) -> None:
    assert is_exact(grid) is True
    assert is_exact(wrong) is False
    assert is_exact(plain) is None


@pytest.mark.parametrize("depth", [8, 16])
def test_other_pixels_are_refused_wherever_all_latents_are_decoded(
    depth: int, grid: Encoded, wrong: Encoded
) -> None:
    for size in (None, "200%"):
        assert render(grid, size, depth=depth).any()
        with pytest.raises(FormatError, match="other pixels"):
            render(wrong, size, depth=depth)
    assert np.array_equal(render(wrong, "25%", depth=depth), render(grid, "25%", depth=depth))
    assert np.array_equal(
        render(wrong, crop=PART, depth=depth), render(grid, crop=PART, depth=depth)
    )


def test_of_a_part_the_latents_behind_it_are_not_read(grid: Encoded) -> None:
    stream = grid.tensors[STREAM].copy()
    stream[-8:] = 0
    cut = replace(grid, tensors={STREAM: stream})
    assert np.array_equal(render(cut, crop=PART), render(grid)[2:6, 3:8])
    with pytest.raises(FormatError):
        render(cut)


def test_only_grid_heeds_the_zoom(grid: Encoded, plain: Encoded) -> None:
    for image, is_alike in ((grid, False), (plain, True)):
        neural, lanczos = (render(image, "200%", zoom=zoom) for zoom in ("neural", "lanczos"))
        assert np.array_equal(neural, lanczos) is is_alike

"""The picture of the pyramids has every latent."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import imgnet
from imgnet.errors import UsageError
from imgnet.figures.pyramid import GAP, GROUND, pyramids_of
from imgnet.figures.ramps import diverging
from support.networks import encoded, grid_spec, random_tensors, real
from support.paths import GOLDEN

SPEC = grid_spec(45, 33, num_levels=4, chroma_level=2)
TENSORS = random_tensors(SPEC)


def values(name: str) -> np.ndarray:
    return TENSORS[name].values.astype(np.float64)


def coloured(name: str) -> np.ndarray:
    return diverging(values(name), float(np.abs(values(name)).max()))


def test_grids_stand_side_by_side() -> None:
    drawn = pyramids_of(encoded(SPEC, TENSORS)).draw()
    # 33 and 17 rows are one row of grids; three rows of 9 are the table.
    assert drawn.shape == (GAP + 33 + 3 * (GAP + 9) + GAP, GAP + 45 + GAP + 23 + GAP, 3)
    assert (drawn[:GAP] == GROUND).all()
    assert np.array_equal(drawn[GAP:][:33, GAP:][:, :45], coloured("latents.0.0"))
    assert np.array_equal(drawn[GAP:][:17, 2 * GAP + 45 :][:, :23], coloured("latents.0.1"))
    assert (drawn[GAP + 17 : GAP + 33, 2 * GAP + 45 :] == GROUND).all()
    for pyramid in range(3):
        row = drawn[2 * GAP + 33 + pyramid * (GAP + 9) :][:9]
        assert np.array_equal(row[:, GAP:][:, :12], coloured(f"latents.{pyramid}.2"))
        enlarged = coloured(f"latents.{pyramid}.3").repeat(2, axis=0).repeat(2, axis=1)
        assert np.array_equal(row[:, 2 * GAP + 12 :][:, :12], enlarged[:9, :12])


def test_the_largest_latents_are_told() -> None:
    largest = pyramids_of(encoded(SPEC, TENSORS)).largest()
    assert list(largest)[:3] == ["latents.0.0", "latents.0.1", "latents.0.2"]
    assert largest == {name: np.abs(values(name)).max() for name in largest}
    assert len(largest) == len(SPEC.grids())


def test_plain_tensors_have_latents_too() -> None:
    file = encoded(SPEC, TENSORS)
    plain = replace(file, tensors=dict(real(TENSORS)))
    assert np.array_equal(pyramids_of(plain).draw(), pyramids_of(file).draw())


def test_networks_alone_are_refused() -> None:
    with pytest.raises(UsageError, match="has no latents: a file of gated"):
        pyramids_of(imgnet.open(GOLDEN / "v1-gated.inr"))

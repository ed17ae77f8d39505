"""Neighbours of a latent, all of which are decoded before it."""

from __future__ import annotations

import pytest

from imgnet.neighbourhood import (
    CAUSAL,
    MARGIN,
    NUM_INPUTS,
    NUM_NEIGHBOURS,
    PARENT_MARGIN,
    PARENTS,
    Offsets,
    place_of,
)
from imgnet.spec import Spec
from support.networks import SPECS


def test_every_neighbour_lies_on_an_earlier_wavefront() -> None:
    assert all(dx + 2 * dy < 0 for dy, dx in CAUSAL)


def test_neighbours_next_to_a_latent_are_there_as_far_as_they_are_decoded() -> None:
    near = {(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)}
    assert near & set(CAUSAL) == {(-1, -1), (-1, 0), (-1, 1), (0, -1)}
    assert set(PARENTS) == near


def test_no_neighbour_counts_twice() -> None:
    for offsets in (CAUSAL, PARENTS):
        assert len(set(offsets)) == len(offsets)


@pytest.mark.parametrize(("offsets", "margin"), [(CAUSAL, MARGIN), (PARENTS, PARENT_MARGIN)])
def test_the_margin_holds_the_farthest_neighbour_and_no_more(offsets: Offsets, margin: int) -> None:
    assert margin == max(max(abs(dy), abs(dx)) for dy, dx in offsets)


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_the_context_model_has_a_column_for_every_input(spec: Spec) -> None:
    _, columns = spec.shapes()["context.first.weight"]
    assert columns == NUM_INPUTS + spec.dim_coarse
    assert len(place_of(*spec.grids()[0])) == NUM_INPUTS - NUM_NEIGHBOURS


def test_places_tell_levels_and_luma_from_chroma() -> None:
    places = {grid: place_of(*grid) for grid in SPECS[1].grids()}
    assert {level for level, _ in places.values()} == set(SPECS[1].levels())
    assert all(is_chroma == (pyramid > 0) for (pyramid, _), (_, is_chroma) in places.items())

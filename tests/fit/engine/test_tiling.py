from __future__ import annotations

import pytest

from imgnet.fit.engine.tiling import COARSE, Cuts, split
from imgnet.spec import Spec

SPEC = Spec("grid", 100, 90, 0, 5, 2, num_levels=6, chroma_level=2, dim_context=4)


@pytest.mark.parametrize(
    ("start", "stop", "most"), [(0, 100, 30), (7, 8, 4), (3, 64, 64), (0, 5, 1)]
)
def test_parts_cover_a_range_once(start: int, stop: int, most: int) -> None:
    parts = split(start, stop, most)
    assert [i for a, b in parts for i in range(a, b)] == list(range(start, stop))
    assert all((a - start) % 2 == 0 for a, _ in parts)


def test_tiles_cover_their_rows_once() -> None:
    seen = [
        (y, x)
        for top, bottom, left, right in Cuts(SPEC, tile=(20, 30)).tiles([(0, 32), (64, 90)])
        for y in range(top, bottom)
        for x in range(left, right)
    ]
    rows = [*range(32), *range(64, 90)]
    assert sorted(seen) == [(y, x) for y in rows for x in range(100)]


def test_bands_cover_the_latents_of_their_rows_once_and_all_of_coarse_levels() -> None:
    cuts = Cuts(SPEC, chunk=300)
    seen = [(i, y) for i, top, bottom in cuts.chunks([(32, 64)]) for y in range(top, bottom)]
    wanted = []
    for i, (_, level) in enumerate(SPEC.grids()):
        height = SPEC.grid_size(level)[0]
        rows = range(height) if level >= COARSE else range(32 >> level, 64 >> level)
        wanted += [(i, y) for y in rows]
    assert sorted(seen) == wanted


def test_bits_of_coarse_levels_count_in_part() -> None:
    levels = [level for _, level in SPEC.grids()]
    shares = {
        levels[chunk[0]]: share for chunk, share in Cuts(SPEC).weighted_chunks([(0, 45)], 4.0)
    }
    assert shares == {level: 2.0 if level >= COARSE else 1.0 for level in levels}
    without = Cuts(SPEC).weighted_chunks([(0, 45)], 0.0)
    assert {levels[chunk[0]] for chunk, _ in without} == set(range(COARSE))

from __future__ import annotations

from dataclasses import replace

import pytest

from imgnet.fit.grid.closing import LEAST_S, SAMPLE, closing_s, symbol_seconds
from imgnet.spec import Spec

SPEC = Spec("grid", 1000, 800, 0, 4, 1, num_levels=2, chroma_level=1, dim_context=4)


def test_the_end_takes_longer_for_more_pixels_on_slower_machines_and_few_cores() -> None:
    usual = closing_s(SPEC, 1e-6, 4)
    assert closing_s(SPEC, 2e-6, 4) - LEAST_S == pytest.approx(2 * (usual - LEAST_S))
    large = replace(SPEC, width=2000)
    assert closing_s(large, 1e-6, 4) - LEAST_S == pytest.approx(2 * (usual - LEAST_S))
    assert usual < closing_s(SPEC, 1e-6, 1) < 4 * usual


def test_the_fastest_of_a_few_tries_counts() -> None:
    looks = iter([0.0, 9.0, 10.0, 12.0, 20.0, 23.0])
    assert symbol_seconds(looks.__next__) == 2.0 / SAMPLE

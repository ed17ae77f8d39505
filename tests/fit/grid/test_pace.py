from __future__ import annotations

from dataclasses import replace

import pytest

from imgnet.fit.grid.pace import LEAST_S, SAMPLE, Pace, symbol_seconds
from imgnet.request.efforts import Schedule
from imgnet.request.options import LEAST_STEPS
from imgnet.spec import Spec

SPEC = Spec("grid", 1000, 800, 0, 4, 1, num_levels=2, chroma_level=1, dim_context=4)


def test_the_end_takes_longer_for_more_pixels_on_slower_machines_and_few_cores() -> None:
    usual = Pace(1e-6, 4).closing_s(SPEC) - LEAST_S
    assert Pace(2e-6, 4).closing_s(SPEC) - LEAST_S == pytest.approx(2 * usual)
    small = replace(SPEC, width=500)
    assert Pace(1e-6, 4).closing_s(small) - LEAST_S == pytest.approx(usual / 2)
    assert usual < Pace(1e-6, 1).closing_s(SPEC) < 4 * usual


def test_compiled_code_packs_many_latents_in_less_time() -> None:
    plain, compiled = (
        Pace(1e-6, 2).closing_s(replace(SPEC, width=width, height=1200)) - LEAST_S
        for width in (990, 1010)
    )
    assert compiled < 0.7 * plain


def test_a_schedule_has_no_more_steps_than_there_is_time_for() -> None:
    pace, schedule = Pace(1e-6, 2), Schedule(steps=500, pixels_per_step=49152)
    steps = [pace.shortened(schedule, seconds, SPEC).steps for seconds in (1, 7, 12, 1000)]
    assert steps[0] == LEAST_STEPS
    assert LEAST_STEPS < steps[1] < steps[2] < steps[3] == 500
    quick = Pace(5e-7, 2).shortened(schedule, 7, SPEC).steps
    assert steps[1] < quick < 500


def test_the_fastest_of_a_few_tries_counts() -> None:
    looks = iter([0.0, 9.0, 10.0, 12.0, 20.0, 23.0])
    assert symbol_seconds(looks.__next__) == 2.0 / SAMPLE

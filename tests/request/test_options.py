from __future__ import annotations

from dataclasses import replace

from imgnet.request.efforts import Schedule
from imgnet.request.options import Options

OPTIONS = Options(Schedule(steps=100, pixels_per_step=4096), clock=lambda: 105.0)
STARTED = 100.0


def test_steps_time_and_request_each_use_up_the_schedule() -> None:
    limited = replace(OPTIONS, time_limit_s=10.0)
    assert OPTIONS.part_done(25, STARTED) == 0.25
    assert limited.part_done(25, STARTED) == 0.5
    assert limited.part_done(90, STARTED) == 0.9
    assert replace(OPTIONS, should_stop=lambda: False).part_done(25, STARTED) == 0.25
    assert replace(OPTIONS, should_stop=lambda: True).part_done(25, STARTED) == 1.0


def test_time_that_is_over_leaves_a_moment() -> None:
    limit = replace(OPTIONS, time_limit_s=3.0).in_time(STARTED, 1.0).time_limit_s
    assert limit is not None
    assert 0 < limit < 0.1

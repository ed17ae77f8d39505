from __future__ import annotations

import time
from dataclasses import replace

import pytest

from imgnet.request.efforts import Schedule, schedule_for
from imgnet.request.options import Options


def test_by_default_nothing_limits_a_fit_and_nobody_watches() -> None:
    options = Options(schedule_for(3))
    assert options.budget_bytes is None
    assert options.time_limit_s is None
    assert options.on_progress is None
    assert options.on_snapshot is None
    assert options.should_stop is None
    assert (options.seed, options.device) == (0, "auto")


def test_steps_time_and_request_each_use_up_the_schedule() -> None:
    options = Options(Schedule(steps=100, pixels_per_step=4096))
    now = time.monotonic()
    assert options.part_done(25, now) == 0.25
    assert replace(options, time_limit_s=10.0).part_done(25, now - 5) == pytest.approx(0.5, abs=0.1)
    assert replace(options, time_limit_s=10.0).part_done(90, now - 5) == 0.9
    assert replace(options, should_stop=lambda: False).part_done(25, now) == 0.25
    assert replace(options, should_stop=lambda: True).part_done(25, now) == 1.0

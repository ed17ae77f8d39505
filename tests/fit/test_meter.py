"""Place in the schedule, progress and snapshots of a fit, by a clock of the test."""

from __future__ import annotations

from typing import Any

import pytest

from imgnet.fit.meter import Meter
from imgnet.progress import Progress
from imgnet.request.efforts import Schedule
from imgnet.request.options import LEAST_STEPS, Options
from imgnet.spec import Spec

SPEC = Spec("mlp", 4, 4, 0, 2, 1)


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def meter_of(clock: Clock, closing: tuple[float, float] = (0.0, 0.0), **changes: Any) -> Meter:
    options = Options(Schedule(steps=200, pixels_per_step=16), clock=clock, **changes)
    return Meter(options, *closing)


def test_the_schedule_goes_by_steps_or_by_time(clock: Clock) -> None:
    meter, unlimited = meter_of(clock, time_limit_s=10.0), meter_of(clock)
    clock.now += 4
    assert (meter.done(20), meter.done(100)) == (0.4, 0.5)
    assert unlimited.done(20) == 0.1


def test_time_is_up_at_the_limit_or_on_request(clock: Clock) -> None:
    meter, unlimited = meter_of(clock, time_limit_s=10.0), meter_of(clock)
    clock.now += 9.9
    assert meter.has_time()
    clock.now += 0.2
    assert not meter.has_time()
    assert unlimited.has_time()
    assert not meter_of(clock, should_stop=lambda: True).has_time()


def test_the_end_of_a_fit_is_a_part_of_its_time(clock: Clock) -> None:
    meter = meter_of(clock, time_limit_s=10.0, closing=(2.0, 4))
    for step in range(3):  # the first step takes 3 s, the others 1/2 s
        meter.done(step)
        clock.now += 0.5 if step else 3
        meter.report(step + 1, 0.01, 0.5)
    assert meter.done(100) == pytest.approx(4 / (10 - 2 - 4 * 0.5))
    assert meter.has_time(7.9)
    assert not meter.has_time(8.1)


def test_a_fit_without_time_takes_a_few_steps(clock: Clock) -> None:
    meter = meter_of(clock, time_limit_s=1.0, closing=(2.0, 4))
    clock.now += 3
    assert [meter.done(step) for step in (0, LEAST_STEPS // 2, LEAST_STEPS)] == [0, 0.5, 1]
    assert not meter.has_time()


def test_snapshots_are_taken_at_multiples_and_computed_only_then(clock: Clock) -> None:
    taken: list[int] = []
    computed: list[int] = []
    meter = meter_of(clock, snapshot_every=3, on_snapshot=lambda _, step, __: taken.append(step))
    for step in range(1, 8):
        meter.take_snapshot(SPEC, step, lambda step=step: computed.append(step) or {})
    assert taken == computed == [3, 6]
    meter_of(clock).take_snapshot(SPEC, 3, lambda: pytest.fail("nobody wants a snapshot"))


def test_reports_keep_a_distance_in_time(clock: Clock) -> None:
    told: list[Progress] = []
    meter = meter_of(clock, on_progress=told.append)
    for step in range(1, 41):
        clock.now += 1 / 32
        meter.report(step, 0.01, 0.5)
    assert [progress.step for progress in told] == list(range(4, 41, 4))


def test_a_report_tells_quality_and_time_left(clock: Clock) -> None:
    told: list[Progress] = []
    meter = meter_of(clock, on_progress=told.append)
    clock.now += 30
    meter.report(50, 1e-3, 0.25)
    (progress,) = told
    assert progress.psnr_db == pytest.approx(30)
    assert (progress.step, progress.steps, progress.bpp) == (50, 200, 0.25)
    assert (progress.elapsed_s, progress.remaining_s) == (30, 90)


def test_a_time_limit_that_comes_first_shortens_the_plan(clock: Clock) -> None:
    told: list[Progress] = []
    meter = meter_of(clock, on_progress=told.append, time_limit_s=10.0)
    for seconds, step in ((5, 20), (7, 45)):  # the second is past the limit
        clock.now += seconds
        meter.report(step, 0.0, 0.25)
    assert [(p.steps, p.remaining_s) for p in told] == [(40, 5.0), (45, 0.0)]
    assert told[0].psnr_db == pytest.approx(120)  # of no error at all


def test_the_estimate_counts_what_comes_before_the_first_step_once(clock: Clock) -> None:
    told: list[Progress] = []
    meter = meter_of(clock, on_progress=told.append)
    clock.now += 40  # for the first latents
    meter.done(0)
    clock.now += 2
    meter.report(2, 0.01, 0.5)
    assert (told[0].elapsed_s, told[0].remaining_s) == (42, pytest.approx(198))

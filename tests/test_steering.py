from __future__ import annotations

from dataclasses import replace

import pytest

from imgnet.fitting import Options
from imgnet.presets import Preset
from imgnet.steering import MOST_CHANGE, QualityGoal, SizeGoal, Steering, steering_of

OPTIONS = Options(Preset(steps=160, pixels_per_step=4096))


def test_a_price_that_is_given_stays() -> None:
    assert steering_of(OPTIONS, 1000, 10) is None


def test_bits_of_the_network_count() -> None:
    steering = steering_of(replace(OPTIONS, budget_bytes=1000), 10_000, 100)
    assert steering is not None
    assert steering.goal.excess(0.1, 0.0) == pytest.approx(450 / 7880)
    assert steering.goal.excess(0.1, 0.8 * 0.985 - 0.045) == pytest.approx(1.0)


@pytest.mark.parametrize(("bits", "rises"), [(0.6, True), (0.4, False)])
def test_too_many_bits_raise_the_price(bits: float, rises: bool) -> None:
    steering = Steering(SizeGoal(0.5, 0.0), 160)
    steering.see(0, 0.01, bits)
    assert (steering.factor() > 1) == rises


@pytest.mark.parametrize(("error", "rises"), [(0.012, False), (0.008, True)])
def test_too_little_error_raises_the_price(error: float, rises: bool) -> None:
    steering = Steering(QualityGoal(0.01), 160)
    steering.see(0, error, 0.5)
    assert (steering.factor() > 1) == rises


def test_the_gap_counts_as_error() -> None:
    goal = QualityGoal(0.01, gap=2.0)
    assert goal.excess(0.005, 0.0) == pytest.approx(1.0)


def test_all_parts_count_once_with_their_last_values() -> None:
    steering = Steering(SizeGoal(0.5, 0.0), 16)
    for part, bits in (("a", 9.0), ("b", 0.7), ("a", 0.3)):
        steering.see(part, 0.01, bits)
    assert steering.factor() == pytest.approx(1.0)


def test_a_step_changes_the_price_by_a_little() -> None:
    steering = Steering(SizeGoal(0.5, 0.0), 16)
    steering.see(0, 0.01, 50.0)
    assert steering.factor() == MOST_CHANGE
    steering.see(0, 0.01, 0.001)
    assert steering.factor() == 1 / MOST_CHANGE


def test_a_whole_schedule_of_one_excess_changes_the_price_by_its_force() -> None:
    steering = Steering(SizeGoal(0.5, 0.0), 1000)
    steering.see(0, 0.01, 0.55)
    assert steering.factor() ** 1000 == pytest.approx(1.1**16)

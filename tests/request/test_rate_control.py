from __future__ import annotations

from dataclasses import replace
from math import log2

import pytest

from imgnet.request.efforts import Schedule
from imgnet.request.options import Options
from imgnet.request.rate_control import (
    HIGHEST_LMBDA,
    LEAST_LMBDA,
    MOST_CHANGE,
    MOST_PILOTS,
    PILOT_STEPS,
    ROUNDING_ERROR,
    PsnrControl,
    RateControl,
    SizeControl,
    first_lmbda,
    rate_control_of,
)
from imgnet.request.target import PsnrTarget, SizeTarget

OPTIONS = Options(Schedule(steps=160, pixels_per_step=4096))


def control_of(
    options: Options, *, has_prior: bool = False, rounding_error: float = 0.0
) -> RateControl:
    control = rate_control_of(
        options, 10_000, 100, has_prior=has_prior, rounding_error=rounding_error
    )
    assert control is not None
    return control


def test_a_lmbda_without_a_target_stays() -> None:
    assert rate_control_of(OPTIONS, 1000, 10, has_prior=True, rounding_error=0.0) is None


def test_bits_of_the_network_count() -> None:
    control = control_of(replace(OPTIONS, target=SizeTarget(1000)))
    assert control.excess(0.1, 0.0) == pytest.approx(450 / 7960)
    assert control.excess(0.1, 0.8 * 0.995 - 0.045) == pytest.approx(1.0)


def test_a_network_with_a_prior_takes_a_part_of_the_bits() -> None:
    controls = [
        control_of(replace(OPTIONS, target=SizeTarget(n)), has_prior=True) for n in (100, 10_000)
    ]
    assert [control.excess(0.1, 0.0) for control in controls] == pytest.approx(
        [0.08 + 240 / 796, 0.083], 0.01
    )


def test_rounding_is_a_part_of_the_error_where_pixels_are_rounded() -> None:
    options = replace(OPTIONS, target=PsnrTarget(50.0))
    fine, rounded = (control_of(options, rounding_error=error) for error in (0.0, ROUNDING_ERROR))
    assert fine.excess(1e-5, 0.0) == pytest.approx(1.0)
    assert rounded.excess(1e-5 - ROUNDING_ERROR, 0.0) == pytest.approx(1.0)


@pytest.mark.parametrize(("bits", "rises"), [(0.6, True), (0.4, False)])
def test_too_many_bits_raise_the_price(bits: float, rises: bool) -> None:
    rate_control = SizeControl(160, 0.5, 0.0)
    rate_control.observe(0, 0.01, bits)
    assert (rate_control.lmbda(0.01) > 0.01) == rises


@pytest.mark.parametrize(("error", "rises"), [(0.012, False), (0.008, True)])
def test_too_little_error_raises_the_price(error: float, rises: bool) -> None:
    rate_control = PsnrControl(160, 0.01)
    rate_control.observe(0, error, 0.5)
    assert (rate_control.lmbda(0.01) > 0.01) == rises


@pytest.mark.parametrize(
    ("control", "excess"),
    [(PsnrControl(16, 0.01), 1 / 3), (SizeControl(16, 0.4, 0.1), (0.3 * 2 + 0.1) / 0.4)],
)
def test_the_gap_of_rounded_latents_counts(control: RateControl, excess: float) -> None:
    for part, error, bits in ((0, 0.005, 0.2), (1, 0.015, 0.4)):
        control.observe(part, error, bits)
    control.compare(error=0.03, bits=0.6)
    assert control.excess(0.01, 0.3) == pytest.approx(excess)


def test_nothing_to_compare_with_is_no_fault() -> None:
    rate_control = SizeControl(16, 0.4, 0.1)
    rate_control.observe(0, 0.01, 0.0)
    rate_control.compare(0.01, 0.0)
    assert rate_control.excess(0.01, 0.3) == pytest.approx(1.0)


def test_all_parts_count_once_with_their_last_values() -> None:
    rate_control = SizeControl(16, 0.5, 0.0)
    for part, bits in (("a", 9.0), ("b", 0.7), ("a", 0.3)):
        rate_control.observe(part, 0.01, bits)
    assert rate_control.lmbda(0.01) == pytest.approx(0.01)


def test_a_step_changes_the_price_by_a_little() -> None:
    rate_control = SizeControl(16, 0.5, 0.0)
    rate_control.observe(0, 0.01, 50.0)
    assert rate_control.lmbda(0.01) == pytest.approx(0.01 * MOST_CHANGE)
    rate_control.observe(0, 0.01, 0.001)
    assert rate_control.lmbda(0.01) == pytest.approx(0.01 / MOST_CHANGE)


def test_a_price_stays_where_it_changes_something() -> None:
    rate_control = SizeControl(16, 0.5, 0.0)
    rate_control.observe(0, 0.01, 50.0)
    assert rate_control.lmbda(HIGHEST_LMBDA) == HIGHEST_LMBDA
    rate_control.observe(0, 0.01, 0.001)
    assert rate_control.lmbda(LEAST_LMBDA) == LEAST_LMBDA


def test_a_whole_schedule_of_one_excess_changes_the_price_by_its_force() -> None:
    rate_control = SizeControl(1000, 0.5, 0.0)
    rate_control.observe(0, 0.01, 0.55)
    assert (rate_control.lmbda(0.01) / 0.01) ** 1000 == pytest.approx(1.1**16)


class Photograph:
    """Gives 6 dB less at a lmbda eight times as high."""

    def __init__(self, lmbda: float) -> None:
        self.lmbda = lmbda
        self.asked: list[float] = []

    def pilot(self, lmbda: float, options: Options) -> float:
        self.asked.append(lmbda)
        assert options.schedule.steps <= PILOT_STEPS
        return -2 * log2(lmbda / self.lmbda)


@pytest.mark.parametrize("lmbda", [1e-5, 1e-3, 0.1])
def test_pilots_lead_near_to_the_price_of_an_aim(lmbda: float) -> None:
    photograph = Photograph(lmbda)
    found = first_lmbda(photograph.pilot, 0.002, OPTIONS)
    assert found == pytest.approx(lmbda, rel=0.5)
    assert 2 <= len(photograph.asked) <= MOST_PILOTS


def test_one_pilot_is_enough_where_the_price_is_near() -> None:
    photograph = Photograph(0.0021)
    assert first_lmbda(photograph.pilot, 0.002, OPTIONS) == 0.002
    assert photograph.asked == [0.002]


def test_there_are_no_pilots_when_the_time_is_up() -> None:
    photograph = Photograph(0.1)
    ended = replace(OPTIONS, should_stop=lambda: True)
    assert first_lmbda(photograph.pilot, 0.002, ended) == 0.002
    assert photograph.asked == []

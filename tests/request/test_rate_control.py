from __future__ import annotations

from math import log2

import pytest

from imgnet.request.rate_control import (
    HIGHEST_LMBDA,
    LEAST_LMBDA,
    corrected_lmbda,
    next_lmbda,
    within_limits,
)


def test_a_lmbda_stays_where_it_changes_something() -> None:
    assert within_limits(0.0) == LEAST_LMBDA
    assert within_limits(9.0) == HIGHEST_LMBDA


@pytest.mark.parametrize("following", [next_lmbda, corrected_lmbda])
@pytest.mark.parametrize(("excess_db", "rises"), [(1.0, True), (-1.0, False)])
def test_what_exceeds_its_target_raises_lmbda(
    following: object, excess_db: float, rises: bool
) -> None:
    assert callable(following)
    assert (following([(0.001, excess_db)]) > 0.001) is rises


@pytest.mark.parametrize("lmbda", [1e-5, 1e-3, 0.1])
def test_a_few_fits_lead_to_the_lmbda_of_a_target(lmbda: float) -> None:
    """The excess falls by 2 dB where lmbda doubles, as in photographs."""
    tried = [(0.002, -2 * log2(0.002 / lmbda))]
    for _ in range(3):
        tried.append((found := next_lmbda(tried), -2 * log2(found / lmbda)))
    assert min(abs(excess_db) for _, excess_db in tried) < 0.3


def test_the_next_lmbda_lies_between_fits_on_both_sides() -> None:
    """Also where the excess jumps, as between networks with and without a prior."""
    tried = [(1e-4, 4.0), (1e-3, -0.2)]
    for _ in range(4):
        found = next_lmbda(tried)
        assert 1e-4 < found < 1e-3
        assert all(abs(log2(found / other)) > 0.02 for other, _ in tried)
        tried.append((found, 4.0 if found < 3e-4 else -0.2))


def test_fits_that_contradict_each_other_do_not_lead_away() -> None:
    assert 1e-4 < next_lmbda([(1e-4, -1.0), (1e-3, 1.0)]) < 1e-3


def test_what_does_not_react_is_not_repeated_for_ever() -> None:
    tried = [(1e-3, -3.0)]
    for _ in range(8):
        tried.append((next_lmbda(tried), -3.0))
    assert tried[-1][0] == LEAST_LMBDA

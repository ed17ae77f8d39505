from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from imgnet.codec.priors.loader import lmbda_index_of
from imgnet.encoder.prior import FOR_DETAIL, FOR_SMOOTH, with_prior
from imgnet.encoder.trial import LESS, MORE_BITS, SIDE, with_best_prior
from imgnet.image.picture import Samples
from imgnet.request.efforts import TRIAL_EPOCHS, Schedule
from imgnet.request.options import Options
from imgnet.spec import Spec, usual_grid_sizes
from support.grid_cases import picture

WIDTH, HEIGHT = 300, 90
LMBDA = 1e-3
PLAIN = Spec("grid", WIDTH, HEIGHT, dim_axis=0, **usual_grid_sizes(WIDTH, HEIGHT))
CHOSEN = with_prior(PLAIN, FOR_SMOOTH, lmbda_index_of(LMBDA))
OPTIONS = Options(Schedule(500, WIDTH * HEIGHT), budget_bytes=999, on_progress=print)
PIXELS = picture(WIDTH, HEIGHT)


class Trials:
    """Trials of which those with another prior or with none cost given parts of the first."""

    def __init__(self, part: float, other: float = 1.0) -> None:
        self.costs = {FOR_SMOOTH: 1.0, FOR_DETAIL: other, "": part}
        self.seen: list[tuple[Spec, Samples, Options]] = []

    def __call__(self, spec: Spec, part: Samples, options: Options) -> float:
        self.seen.append((spec, part, options))
        return self.costs[spec.prior]


@pytest.mark.parametrize(("part", "expected"), [(0.7, PLAIN), (0.76, CHOSEN), (1.1, CHOSEN)])
def test_the_cheapest_network_is_kept(part: float, expected: Spec) -> None:
    assert with_best_prior(CHOSEN, PIXELS, OPTIONS, LMBDA, Trials(part)) == expected


def test_another_prior_takes_the_place_of_the_first() -> None:
    found = with_best_prior(CHOSEN, PIXELS, OPTIONS, LMBDA, Trials(0.7, other=0.6))
    assert found == with_prior(PLAIN, FOR_DETAIL, CHOSEN.lmbda_index)


def test_what_weights_take_without_a_prior_counts() -> None:
    weights = LMBDA * MORE_BITS / (WIDTH * HEIGHT)
    for gain, expected in ((0.9 * weights, CHOSEN), (1.1 * weights, PLAIN)):
        part = LESS[FOR_SMOOTH] - gain
        found = with_best_prior(CHOSEN, PIXELS, OPTIONS, LMBDA, Trials(part))
        assert found == expected


def test_all_are_tried_on_the_middle_of_the_picture_and_aim_at_nothing() -> None:
    trials = Trials(1.0)
    with_best_prior(CHOSEN, PIXELS, OPTIONS, LMBDA, trials)
    assert [spec.prior for spec, _, _ in trials.seen] == [FOR_SMOOTH, FOR_DETAIL, ""]
    for spec, part, options in trials.seen:
        assert (spec.width, spec.height) == (SIDE, HEIGHT)
        assert spec.num_levels == CHOSEN.num_levels
        left = (WIDTH - SIDE) // 2
        np.testing.assert_array_equal(part, PIXELS[:, left : left + SIDE])
        assert options.schedule.epochs(SIDE * HEIGHT) == TRIAL_EPOCHS
        assert options.budget_bytes is options.on_progress is None


def test_short_fits_and_those_without_a_prior_have_no_trials() -> None:
    trials = Trials(0.5)
    brief = replace(OPTIONS, schedule=Schedule(100, WIDTH * HEIGHT))
    assert with_best_prior(CHOSEN, PIXELS, brief, LMBDA, trials) is CHOSEN
    assert with_best_prior(PLAIN, PIXELS, OPTIONS, LMBDA, trials) is PLAIN
    assert not trials.seen


def test_trials_take_a_part_of_the_time() -> None:
    trials = Trials(1.0)
    with_best_prior(CHOSEN, PIXELS, replace(OPTIONS, time_limit_s=10.0), LMBDA, trials)
    limits = [options.time_limit_s for _, _, options in trials.seen]
    assert all(limit is not None and 0.8 < limit <= 1.0 for limit in limits)


def test_detailed_pictures_do_without_where_that_is_a_little_cheaper() -> None:
    detailed = with_prior(PLAIN, FOR_DETAIL, CHOSEN.lmbda_index)
    assert with_best_prior(detailed, PIXELS, OPTIONS, LMBDA, Trials(0.9)) == PLAIN

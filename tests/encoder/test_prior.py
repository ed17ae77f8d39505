from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from imgnet.codec.format.usual_sizes import usual_grid_sizes
from imgnet.codec.priors.loader import lmbda_index_of
from imgnet.encoder.prior import (
    FOR_DETAIL,
    FOR_SMOOTH,
    LEAST_LMBDA,
    LESS,
    MORE_BITS,
    SIDE,
    starting_from_prior,
    with_best_prior,
    with_prior,
)
from imgnet.image.picture import Samples
from imgnet.request.efforts import (
    AT_ONCE_DETAILED,
    COLD_EPOCHS,
    DETAILED,
    SOON_DETAILED,
    TRIAL_EPOCHS,
    VERY_FEW_EPOCHS,
    Schedule,
)
from imgnet.request.options import Options
from imgnet.request.target import SizeTarget
from imgnet.spec import Spec
from support.pictures import picture

LONG, SHORT = Schedule(87, 1 << 20), Schedule(19, 1 << 20)


def usual(width: int, height: int, **changes: int) -> Spec:
    return Spec("grid", width, height, dim_axis=0, **{**usual_grid_sizes(width, height), **changes})


def test_detailed_and_smooth_pictures_have_priors_of_their_own() -> None:
    for found, prior in ((DETAILED, FOR_SMOOTH), (1.01 * DETAILED, FOR_DETAIL)):
        spec = starting_from_prior(usual(96, 64), found, 1e-3, LONG)
        assert (spec.prior, spec.lmbda_index) == (prior, lmbda_index_of(1e-3))


def test_short_fits_need_smoother_pictures() -> None:
    found = [
        starting_from_prior(usual(128, 64), DETAILED, 1e-3, schedule).prior
        for schedule in (SHORT, LONG)
    ]
    assert found == [FOR_DETAIL, FOR_SMOOTH]
    assert starting_from_prior(usual(128, 64), SOON_DETAILED, 1e-3, SHORT).prior == FOR_SMOOTH


def test_fits_of_very_few_epochs_need_the_smoothest_pictures() -> None:
    schedule = Schedule(VERY_FEW_EPOCHS - 1, 128 * 64)
    for found, prior in ((AT_ONCE_DETAILED, FOR_SMOOTH), (SOON_DETAILED, FOR_DETAIL)):
        assert starting_from_prior(usual(128, 64), found, 1e-3, schedule).prior == prior


def test_a_network_of_another_shape_starts_without_a_prior() -> None:
    spec = usual(96, 64, dim_hidden=31)
    assert starting_from_prior(spec, 1.0, 1e-3, LONG) is spec


def test_the_finest_pictures_start_without_a_prior() -> None:
    spec = usual(96, 64)
    assert starting_from_prior(spec, 1.0, LEAST_LMBDA, LONG).prior == FOR_DETAIL
    assert starting_from_prior(spec, 1.0, 0.99 * LEAST_LMBDA, LONG) is spec


def test_long_fits_of_large_detailed_images_start_without_a_prior() -> None:
    side = 1 << 9
    spec, long = usual(side, side), Schedule(COLD_EPOCHS, side * side)
    assert starting_from_prior(spec, 1.0, 1e-3, long) is spec
    assert spec.dim_coarse
    shorter = replace(long, steps=COLD_EPOCHS - 1)
    assert starting_from_prior(spec, 1.0, 1e-3, shorter).prior == FOR_DETAIL
    assert starting_from_prior(usual(96, 64), 1.0, 1e-3, long).prior == FOR_DETAIL
    assert starting_from_prior(spec, 0.0, 1e-3, long).prior == FOR_SMOOTH


WIDTH, HEIGHT = 300, 90
LMBDA = 1e-3
PLAIN = Spec("grid", WIDTH, HEIGHT, dim_axis=0, **usual_grid_sizes(WIDTH, HEIGHT))
CHOSEN = with_prior(PLAIN, FOR_SMOOTH, lmbda_index_of(LMBDA))
OPTIONS = Options(Schedule(500, WIDTH * HEIGHT), target=SizeTarget(999), on_progress=print)
PIXELS = picture(WIDTH, HEIGHT)


class Trials:
    """Trials of which those with another prior or with none cost given parts of the first."""

    def __init__(self, part: float, other: float = 1.0) -> None:
        self.costs = {FOR_SMOOTH: 1.0, FOR_DETAIL: other, "": part}
        self.seen: list[tuple[Spec, Samples, Options]] = []

    def __call__(self, spec: Spec, part: Samples, options: Options, lmbda: float) -> float:
        assert lmbda == LMBDA
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


def test_all_are_tried_on_the_middle_of_the_image_without_a_target() -> None:
    trials = Trials(1.0)
    with_best_prior(CHOSEN, PIXELS, OPTIONS, LMBDA, trials)
    assert [spec.prior for spec, _, _ in trials.seen] == [FOR_SMOOTH, FOR_DETAIL, ""]
    for spec, part, options in trials.seen:
        assert (spec.width, spec.height) == (SIDE, HEIGHT)
        assert spec.num_levels == CHOSEN.num_levels
        left = (WIDTH - SIDE) // 2
        np.testing.assert_array_equal(part, PIXELS[:, left : left + SIDE])
        assert options.schedule.epochs(SIDE * HEIGHT) == TRIAL_EPOCHS
        assert options.target is options.on_progress is None


def test_short_fits_and_those_without_a_prior_have_no_trials() -> None:
    trials = Trials(0.5)
    brief = replace(OPTIONS, schedule=Schedule(100, WIDTH * HEIGHT))
    assert with_best_prior(CHOSEN, PIXELS, brief, LMBDA, trials) is CHOSEN
    assert with_best_prior(PLAIN, PIXELS, OPTIONS, LMBDA, trials) is PLAIN
    assert not trials.seen


def test_trials_take_a_part_of_the_time() -> None:
    trials = Trials(1.0)
    with_best_prior(
        CHOSEN, PIXELS, replace(OPTIONS, time_limit_s=10.0, clock=lambda: 0.0), LMBDA, trials
    )
    limits = [options.time_limit_s for _, _, options in trials.seen]
    assert limits == [1.0, 1.0, 1.0]


def test_detailed_pictures_do_without_where_that_is_a_little_cheaper() -> None:
    detailed = with_prior(PLAIN, FOR_DETAIL, CHOSEN.lmbda_index)
    assert with_best_prior(detailed, PIXELS, OPTIONS, LMBDA, Trials(0.9)) == PLAIN

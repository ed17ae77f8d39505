from __future__ import annotations

from imgnet.codec.priors import loader as priors
from imgnet.encoder.prior import (
    FOR_DETAIL,
    FOR_SMOOTH,
    LEAST_LMBDA,
    starting_from_prior,
)
from imgnet.request.efforts import DETAILED, SOON_DETAILED, Schedule
from imgnet.spec import Spec, usual_grid_sizes

LONG, SHORT = Schedule(87, 1 << 20), Schedule(19, 1 << 20)


def usual(width: int, height: int, **changes: int) -> Spec:
    return Spec("grid", width, height, dim_axis=0, **{**usual_grid_sizes(width, height), **changes})


def test_detailed_and_smooth_pictures_have_priors_of_their_own() -> None:
    for found, prior in ((DETAILED, FOR_SMOOTH), (1.01 * DETAILED, FOR_DETAIL)):
        spec = starting_from_prior(usual(96, 64), found, 1e-3, LONG)
        assert (spec.prior, spec.lmbda_index) == (prior, priors.lmbda_index_of(1e-3))


def test_short_fits_need_smoother_pictures() -> None:
    found = [
        starting_from_prior(usual(128, 64), DETAILED, 1e-3, schedule).prior
        for schedule in (SHORT, LONG)
    ]
    assert found == [FOR_DETAIL, FOR_SMOOTH]
    assert starting_from_prior(usual(128, 64), SOON_DETAILED, 1e-3, SHORT).prior == FOR_SMOOTH


def test_a_network_of_another_shape_starts_without_a_prior() -> None:
    spec = usual(96, 64, dim_hidden=31)
    assert starting_from_prior(spec, 1.0, 1e-3, LONG) is spec


def test_the_finest_pictures_start_without_a_prior() -> None:
    spec = usual(96, 64)
    assert starting_from_prior(spec, 1.0, LEAST_LMBDA, LONG).prior == FOR_DETAIL
    assert starting_from_prior(spec, 1.0, 0.99 * LEAST_LMBDA, LONG) is spec

from __future__ import annotations

import numpy as np

from imgnet import priors
from imgnet.detail import detail
from imgnet.priors.choice import (
    DETAILED,
    FOR_DETAIL,
    FOR_SMOOTH,
    LEAST_PRICE,
    SOON_DETAILED,
    starting_from_prior,
)
from imgnet.spec import Spec, usual_grid_sizes

NOISE = np.random.default_rng(1).integers(0, 256, (64, 96, 3)).astype(np.uint8)


def usual(width: int, height: int, **changes: int) -> Spec:
    return Spec("grid", width, height, dim_axis=0, **{**usual_grid_sizes(width, height), **changes})


def test_detailed_and_smooth_pictures_have_priors_of_their_own() -> None:
    smooth = np.broadcast_to(np.linspace(0, 255, 96)[:, None], (64, 96, 3)).astype(np.uint8)
    for pixels, prior in ((NOISE, FOR_DETAIL), (smooth, FOR_SMOOTH)):
        spec = starting_from_prior(usual(96, 64), pixels, 1e-3, 100.0)
        assert (spec.prior, spec.band) == (prior, priors.band_of(1e-3))


def test_short_fits_need_smoother_pictures() -> None:
    pixels = np.full((64, 128, 3), 90, np.uint8)
    pixels[:, 0] = 250  # it and the column beside it are unlike their mean
    assert SOON_DETAILED < detail(pixels, 1e-3) <= DETAILED
    found = [starting_from_prior(usual(128, 64), pixels, 1e-3, n).prior for n in (19.0, 87.0)]
    assert found == [FOR_DETAIL, FOR_SMOOTH]


def test_a_network_of_another_shape_starts_without_a_prior() -> None:
    spec = usual(96, 64, dim_hidden=31)
    assert starting_from_prior(spec, NOISE, 1e-3, 100.0) is spec


def test_the_finest_pictures_start_without_a_prior() -> None:
    spec = usual(96, 64)
    assert starting_from_prior(spec, NOISE, LEAST_PRICE, 100.0).prior == FOR_DETAIL
    assert starting_from_prior(spec, NOISE, 0.99 * LEAST_PRICE, 100.0) is spec

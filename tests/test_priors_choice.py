from __future__ import annotations

import numpy as np
import pytest
from grid_cases import picture

from imgnet import priors
from imgnet.priors.choice import (
    DETAILED,
    FOR_DETAIL,
    FOR_SMOOTH,
    LEAST_PRICE,
    SOON_DETAILED,
    detail,
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


def test_detail_is_what_bits_are_worth() -> None:
    pixels = picture(96, 64)
    found = [detail(pixels, price) for price in (1e-1, 1e-3, 1e-5)]
    assert found == sorted(found)
    assert found[0] == 0 < found[-1]


def test_a_network_of_another_shape_starts_without_a_prior() -> None:
    spec = usual(96, 64, dim_hidden=31)
    assert starting_from_prior(spec, NOISE, 1e-3, 100.0) is spec


def test_the_finest_pictures_start_without_a_prior() -> None:
    spec = usual(96, 64)
    assert starting_from_prior(spec, NOISE, LEAST_PRICE, 100.0).prior == FOR_DETAIL
    assert starting_from_prior(spec, NOISE, 0.99 * LEAST_PRICE, 100.0) is spec


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (8, 1), (5, 3)])
@pytest.mark.parametrize("channels", [1, 4])
def test_pictures_of_any_size_and_depth_have_a_detail(size: tuple[int, int], channels: int) -> None:
    eight = NOISE[: size[0], : size[1], :1].repeat(channels, axis=2)
    sixteen = eight.astype(np.uint16) * 257
    assert detail(eight, 1e-4) == pytest.approx(detail(sixteen, 1e-4))
    assert detail(np.zeros_like(eight), 1e-4) == 0

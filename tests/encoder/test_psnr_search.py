"""The search for a network of some PSNR, on fits that are made up, and once on real ones."""

from __future__ import annotations

from math import log2
from typing import Any

import numpy as np
import pytest

import imgnet
from imgnet.codec.format.container import Encoded
from imgnet.encoder import psnr_search
from imgnet.encoder.psnr_search import MOST_FITS, WASTE_DB, encode_at_psnr
from imgnet.image.picture import Original, Profile
from imgnet.request.efforts import Schedule
from imgnet.request.options import Options, Result
from imgnet.request.request import Request, Shape
from imgnet.request.target import PsnrTarget
from imgnet.spec import Spec
from support.pictures import Pixels, picture

pytestmark = pytest.mark.usefixtures("one_thread")

SIZE = 320, 240
ORIGINAL = Original(np.zeros((240, 320, 3), np.uint8), Profile("RGB"))
STEPS = 600


class Fits:
    """Fits whose PSNR follows from the number of parameters: `slope` dB for twice as many."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at_1000: float, slope: float) -> None:
        self.at_1000, self.slope = at_1000, slope
        self.sizes: list[int] = []
        self.limits: list[float | None] = []
        monkeypatch.setattr(psnr_search, "encode_coordinates", self.encode)
        monkeypatch.setattr(psnr_search, "render", lambda _spec, drawn, **_: drawn)
        monkeypatch.setattr(psnr_search, "psnr_db", lambda _pixels, drawn, _seen: drawn)

    def best_db(self, num_parameters: int) -> float:
        return self.at_1000 + self.slope * log2(num_parameters / 1000)

    def encode(self, request: Request, spec: Spec, *rest: Any) -> tuple[Encoded, Result]:
        options: Options = rest[-1]
        self.limits.append(options.time_limit_s)
        self.sizes.append(spec.num_parameters)
        assert request.target_psnr_db is not None
        best_db = self.best_db(spec.num_parameters)
        reached: Any = min(best_db, request.target_psnr_db)  # in coarser steps
        encoded = Encoded(spec, "RGB", {"w": np.zeros(spec.num_parameters, np.uint8)})
        return encoded, Result(reached, None, 1, "cpu", best_db)


def search(target_db: float, shape: Shape | None = None, **options: Any) -> float:
    """Return the PSNR that is found."""
    request = Request("mlp", target=PsnrTarget(target_db), shape=shape or Shape())
    spec = request.spec(SIZE, 3)
    options = {"schedule": Schedule(STEPS, 4096), **options}
    outcome = encode_at_psnr(request, spec, ORIGINAL, Options(**options))
    found: float = outcome[1].parameters  # type: ignore[assignment]
    return found


@pytest.mark.parametrize("target_db", [22.0, 28.0, 33.0])
@pytest.mark.parametrize("slope", [1.5, 1.9, 2.6])
def test_networks_are_fitted_until_one_is_good_and_hardly_too_good(
    target_db: float, slope: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    fits = Fits(monkeypatch, at_1000=26.0, slope=slope)
    assert search(target_db) == pytest.approx(target_db, abs=0.1)
    assert len(fits.sizes) <= MOST_FITS
    sizes_below = fits.sizes[-1] / 1.6  # the networks at hand differ by as much
    assert target_db - 0.1 <= fits.best_db(fits.sizes[-1])
    assert fits.best_db(round(sizes_below)) < target_db + WASTE_DB


def test_one_fit_is_enough_where_the_guess_is_good(monkeypatch: pytest.MonkeyPatch) -> None:
    fits = Fits(monkeypatch, at_1000=25.0, slope=1.9)
    assert search(28.0) == 28.0
    assert len(fits.sizes) == 1


@pytest.mark.parametrize(("at_1000", "grows"), [(20.0, True), (28.0, False)])
def test_a_network_that_does_not_suit_is_followed_by_another(
    at_1000: float, grows: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    fits = Fits(monkeypatch, at_1000, slope=1.9)
    assert search(29.0) == 29.0
    assert len(fits.sizes) == 2
    assert (fits.sizes[1] > fits.sizes[0]) == grows


def test_of_those_that_reach_it_the_smallest_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    fits = Fits(monkeypatch, at_1000=33.0, slope=1.9)
    request = Request("mlp", target=PsnrTarget(29.0))
    spec, options = request.spec(SIZE, 3), Options(Schedule(STEPS, 4096))
    encoded, _ = encode_at_psnr(request, spec, ORIGINAL, options)
    assert encoded.spec.num_parameters == min(fits.sizes) < max(fits.sizes)


def test_what_is_out_of_reach_ends_with_the_best(monkeypatch: pytest.MonkeyPatch) -> None:
    fits = Fits(monkeypatch, at_1000=26.0, slope=0.3)
    assert 26.0 < search(60.0) < 28.0
    assert len(fits.sizes) <= MOST_FITS
    assert max(fits.sizes) < 1.02 * 320 * 240


def test_a_network_set_by_hand_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    fits = Fits(monkeypatch, at_1000=20.0, slope=1.0)
    search(30.0, Shape(dim_hidden=9, num_layers=1))
    assert len(fits.sizes) == 1


def test_all_fits_keep_to_the_time_together(monkeypatch: pytest.MonkeyPatch) -> None:
    fits = Fits(monkeypatch, at_1000=20.0, slope=1.0)
    search(30.0, time_limit_s=60.0, clock=lambda: 0.0)
    limits = [limit or 0.0 for limit in fits.limits]
    assert limits == pytest.approx([20.0, 30.0, 60.0])  # of what is left


def test_the_end_of_the_search_can_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    fits = Fits(monkeypatch, at_1000=20.0, slope=1.0)
    search(60.0, should_stop=lambda: True)
    assert len(fits.sizes) == 1


@pytest.mark.parametrize("model", [pytest.param("gated", marks=pytest.mark.slow), "mlp"])
def test_a_psnr_that_is_asked_for_is_reached(model: str) -> None:
    pixels: Pixels = picture(32, 24)
    encoded = imgnet.encode(pixels, model=model, target_psnr=23.0, effort=1, device="cpu")
    assert encoded.report is not None
    assert encoded.report.psnr_db == pytest.approx(23.0, abs=0.1)

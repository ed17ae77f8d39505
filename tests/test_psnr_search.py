"""The search for a network of some PSNR, on fits that are made up, and once on real ones."""

from __future__ import annotations

from math import log2
from typing import Any

import numpy as np
import pytest
from grid_cases import Pixels, picture

import imgnet
from imgnet import psnr_search
from imgnet.container import Encoded
from imgnet.fitting import Arrays, Options, Result
from imgnet.presets import Preset
from imgnet.profile import Profile
from imgnet.psnr_search import MOST_FITS, MOST_PROBES, SHORTER, encode_at_psnr
from imgnet.rate import Request, Shape
from imgnet.spec import Spec

pytestmark = pytest.mark.usefixtures("one_thread")

SIZE = 320, 240
PIXELS = np.zeros((240, 320, 3), np.uint8)
STEPS = 600


class Fits:
    """Fits whose PSNR follows from the number of parameters: `slope` dB for twice as many."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at_1000: float, slope: float) -> None:
        self.at_1000, self.slope = at_1000, slope
        self.probes: list[int] = []
        self.fits: list[int] = []
        self.limits: list[float | None] = []
        monkeypatch.setattr(psnr_search, "encode_coordinates", self.encode)
        monkeypatch.setattr(psnr_search, "render", lambda _spec, drawn, **_: drawn)
        monkeypatch.setattr(psnr_search, "psnr_db", lambda _pixels, drawn, _seen: drawn)

    def encode(self, request: Request, spec: Spec, *rest: Any) -> tuple[Encoded, Result]:
        options: Options = rest[-1]
        self.limits.append(options.time_limit_s)
        best = self.at_1000 + self.slope * log2(spec.num_parameters / 1000)
        if options.preset.steps == STEPS // SHORTER:
            assert request.weights == "float32"
            self.probes.append(spec.num_parameters)
            reached = best - 1.0
        else:
            self.fits.append(spec.num_parameters)
            assert request.target_psnr is not None
            reached = min(best, request.target_psnr)  # coarser steps
        parameters: Arrays = reached  # type: ignore[assignment]  # which is what is drawn
        return Encoded(spec, "RGB", {}), Result(parameters, None, 1, "cpu")


def search(target_db: float, shape: Shape | None = None, **options: Any) -> float:
    """Return the PSNR that is found."""
    request = Request("mlp", target_psnr=target_db, shape=shape or Shape())
    spec = request.spec(SIZE, 3)
    options = {"preset": Preset(STEPS, 4096), **options}
    outcome = encode_at_psnr(request, spec, Profile("RGB"), PIXELS, None, Options(**options))
    found: float = outcome[1].parameters  # type: ignore[assignment]
    return found


@pytest.mark.parametrize("target_db", [22.0, 28.0, 33.0])
@pytest.mark.parametrize("slope", [1.5, 1.9, 2.6])
def test_one_whole_fit_of_a_network_that_is_hardly_too_good(
    target_db: float, slope: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    fits = Fits(monkeypatch, at_1000=26.0, slope=slope)
    assert search(target_db) == target_db
    assert len(fits.probes) <= MOST_PROBES
    assert len(fits.fits) == 1
    best = 26.0 + slope * log2(fits.fits[0] / 1000)
    assert target_db <= best < target_db + 2.0


def test_a_network_that_is_too_small_is_followed_by_a_larger_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(psnr_search, "GAIN_DB", 3.0)  # which no fit keeps
    fits = Fits(monkeypatch, at_1000=26.0, slope=1.9)
    assert search(30.0) == 30.0
    assert len(fits.fits) == 2
    assert fits.fits[1] > fits.fits[0]


def test_what_is_out_of_reach_ends_with_the_best(monkeypatch: pytest.MonkeyPatch) -> None:
    fits = Fits(monkeypatch, at_1000=26.0, slope=0.3)
    assert 26.0 < search(60.0) < 28.0
    assert len(fits.fits) <= MOST_FITS
    assert max(fits.fits) < 1.02 * 320 * 240


def test_a_network_set_by_hand_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    fits = Fits(monkeypatch, at_1000=20.0, slope=1.0)
    search(30.0, Shape(dim_hidden=9, num_layers=1))
    assert len(fits.fits) == 1
    assert set(fits.probes) <= set(fits.fits)


def test_all_fits_keep_to_the_time_together(monkeypatch: pytest.MonkeyPatch) -> None:
    fits = Fits(monkeypatch, at_1000=26.0, slope=1.9)
    search(30.0, time_limit_s=60.0)
    assert sum(limit or 0.0 for limit in fits.limits) < 60.0 * (1 + MOST_PROBES / SHORTER)
    assert all(limit is not None for limit in fits.limits)


def test_the_end_of_the_search_can_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    fits = Fits(monkeypatch, at_1000=20.0, slope=1.0)
    search(60.0, should_stop=lambda: True)
    assert (len(fits.probes), len(fits.fits)) == (1, 1)


@pytest.mark.parametrize("model", ["gated", "mlp"])
def test_a_psnr_that_is_asked_for_is_reached(model: str) -> None:
    pixels: Pixels = picture(32, 24)
    encoded = imgnet.encode(pixels, model=model, target_psnr=23.0, effort=1, device="cpu")
    assert encoded.report is not None
    assert encoded.report.psnr_db == pytest.approx(23.0, abs=0.1)

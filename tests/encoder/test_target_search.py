"""The search for a target, on fits that are made up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from math import log2
from typing import Any

import numpy as np
import pytest

from imgnet.encoder import target_search
from imgnet.encoder.target_search import (
    MOST_CORRECTIONS,
    MOST_FITS,
    MOST_FITS_OF_SMALL,
    MOST_PILOTS,
    MOST_WITHOUT_PRIOR,
    Fit,
    TargetSearch,
)
from imgnet.image.picture import Original, Profile
from imgnet.request.efforts import Schedule
from imgnet.request.options import Options, Result
from imgnet.request.target import PsnrTarget, SizeTarget, Target
from imgnet.spec import Spec

SPEC = Spec("grid", 8, 8, 0, 4, 1, num_levels=1, dim_context=3)
WITH_PRIOR = replace(SPEC, prior="p")
PILOT = Schedule(10, 64)
LMBDA = 1e-3  # of 1000 bytes and 30 dB

Curve = Callable[[float], tuple[float, float]]  # bytes and PSNR of a fit at a lmbda


def photograph(lmbda: float) -> tuple[float, float]:
    octaves = log2(lmbda / LMBDA)
    return 1000 * 2 ** (-octaves / 2), 30 - 1.5 * octaves


def icon(lmbda: float) -> tuple[float, float]:
    """Jump between networks with and without a prior, far from what photographs give."""
    octaves = log2(lmbda / LMBDA)
    return (2500 - 100 * octaves, 55.0) if octaves < -3 else (600 - 60 * octaves, 40 - 2 * octaves)


@dataclass(frozen=True)
class File:
    """What is measured in place of a candidate."""

    spec: Spec
    tensors: Any
    pixels: Any = None
    mask: Any = None
    extra_bytes: int = 0

    @property
    def num_bytes(self) -> int:
        return round(self.tensors[0])

    @property
    def psnr_db(self) -> float:
        return float(self.tensors[1])


class Picture:
    """Fits whose size and PSNR follow from lmbda; corrections change a part of the octaves."""

    def __init__(
        self, curve: Curve, reaction: float = 0.8, with_prior: Curve | None = None
    ) -> None:
        self.curve, self.reaction, self.with_prior = curve, reaction, with_prior
        self.fits: list[tuple[float, int]] = []
        self.corrections = 0

    @contextmanager
    def opened(
        self, lmbda: float, options: Options, *, has_prior: bool = True
    ) -> Iterator[tuple[Spec, Fit]]:
        self.fits.append((lmbda, options.schedule.steps))
        if self.with_prior is not None and has_prior and lmbda >= LMBDA:
            yield WITH_PRIOR, FitOf(self, self.with_prior, lmbda)
        else:
            yield SPEC, FitOf(self, self.curve, lmbda)


class FitOf:
    def __init__(self, picture: Picture, curve: Curve, lmbda: float) -> None:
        self.picture, self.curve, self.lmbda, self.first = picture, curve, lmbda, lmbda

    def run(self) -> Result:
        return self.result()

    def result(self) -> Result:
        octaves = log2(self.lmbda / self.first) * self.picture.reaction
        tensors: Any = self.curve(self.first * 2**octaves)
        return Result({}, tensors, 1, "cpu")

    def go_on_at(self, lmbda: float, options: Options) -> None:
        del options
        self.lmbda = lmbda
        self.picture.corrections += 1

    def tighten(self, options: Options) -> None:
        del options
        self.lmbda *= 1.1


def trimmed(file: File, target: Target) -> Any:
    """Zero latents until a file suits, which costs far more than a higher lmbda."""
    if isinstance(target, SizeTarget):
        lost = 100 * (1 - target.num_bytes / file.num_bytes)
        return target.num_bytes, file.psnr_db - lost
    assert isinstance(target, PsnrTarget)
    return file.num_bytes, target.psnr_db


def searched(
    picture: Picture, target: Target, monkeypatch: pytest.MonkeyPatch, **changes: Any
) -> tuple[float, float]:
    """Return bytes and PSNR of the file that is found from a bad first lmbda."""
    side = changes.pop("side", 8)
    first = changes.pop("first", 0.05)
    monkeypatch.setattr(target_search, "Candidate", File)
    monkeypatch.setattr(target_search, "trimmed", trimmed)
    monkeypatch.setattr(target_search, "stored", lambda _tensors: {})
    original = Original(np.zeros((side, side, 3), np.uint8), Profile("RGB"))
    options = replace(Options(Schedule(10, 64)), **changes)
    search = TargetSearch(target, original, options, PILOT, picture.opened)
    num_bytes, psnr_db = search.run(first)[1].quantized  # type: ignore[misc]
    return num_bytes, psnr_db  # type: ignore[return-value]


@pytest.mark.parametrize("first", [1e-6, 0.05])
@pytest.mark.parametrize("size", [400, 1000, 3000])
def test_a_size_is_reached_from_afar(
    size: int, first: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = Picture(photograph)
    num_bytes, psnr_db = searched(picture, SizeTarget(size), monkeypatch, first=first)
    assert 0.97 * size < num_bytes <= size
    assert psnr_db > photograph(LMBDA * (1000 / size) ** 2)[1] - 0.3
    assert len(picture.fits) <= MOST_FITS_OF_SMALL


@pytest.mark.parametrize("target_db", [24.0, 33.0, 40.0])
def test_a_psnr_is_reached_from_afar(target_db: float, monkeypatch: pytest.MonkeyPatch) -> None:
    _, psnr_db = searched(Picture(photograph), PsnrTarget(target_db), monkeypatch)
    assert psnr_db == pytest.approx(target_db, abs=0.1)


@pytest.mark.parametrize("size", [500, 800, 1500, 2700])
def test_no_file_that_was_seen_and_fits_is_better(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trimming what is too large would ruin it; a smaller file is as it was fitted."""
    picture = Picture(icon, reaction=0.1)
    num_bytes, psnr_db = searched(picture, SizeTarget(size), monkeypatch)
    seen = [icon(lmbda) for lmbda, _ in picture.fits]
    assert num_bytes <= size
    assert psnr_db >= max(db for given, db in seen if given <= size)


def test_a_size_that_only_a_far_higher_lmbda_gives_is_reached(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The size of a ramp hardly depends on lmbda, up to where its finest level is left out."""
    ramp = Picture(lambda lmbda: (225.0, 42.0) if lmbda > 0.1 else (900.0, 50.0), reaction=0.0)
    assert searched(ramp, SizeTarget(400), monkeypatch, first=0.01) == (225.0, 42.0)


def test_a_size_above_all_need_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    flat = Picture(lambda _lmbda: (200.0, 50.0))
    assert searched(flat, SizeTarget(9000), monkeypatch) == (200.0, 50.0)


@pytest.mark.parametrize("target", [PsnrTarget(24.0), SizeTarget(800)])
def test_a_network_without_a_prior_meets_what_one_with_a_prior_does_not(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Below `LMBDA`, where networks have no prior, files are too large and too good."""
    picture = Picture(photograph, 0.1, with_prior=lambda lmbda: (300 - lmbda, 20 - lmbda))
    num_bytes, psnr_db = searched(picture, target, monkeypatch)
    if isinstance(target, SizeTarget):
        assert 0.97 * 800 < num_bytes <= 800
        assert psnr_db > 28
    else:
        assert psnr_db == pytest.approx(24.0, abs=0.1)
    assert len(picture.fits) <= MOST_FITS_OF_SMALL + MOST_WITHOUT_PRIOR


def test_fits_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    for side, most in ((8, MOST_FITS_OF_SMALL), (9, MOST_FITS)):
        picture = Picture(icon, reaction=0.0)
        searched(picture, SizeTarget(1500), monkeypatch, side=side)
        assert len(picture.fits) <= most
        assert picture.corrections <= MOST_CORRECTIONS * most


def test_pilots_spare_long_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = Picture(photograph)
    searched(picture, SizeTarget(1000), monkeypatch, schedule=Schedule(100, 64))
    steps = [steps for _, steps in picture.fits]
    assert steps.count(PILOT.steps) <= MOST_PILOTS
    assert steps.count(100) == 1


def test_a_search_ends_when_it_is_asked_to(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = Picture(photograph)
    searched(picture, SizeTarget(1000), monkeypatch, should_stop=lambda: True)
    assert len(picture.fits) == 1
    assert picture.corrections == 0


def test_a_file_whose_trimming_overshoots_is_followed_by_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """So few latents are left in the small files that a single one is worth too much."""

    def overshot(file: File, target: Target) -> Any:
        assert isinstance(target, PsnrTarget)
        return file.num_bytes, target.psnr_db - (0.2 if file.num_bytes < 109 else 0.0)

    sizes = count(101)
    picture = Picture(lambda _lmbda: (next(sizes), 32.0))
    monkeypatch.setitem(globals(), "trimmed", overshot)
    _, psnr_db = searched(picture, PsnrTarget(29.0), monkeypatch, first=1e-6)
    assert psnr_db == 29.0

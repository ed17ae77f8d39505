"""Search for a fit of `grid` that meets a target size or a target PSNR.

The size and the PSNR that a fit ends at depend on the image. So whole fits at different lmbdas
follow each other, each at the lmbda that those before it suggest, until one comes near to the
target. In short fits, pilots, the search is quick, and a long fit then begins near its target. A
fit that comes near is corrected: it goes on at other lmbdas. In simple images a correction hardly
changes the size, so a fit that stays away from the target is followed by another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from math import inf
from typing import Protocol

from imgnet.arrays import Parameters
from imgnet.codec.format.quantized import Quantized
from imgnet.image.picture import Original
from imgnet.request.efforts import Schedule
from imgnet.request.options import Options, Result
from imgnet.request.rate_control import (
    HIGHEST_LMBDA,
    Tried,
    corrected_lmbda,
    next_lmbda,
    within_limits,
)
from imgnet.request.target import TOLERANCE_DB, Target, distance
from imgnet.request.trim import Candidate, trimmed
from imgnet.spec import Spec

MOST_PILOTS = 3
PILOT_DB = 1.0  # excess up to which no further pilot is needed
PILOT_TIME = 0.1  # part of the time that is left, for each pilot
PILOTED_S = 10.0  # time limit from which pilots leave time for a good fit
MANY_STEPS = 4  # pilots in a fit that pilots precede, at least

MOST_FITS, MOST_FITS_OF_SMALL = 3, 6  # small is an image that a step of a pilot sees in full
FIT_TIME = 0.6  # part of the time that is left, for each fit; the rest is for corrections
# Fits while all files are too large, and the lmbda of each over the one before.
MOST_SMALLER, SMALLER = 3, 3.0
MOST_WITHOUT_PRIOR = 3  # fits without a prior, where networks with and without one differ much
NEAR_TRIED = 1.02  # ratio of two lmbdas that give about the same file

MOST_CORRECTIONS = 4
MOST_TIGHTENED = 4  # runs of latent RDOQ for a file that is a little too large
LOST_DB = 0.1  # PSNR that trimming may cost, where no correction and no fit need follow
MOST_TRIMMED = 3  # files whose trimming does not overshoot, as it may in a small image


class Fit(Protocol):
    """A fit that can go on after its schedule; see `fit.grid.correction.CorrectableFit`."""

    lmbda: float

    def run(self) -> Result:
        """Go through the schedule and return its result."""

    def result(self) -> Result:
        """Return the network as it is stored."""

    def go_on_at(self, lmbda: float, options: Options) -> None:
        """Correct the result: go on at another lmbda."""

    def tighten(self, options: Options) -> None:
        """Make the result a little smaller by latent RDOQ."""


class Opener(Protocol):
    """Opener of fits of an image, each of the network that suits the image and the lmbda."""

    def __call__(
        self, lmbda: float, options: Options, *, has_prior: bool = True
    ) -> AbstractContextManager[tuple[Spec, Fit]]:
        """Return a network and its fit, which has taken no step yet; see `encoder.grid`."""


@dataclass(frozen=True)
class Found:
    """Result of a fit, or of a correction of it.

    Attributes:
        lmbda: The lmbda that it ends at.
        result: The network as it is stored.
        candidate: The same, to be measured.
    """

    lmbda: float
    result: Result
    candidate: Candidate


class TargetSearch:
    """Search for one target.

    Args:
        target: Target of the coded stream.
        original: The image.
        options: Options of each fit; the schedule is that of the effort.
        pilot: Schedule of the pilots.
        opened: Opens a fit at a lmbda.
        extra_bytes: Returns the bytes of a header that the target does not leave out.
    """

    def __init__(
        self,
        target: Target,
        original: Original,
        options: Options,
        pilot: Schedule,
        opened: Opener,
        extra_bytes: Callable[[Spec], int] = lambda _: 0,
    ) -> None:
        self.target, self.original, self.options = target, original, options
        self.pilot, self.opened, self.extra_bytes = pilot, opened, extra_bytes
        is_small = original.pixels[..., 0].size <= pilot.pixels_per_step
        self.most_fits = MOST_FITS_OF_SMALL if is_small else MOST_FITS
        self.began = options.clock()
        self.found: list[Found] = []

    def run(self, lmbda: float) -> tuple[Spec, Result]:
        """Return the network of the best file, which meets the target if any does.

        Args:
            lmbda: First lmbda to try.
        """
        if self._has_pilots():
            lmbda = self._piloted(lmbda)
        if not self._is_met_by_usual_fits(lmbda):
            self._try_without_prior()
        self._go_on_until_small()
        best = self._best()
        return best.candidate.spec, best.result

    def _is_met_by_usual_fits(self, lmbda: float) -> bool:
        """Add fits at lmbdas that near the target; return whether one suits or time is up."""
        tried: list[tuple[float, float]] = []
        while len(tried) < self.most_fits and not _is_near(lmbda, tried):
            if self.found and self.options.is_time_up(self.began):
                return True
            options = self.options.in_time(self.began, FIT_TIME)
            with self.opened(lmbda, options) as (spec, fit):
                fit.run()
                tried.append((lmbda, self._add(spec, fit)))
                is_last = len(tried) == self.most_fits
                near_db = inf if is_last else self.target.near_db
                if self._is_corrected(spec, fit, tried[-1], near_db):
                    return True
            lmbda = next_lmbda(tried)
        return False

    def _try_without_prior(self) -> None:
        """Add fits without a prior at lmbdas at which fits have one, where these fall short."""
        falls_short = any(self._excess_db(f) < 0 for f in self.found if f.candidate.spec.prior)
        for _ in range(MOST_WITHOUT_PRIOR if falls_short else 0):
            cold = [f for f in self.found if not f.candidate.spec.prior]
            tried = [(found.lmbda, self._excess_db(found)) for found in cold]
            if all(excess_db <= 0 for _, excess_db in tried):
                return
            lmbda = next_lmbda(tried)
            if _is_near(lmbda, tried) or self.options.is_time_up(self.began):
                return
            with self.opened(lmbda, self._rest(), has_prior=False) as (spec, fit):
                fit.run()
                first = lmbda, self._add(spec, fit)
                if self._is_corrected(spec, fit, first, self.target.near_db):
                    return

    def _go_on_until_small(self) -> None:
        """Add fits at higher lmbdas while all files are too large."""
        for _ in range(MOST_SMALLER):
            highest = max(found.lmbda for found in self.found)
            is_small = any(not self.target.is_too_large(found.candidate) for found in self.found)
            if is_small or highest >= HIGHEST_LMBDA or self.options.is_time_up(self.began):
                return
            with self.opened(within_limits(SMALLER * highest), self._rest()) as (spec, fit):
                fit.run()
                self._add(spec, fit)

    def _has_pilots(self) -> bool:
        limit_s = self.options.time_limit_s
        is_long = self.options.schedule.steps >= MANY_STEPS * self.pilot.steps
        return is_long and (limit_s is None or limit_s >= PILOTED_S)

    def _piloted(self, lmbda: float) -> float:
        """Return a lmbda near to that of the target."""
        short = replace(self.options, schedule=self.pilot, on_progress=None, on_snapshot=None)
        tried: list[tuple[float, float]] = []
        while len(tried) < MOST_PILOTS and not _is_near(lmbda, tried):
            if self.options.is_time_up(self.began):
                break
            with self.opened(lmbda, short.in_time(self.began, PILOT_TIME)) as (spec, fit):
                fit.run()
                tried.append((lmbda, self._add(spec, fit)))
            if abs(tried[-1][1]) <= PILOT_DB:
                break
            lmbda = next_lmbda(tried)
        return lmbda

    def _is_corrected(
        self, spec: Spec, fit: Fit, first: tuple[float, float], near_db: float
    ) -> bool:
        """Correct a fit; return whether a result of it suits, so that no further fit is needed.

        Args:
            spec: Shape of its network.
            fit: A fit that has gone through its schedule.
            first: Its lmbda, and its excess over the target in dB.
            near_db: Excess up to which corrections are worth their time.
        """
        tried = [first]
        while len(tried) <= MOST_CORRECTIONS:
            if distance(tried[-1][1]) == 0 and self._is_trimmed_well():
                return True
            if min(abs(excess_db) for _, excess_db in tried) > near_db:
                return False
            if self.options.is_time_up(self.began):
                return True
            if self._is_tightened(spec, fit):
                return True
            fit.go_on_at(corrected_lmbda(tried), self._rest())
            tried.append((fit.lmbda, self._add(spec, fit)))
        return False

    def _is_trimmed_well(self) -> bool:
        """Trim the last file if it is too large; return whether its image stays the same."""
        last = self.found[-1]
        if not self.target.needs_trimming(last.candidate):
            return True
        trimmed = self._trimmed(last)
        self.found.insert(-1, trimmed)
        return trimmed.candidate.psnr_db > last.candidate.psnr_db - LOST_DB

    def _is_tightened(self, spec: Spec, fit: Fit) -> bool:
        """Repeat latent RDOQ while a file is a little too large; return whether it then suits."""
        for _ in range(MOST_TIGHTENED):
            if not self.target.needs_tightening(self.found[-1].candidate):
                break
            fit.tighten(self._rest())
            self._add(spec, fit)
            before, after = (found.candidate for found in self.found[-2:])
            if not self.target.needs_trimming(after):
                return True
            if after.num_bytes >= before.num_bytes:
                break
        return False

    def _rest(self) -> Options:
        return self.options.in_time(self.began, 1.0)

    def _add(self, spec: Spec, fit: Fit) -> float:
        """Keep the present result of a fit; return its excess over the target in dB."""
        result = fit.result()
        assert result.quantized is not None
        pixels, mask = self.original.pixels, self.original.mask
        extra_bytes = self.extra_bytes(spec)
        candidate = Candidate(spec, result.quantized, pixels, mask, extra_bytes)
        self.found.append(Found(fit.lmbda, result, candidate))
        return self._excess_db(self.found[-1])

    def _excess_db(self, found: Found) -> float:
        return self.target.excess_db(found.candidate)

    def _best(self) -> Found:
        """Return the best of all files, some of which are trimmed."""
        files, num_near = list(self.found), 0
        for found in self._to_trim():
            files.append(self._trimmed(found))
            num_near += self._excess_db(files[-1]) >= -TOLERANCE_DB
            if num_near == MOST_TRIMMED:
                break
        return min(files, key=lambda found: self.target.rank(found.candidate))

    def _to_trim(self) -> list[Found]:
        """Return files that trimming brings to the target without much loss, the smallest first.

        If all files are far too large, that is the smallest of them.
        """
        needs_trimming = self.target.needs_trimming
        ordered = sorted(self.found, key=lambda found: found.candidate.num_bytes)
        whole = [found for found in ordered if needs_trimming(found.candidate)]
        near = [f for f in whole if self.target.excess_db(f.candidate) <= self.target.trimmed_db]
        return near or (whole[:1] if len(whole) == len(ordered) else [])

    def _trimmed(self, found: Found) -> Found:
        tensors = trimmed(found.candidate, self.target)
        result = replace(found.result, parameters=stored(tensors), quantized=tensors)
        return Found(found.lmbda, result, replace(found.candidate, tensors=tensors))


def stored(tensors: Mapping[str, Quantized]) -> Parameters:
    """Return tensors as they are decoded."""
    return {name: tensor.dequantize() for name, tensor in tensors.items()}


def _is_near(lmbda: float, tried: Tried) -> bool:
    """Return whether a fit at about the same lmbda was tried."""
    return any(1 / NEAR_TRIED < lmbda / other < NEAR_TRIED for other, _ in tried)

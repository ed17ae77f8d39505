"""Encoding by `grid`: first lmbda, shape and prior of the network, fits and stream."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING

from imgnet.codec.format import grid_stream
from imgnet.codec.render.grid import eight_bits, render
from imgnet.codec.render.resize import checksum
from imgnet.encoder.levels import detail, with_needed_levels
from imgnet.encoder.outcome import Outcome, coded, overhead, plain
from imgnet.encoder.prior import starting_from_prior, with_best_prior, with_prior
from imgnet.encoder.target_search import TargetSearch
from imgnet.errors import UsageError
from imgnet.image.picture import Original
from imgnet.request.efforts import EFFORTS, Schedule, schedule_for
from imgnet.request.encode_options import QUALITY
from imgnet.request.options import Options, Result
from imgnet.request.rate_control import within_limits
from imgnet.request.request import Request, lmbda_of_quality, narrow_scale, with_chroma_at
from imgnet.request.target import SizeTarget, Target
from imgnet.signals import holding_back
from imgnet.spec import Spec

if TYPE_CHECKING:
    from imgnet.fit.grid.correction import CorrectableFit
    from imgnet.fit.grid.pace import Pace


def encode_grid(request: Request, spec: Spec, original: Original, options: Options) -> Outcome:
    """Fit `grid` to an image.

    Args:
        request: What the user asks of the file.
        spec: Shape of the network, with all levels and without a prior.
        original: The image.
        options: Options of the fit; the schedule is that of the effort, not yet of the network.

    Returns:
        An encoded image and its fit. The file is larger than its target size only if no stream of
        the network is that small.

    Raises:
        UsageError: The request has a target size and weights that are not coded; or the device is
            unknown, or the machine has no such device.
    """
    target, began = _stream_target(request, spec, original), options.clock()
    fits = _load_fits()
    options = replace(options.in_time(began, 1.0), tune=request.tune)
    with fits.clock_without_compilation(options.clock) as clock:
        return _fitted(request, spec, original, replace(options, clock=clock), target)


def _fitted(
    request: Request, spec: Spec, original: Original, options: Options, target: Target | None
) -> Outcome:
    """Fit `grid` to an image; see `encode_grid`."""
    pace = _load_fits().pace_for(options)
    fits = _Fits(spec, original, pace)
    rest = request.less(original.profile.metadata.num_bytes)
    lmbda = lmbda_of_quality(rest.grid_quality(spec.width * spec.height))
    lmbda = within_limits(lmbda * narrow_scale(spec.width, spec.height))
    if target is None:
        with fits.opened(lmbda, options) as (begun, fit):
            result = fit.run()
    else:
        options = _load_fits().before_closing(spec, options, pace)
        pilots = schedule_for(EFFORTS[0], "grid")
        extra_bytes = partial(_extra_bytes, request, spec, original)
        search = TargetSearch(target, original, options, pilots, fits.opened, extra_bytes)
        begun, result = search.run(lmbda)
    if request.weights != "coded":
        alone = replace(begun, prior="", lmbda_index=0)
        return plain(alone, original.profile, result, request.weights), result
    return _coded(begun, original, result)


class _Fits:
    """Fits of one image at any lmbda, each of the network that suits the image and the lmbda.

    Args:
        spec: Shape of the network, with all levels and without a prior.
        original: The image.
        pace: Pace of this machine; None without a time limit.
    """

    def __init__(self, spec: Spec, original: Original, pace: Pace | None) -> None:
        self.spec, self.original, self.pace = spec, original, pace
        self.detail = detail(original.pixels, lmbda_of_quality(QUALITY))
        self.best_priors: dict[str, str] = {}

    @contextmanager
    def opened(
        self, lmbda: float, options: Options, *, has_prior: bool = True
    ) -> Iterator[tuple[Spec, CorrectableFit]]:
        """Yield a network and its fit, which has taken no step yet.

        Args:
            lmbda: Squared error of colours in 0..1 that one bit a pixel is worth.
            options: Options of the fit; the schedule is that of the effort.
            has_prior: Start from a prior, if one suits; otherwise from random weights.
        """
        original, fits, pace = self.original, _load_fits(), self.pace
        began = options.clock()
        spec = self._network(lmbda, fits.scheduled(self.spec, options, pace).schedule, has_prior)
        rest = fits.scheduled(spec, options.in_time(began, 1.0), pace)
        num_pixels = spec.width * spec.height
        if original.mask is None and rest.schedule.has_trials(num_pixels):
            spec = self._with_best_prior(spec, lmbda, rest)
        options = replace(options, schedule=options.schedule.for_detail(self.detail))
        rest = fits.scheduled(spec, options.in_time(began, 1.0), pace)
        pixels, mask = original.pixels, original.mask
        with fits.closing_in_time(spec, pixels, rest, lmbda, mask, pace) as fit:
            yield spec, fit

    def _network(self, lmbda: float, schedule: Schedule, has_prior: bool) -> Spec:
        found = detail(self.original.pixels, lmbda)
        needed = with_needed_levels(with_chroma_at(self.spec, lmbda), found, lmbda)
        return starting_from_prior(needed, found, lmbda, schedule) if has_prior else needed

    def _with_best_prior(self, spec: Spec, lmbda: float, options: Options) -> Spec:
        """Choose the prior by trials, the first time that a network starts from it."""
        if spec.prior not in self.best_priors:
            trial = _load_fits().trial_grid
            best = with_best_prior(spec, self.original.pixels, options, lmbda, trial)
            self.best_priors[spec.prior] = best.prior
        return with_prior(spec, self.best_priors[spec.prior], spec.lmbda_index)


def _load_fits() -> ModuleType:
    with holding_back():  # imported only now, after the checks of the request
        from imgnet.fit.grid import fit
    return fit


def _stream_target(request: Request, spec: Spec, original: Original) -> Target | None:
    """Return the target of the coded stream: that of the file, less the other bytes of the file."""
    target = request.target
    if not isinstance(target, SizeTarget):
        return target
    if request.weights != "coded":
        raise UsageError("--weights float16 and float32 of grid have no target size")
    spent = overhead(spec, original.profile, target.num_bytes)
    return target.less(spent, grid_stream.least_bytes(spec))


def _extra_bytes(request: Request, spec: Spec, original: Original, fitted: Spec) -> int:
    """Return by how much the header of a fitted network is longer than that of the usual one."""
    if not isinstance(request.target, SizeTarget):
        return 0
    usual, own = (
        overhead(one, original.profile, request.target.num_bytes) for one in (spec, fitted)
    )
    return own - usual


def _coded(spec: Spec, original: Original, result: Result) -> Outcome:
    assert result.quantized is not None
    x_hat = render(spec, result.parameters, depth=original.profile.depth)
    stream = grid_stream.pack(spec, result.quantized, checksum(eight_bits(x_hat)))
    return coded(spec, original.profile, stream), replace(result, x_hat=x_hat)

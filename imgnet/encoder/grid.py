"""Encoding by `grid`: first lmbda, shape and prior of the network, fit, trimming and stream."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType

from imgnet.codec.format import grid_stream
from imgnet.codec.priors.loader import NUM_LMBDAS, lmbda_at
from imgnet.codec.render.grid import eight_bits, render
from imgnet.codec.render.resize import checksum
from imgnet.encoder.levels import detail, with_needed_levels, without_finest
from imgnet.encoder.outcome import Outcome, coded, overhead, plain
from imgnet.encoder.prior import starting_from_prior, with_best_prior
from imgnet.errors import UsageError
from imgnet.image.picture import Original, Samples
from imgnet.request.efforts import Schedule
from imgnet.request.options import Options, Result
from imgnet.request.rate_control import first_lmbda
from imgnet.request.request import Request, lmbda_of_quality
from imgnet.request.target import SizeTarget, Target
from imgnet.request.trim import Candidate, trimmed
from imgnet.signals import holding_back
from imgnet.spec import Spec


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
    options = replace(options.in_time(began, 1.0), target=target, tune=request.tune)
    if options.time_limit_s is None:
        return _fitted(request, spec, original, options, fits)
    with fits.clock_without_compilation(options.clock) as clock:
        return _fitted(request, spec, original, replace(options, clock=clock), fits)


def _fitted(
    request: Request, spec: Spec, original: Original, options: Options, fits: ModuleType
) -> Outcome:
    """See `encode_grid`."""
    whole, began = fits.scheduled(spec, options), options.clock()
    lmbda = _first_lmbda(request, spec, original, whole)
    begun = _network_for(spec, original.pixels, lmbda, whole.schedule)
    rest, began = fits.scheduled(begun, options.in_time(began, 1.0)), options.clock()
    if original.mask is None:
        begun = with_best_prior(begun, original.pixels, rest, lmbda, fits.trial_grid)
    rest = rest.in_time(began, 1.0)
    result = fits.fit_grid(begun, original.pixels, rest, lmbda, original.mask)
    if request.weights != "coded":
        alone = replace(begun, prior="", lmbda_index=0)
        return plain(alone, original.profile, result, request.weights), result
    return _coded(begun, original, _trimmed(begun, original, result, rest.target))


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
    # The longest header has the finest level, a prior, and a lmbda index of two digits.
    longest = starting_from_prior(
        without_finest(spec), 0.0, lmbda_at(NUM_LMBDAS - 1), Schedule(1, 1)
    )
    spent = overhead(longest, original.profile, target.num_bytes)
    return target.less(spent, grid_stream.least_bytes(spec))


def _first_lmbda(request: Request, spec: Spec, original: Original, options: Options) -> float:
    """Return the lmbda at which a fit begins: that of the quality, or one near the target's."""
    rest = request.less(original.profile.metadata.num_bytes)
    lmbda = lmbda_of_quality(rest.grid_quality(spec.width * spec.height))

    def pilot(lmbda: float, options: Options) -> float:
        network = _network_for(spec, original.pixels, lmbda, options.schedule)
        excess_db: float = _load_fits().pilot_grid(
            network, original.pixels, options, lmbda, original.mask
        )
        return excess_db

    return lmbda if options.target is None else first_lmbda(pilot, lmbda, options)


def _network_for(spec: Spec, pixels: Samples, lmbda: float, schedule: Schedule) -> Spec:
    """Return the network for an image at a lmbda, with the levels and the prior that suit."""
    found = detail(pixels, lmbda)
    needed = with_needed_levels(spec, found, lmbda)
    return starting_from_prior(needed, found, lmbda, schedule)


def _trimmed(spec: Spec, original: Original, result: Result, target: Target | None) -> Result:
    if target is None:
        return result
    assert result.quantized is not None
    tensors = trimmed(Candidate(spec, result.quantized, original.pixels, original.mask), target)
    stored = {name: tensor.dequantize() for name, tensor in tensors.items()}
    return replace(result, parameters=stored, quantized=tensors)


def _coded(spec: Spec, original: Original, result: Result) -> Outcome:
    assert result.quantized is not None
    x_hat = render(spec, result.parameters, depth=original.profile.depth)
    stream = grid_stream.pack(spec, result.quantized, checksum(eight_bits(x_hat)))
    return coded(spec, original.profile, stream), replace(result, x_hat=x_hat)

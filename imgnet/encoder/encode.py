"""Encoding of an image with the options of a user, by the encoder of a network family."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from imgnet.arrays import BoolArray
from imgnet.codec.families import render_native
from imgnet.codec.format.container import Encoded, Report
from imgnet.encoder.coordinate import encode_coordinates
from imgnet.encoder.grid import encode_grid
from imgnet.encoder.outcome import Outcome
from imgnet.encoder.preview import previews
from imgnet.encoder.psnr_search import encode_at_psnr
from imgnet.errors import UsageError
from imgnet.image.load import Picture, load_photo
from imgnet.image.masks import fit_mask, sample_mask
from imgnet.image.picture import Original, Samples
from imgnet.metrics.psnr import psnr_db
from imgnet.request.efforts import schedule_for
from imgnet.request.encode_options import EncodeOptions
from imgnet.request.options import Options, Result
from imgnet.request.request import Request, Shape
from imgnet.request.target import Target, checked, target_of
from imgnet.spec import Spec

Encoder = Callable[[Request, Spec, Original, Options], Outcome]


def encode_image(image: Picture, options: EncodeOptions) -> Encoded:
    """Fit a network to an image.

    Args:
        image: Image, as for `imgnet.encode`.
        options: All other arguments of `imgnet.encode`.

    Returns:
        The encoded image, with a report.

    Raises:
        UsageError: An option is out of its range, or two contradict each other.
        InputError: The image or the mask cannot be read.
        TargetError: The target is out of reach; its `best` is the encoded image nearest to it.
    """
    started = time.monotonic()
    _check_numbers(options)
    pixels, profile = load_photo(image, options.metadata, force_read=options.force_read)
    mask = fit_mask(pixels, options.mask, options.keep, options.seed)
    original = Original(pixels, profile, sample_mask(pixels, mask))
    target = target_of(
        options.target_bpp, options.target_size, options.target_psnr, pixels[..., 0].size
    )
    rest = options.later(time.monotonic() - started)
    encoded, result = fitted(_request(options, target), original, _fit_options(rest))
    encoded = replace(encoded, report=_report(encoded, pixels, mask, result, started))
    is_ended = bool(options.should_stop and options.should_stop())
    return checked(encoded, target, is_ended=is_ended)


def _check_numbers(options: EncodeOptions) -> None:
    """Refuse numbers that no fit takes, before the image is read."""
    if options.seed < 0:
        raise UsageError(f"seed {options.seed} is below 0")
    if options.time_limit is not None and not options.time_limit > 0:
        raise UsageError(f"a time limit of {options.time_limit:g} seconds is not above 0")


def _request(options: EncodeOptions, target: Target | None) -> Request:
    shape = Shape(options.dim_axis, options.dim_hidden, options.num_layers)
    return Request(options.model, options.weights, options.quality, target, shape, options.tune)


def _fit_options(options: EncodeOptions) -> Options:
    return Options(
        schedule=schedule_for(options.effort, options.model),
        time_limit_s=options.time_limit,
        seed=options.seed,
        device=options.device,
        on_progress=options.on_progress,
        snapshot_every=options.snapshot[0] if options.snapshot else 0,
        on_snapshot=None if options.snapshot is None else previews(*options.snapshot),
        should_stop=options.should_stop,
    )


def fitted(request: Request, original: Original, options: Options) -> Outcome:
    """Return an encoded image, which need not meet its target, and its fit.

    Args:
        request: What the user asks of the file.
        original: The image.
        options: Options of the fit; the schedule is that of the effort, not yet of the network.

    Raises:
        UsageError: The request does not suit the image, the device is unknown, or the machine has
            no such device.
    """
    height, width, channels = original.pixels.shape
    spent = original.profile.metadata.num_bytes
    spec = request.less(spent).spec((width, height), channels)
    return ENCODERS[request.model](request, spec, original, options)


def _encode_coordinates(
    request: Request, spec: Spec, original: Original, options: Options
) -> Outcome:
    encoder = encode_coordinates if request.target_psnr_db is None else encode_at_psnr
    return encoder(request, spec, original, options)


ENCODERS: dict[str, Encoder] = {
    "grid": encode_grid,
    "gated": _encode_coordinates,
    "mlp": _encode_coordinates,
}


def _report(
    encoded: Encoded,
    pixels: Samples,
    mask: BoolArray | None,
    result: Result,
    started: float,
) -> Report:
    # A coded `grid` has its decoded pixels already; they are exact.
    x_hat = result.x_hat
    if x_hat is None:
        x_hat = render_native(encoded.spec, encoded.parameters(), encoded.depth)
    left_out = None if mask is None or mask.all() else sample_mask(pixels, ~mask)
    return Report(
        psnr_db=psnr_db(pixels, x_hat, sample_mask(pixels, mask)),
        psnr_unseen_db=None if left_out is None else psnr_db(pixels, x_hat, left_out),
        seconds=time.monotonic() - started,
        steps=result.steps,
        device=result.device,
    )

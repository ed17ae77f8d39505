"""From a request and pixels to an encoded image, one function a kind of network."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgnet.codec.format import grid_stream
from imgnet.codec.format.container import STREAM, Encoded, Tensors, to_bytes
from imgnet.codec.format.coordinate_stream import pack
from imgnet.codec.priors.loader import NUM_LMBDAS, lmbda_at
from imgnet.codec.render import coordinate, grid
from imgnet.codec.render.resize import checksum
from imgnet.encoder.levels import detail, with_needed_levels, without_finest
from imgnet.encoder.prior import starting_from_prior
from imgnet.encoder.trial import with_best_prior
from imgnet.errors import OutputError, UsageError
from imgnet.image.files import write_image
from imgnet.image.picture import Original, Profile
from imgnet.request.aim import aim_of
from imgnet.request.options import Arrays, Options, Result
from imgnet.request.rate_control import first_lmbda
from imgnet.request.request import Request, lmbda_of_quality
from imgnet.signals import holding_back
from imgnet.spec import Spec

ZEROS_PER_BYTE = 128

Outcome = tuple[Encoded, Result]


def encode_coordinates(
    request: Request, spec: Spec, original: Original, options: Options
) -> Outcome:
    """Fit `gated` or `mlp` to a picture.

    Args:
        request: What the user asks of the file.
        spec: Shape of the network.
        original: The image.
        options: Of the fit.

    Returns:
        An encoded image, above its target size only where no network is that small.
    """
    profile = original.profile
    budget = _weight_bytes(request, spec, profile)
    with holding_back():
        from imgnet.fit.coordinate.schedule import (
            fit,  # not before the request is known to make sense
        )

    scaled = options.preset.scaled(spec.num_parameters)
    options = replace(
        options, preset=scaled, budget_bytes=budget, target_psnr_db=request.target_psnr
    )
    result = fit(spec, original.pixels, options, original.mask)
    if request.weights != "coded":
        return _encoded(spec, profile, _plain(result, request.weights)), result
    assert result.quantized is not None
    return _coded(spec, profile, pack(spec, result.quantized)), result


def encode_grid(request: Request, spec: Spec, original: Original, options: Options) -> Outcome:
    """Fit `grid` to a picture; as `encode_coordinates`."""
    pixels, profile, seen = original.pixels, original.profile, original.mask
    num_pixels = spec.width * spec.height
    quality = request.less(profile.metadata.num_bytes, num_pixels).grid_quality(num_pixels)
    options = _options_of_grid(request, spec, original, options)
    with holding_back():
        from imgnet.fit.grid.fit import fit_grid, pilot_grid, trial_grid

    def network_for(lmbda: float, options: Options) -> Spec:
        found = detail(pixels, lmbda)
        needed = with_needed_levels(spec, found, lmbda)
        return starting_from_prior(needed, found, lmbda, options.preset.epochs(num_pixels))

    def pilot(lmbda: float, options: Options) -> float:
        return pilot_grid(network_for(lmbda, options), pixels, options, lmbda, seen)

    lmbda, began, aim = lmbda_of_quality(quality), time.monotonic(), aim_of(options, pixels, seen)
    if aim is not None:
        lmbda = first_lmbda(pilot, lmbda, options)
    begun = network_for(lmbda, options)
    if begun.finest:
        options = replace(options, preset=options.preset.coarse())
    if seen is None:
        trial = partial(trial_grid, lmbda=lmbda)
        begun = with_best_prior(begun, pixels, options.in_time(began, 1.0), lmbda, trial)
    result = fit_grid(begun, pixels, options.in_time(began, 1.0), lmbda, seen)
    if request.weights != "coded":
        alone = replace(begun, prior="", lmbda_index=0)
        return _encoded(alone, profile, _plain(result, request.weights)), result
    if aim is not None:
        result = aim.trimmed(begun, result)
    assert result.quantized is not None
    drawn = grid.render(begun, result.parameters, depth=profile.depth)
    stream = grid_stream.pack(begun, result.quantized, checksum(grid.eight_bits(drawn)))
    return _coded(begun, profile, stream), replace(result, drawn=drawn)


def _options_of_grid(request: Request, spec: Spec, original: Original, options: Options) -> Options:
    num_pixels = spec.width * spec.height
    target = request.target_bytes(num_pixels)
    if target is not None:
        if request.weights != "coded":
            raise UsageError("--weights float16 and float32 of grid have no target size")
        # The longest of all headers names the finest level, a prior, and one of its bands that has
        # two digits.
        coarse, cheapest = without_finest(spec), lmbda_at(NUM_LMBDAS - 1)
        longest = starting_from_prior(coarse, 0.0, cheapest, 0.0)
        budget = target - _overhead(longest, original.profile, target)
        options = replace(options, budget_bytes=max(budget, grid_stream.least_bytes(spec)))
    preset = options.preset.covering(num_pixels)
    target_psnr_db, tune = request.target_psnr, request.tune
    return replace(options, preset=preset, target_psnr_db=target_psnr_db, tune=tune)


def previews(every: int, folder: Path) -> Callable[[Spec, int, Arrays], None]:
    """Return what writes a preview, given a network's shape, the step and its parameters.

    Args:
        every: How many steps lie between two of them.
        folder: Where they go; it is made.

    Raises:
        UsageError: They are less than one step apart.
        OutputError: The folder cannot be made.
    """

    def write(spec: Spec, step: int, parameters: Arrays) -> None:
        drawn = (
            grid.render(spec, parameters)
            if spec.family == "grid"
            else coordinate.render(spec, parameters)
        )
        write_image(drawn, folder / f"{step:06d}.png")

    if every < 1:
        raise UsageError(f"a snapshot every {every} steps; the least is 1")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made a folder ({error.strerror})") from None
    return write


def _coded(spec: Spec, profile: Profile, stream: bytes) -> Encoded:
    return _encoded(spec, profile, {STREAM: np.frombuffer(stream, np.uint8)})


def _encoded(spec: Spec, profile: Profile, tensors: Tensors) -> Encoded:
    return Encoded(spec, profile.mode, tensors, depth=profile.depth, metadata=profile.metadata)


def _overhead(spec: Spec, profile: Profile, stream_bytes: int) -> int:
    """Return the most bytes that a file may have besides its stream of so many."""
    encoded = _coded(spec, profile, bytes(stream_bytes))
    return len(to_bytes(encoded)) - stream_bytes


def _weight_bytes(request: Request, spec: Spec, profile: Profile) -> int | None:
    """Return the most bytes for the packed weights; None where they stay real.

    They are never fewer than what weights of zero take.
    """
    overhead = _overhead(spec, profile, request.target_bytes(spec.width * spec.height) or 0)
    # QSteps, distributions and state; and zeros are not free.
    least = 2 * len(spec.shapes()) + 16 + spec.num_parameters // ZEROS_PER_BYTE
    budget = request.weight_bytes(spec, overhead)
    return None if budget is None else max(budget, least)


def _plain(result: Result, weights: str) -> dict[str, NDArray[Any]]:
    return {name: array.astype(weights) for name, array in result.parameters.items()}

"""Encoding by a coordinate network, `gated` or `mlp`, of a given shape."""

from __future__ import annotations

from dataclasses import replace

from imgnet.codec.format.coordinate_stream import pack
from imgnet.encoder.outcome import Outcome, coded, overhead, plain
from imgnet.image.picture import Original, Profile
from imgnet.request.options import Options
from imgnet.request.request import Request
from imgnet.signals import holding_back
from imgnet.spec import Spec

ZEROS_PER_BYTE = 128
LEAST_STREAM_BYTES = 16  # of state and distributions, besides two of the step of each tensor


def encode_coordinates(
    request: Request, spec: Spec, original: Original, options: Options
) -> Outcome:
    """Fit `gated` or `mlp` to an image.

    Args:
        request: What the user asks of the file.
        spec: Shape of the network.
        original: The image.
        options: Of the fit; their schedule is that of the effort alone.

    Returns:
        An encoded image and its fit. The file is larger than its target size only where no stream
        of the network is that small.
    """
    options = replace(
        options,
        schedule=options.schedule.for_network(spec),
        budget_bytes=_budget(request, spec, original.profile),
        target=request.target,
    )
    with holding_back():  # not before the request is known to make sense
        from imgnet.fit.coordinate.schedule import fit

    result = fit(spec, original.pixels, options, original.mask)
    if result.quantized is None:
        return plain(spec, original.profile, result, request.weights), result
    return coded(spec, original.profile, pack(spec, result.quantized)), result


def _budget(request: Request, spec: Spec, profile: Profile) -> int | None:
    """Return the most bytes of the packed weights; None where they stay real.

    There are no fewer than the bytes of weights that are all zero.
    """
    budget = request.weight_bytes(spec, overhead(spec, profile, request.target_bytes or 0))
    if budget is None:
        return None
    zeros = spec.num_parameters // ZEROS_PER_BYTE
    return max(budget, 2 * len(spec.shapes()) + LEAST_STREAM_BYTES + zeros)

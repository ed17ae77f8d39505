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

ZEROS_PER_BYTE = 128  # weights of zero that one byte of a stream holds
LEAST_STREAM_BYTES = 16  # of state and distributions, besides two for the q_step of each tensor


def encode_coordinates(
    request: Request, spec: Spec, original: Original, options: Options
) -> Outcome:
    """Fit `gated` or `mlp` to an image.

    Args:
        request: What the user asks of the file.
        spec: Shape of the network.
        original: The image.
        options: Options of the fit; the schedule is that of the effort, not yet of the network.

    Returns:
        An encoded image and its fit. The file is larger than its target size only if no stream of
        the network is that small.
    """
    options = replace(
        options,
        schedule=options.schedule.for_network(spec),
        budget_bytes=_budget(request, spec, original.profile),
        target=request.target,
    )
    with holding_back():  # imported only now, after the checks of the request
        from imgnet.fit.coordinate.schedule import fit

    result = fit(spec, original.pixels, options, original.mask)
    if result.quantized is None:
        return plain(spec, original.profile, result, request.weights), result
    return coded(spec, original.profile, pack(spec, result.quantized)), result


def _budget(request: Request, spec: Spec, profile: Profile) -> int | None:
    """Return the byte budget of the packed weights; None where they stay real.

    It is at least the size of weights that are all zero.
    """
    budget = request.weight_bytes(spec, overhead(spec, profile, request.target_bytes or 0))
    if budget is None:
        return None
    zeros = spec.num_parameters // ZEROS_PER_BYTE
    return max(budget, 2 * len(spec.shapes()) + LEAST_STREAM_BYTES + zeros)

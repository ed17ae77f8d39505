"""Encoding of an image as a request asks: the fork between the families of networks."""

from __future__ import annotations

from collections.abc import Callable

from imgnet.encoder.coordinate import encode_coordinates
from imgnet.encoder.grid import encode_grid
from imgnet.encoder.outcome import Outcome
from imgnet.encoder.psnr_search import encode_at_psnr
from imgnet.image.picture import Original
from imgnet.request.options import Options
from imgnet.request.request import Request
from imgnet.spec import Spec

Encoder = Callable[[Request, Spec, Original, Options], Outcome]


def encode(request: Request, original: Original, options: Options) -> Outcome:
    """Fit a network to an image.

    Args:
        request: What the user asks of the file.
        original: The image.
        options: Of the fit; their schedule is that of the effort alone.

    Returns:
        An encoded image, which need not meet its target, and its fit.

    Raises:
        UsageError: The request or the options make no sense.
    """
    height, width, channels = original.pixels.shape
    spent = original.profile.metadata.num_bytes
    spec = request.less(spent).spec((width, height), channels)
    return encoder_of(request)(request, spec, original, options)


def encoder_of(request: Request) -> Encoder:
    """Return the encoder of a request.

    >>> encoder_of(Request("mlp")).__name__
    'encode_coordinates'
    """
    if request.model == "grid":
        return encode_grid
    return encode_coordinates if request.target_psnr_db is None else encode_at_psnr

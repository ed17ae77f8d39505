"""The network of `gated` or `mlp` that draws a picture of the PSNR that is asked for.

What a network of some size draws depends on the picture. So networks are fitted one after another,
each as large as those before it suggest, until one is good enough and hardly better. The steps of
its weights, which are the coarser the better it is, then bring the PSNR to the target.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from imgnet.codec.format.container import to_bytes
from imgnet.codec.render.coordinate import render
from imgnet.encoder.grid import Outcome, encode_coordinates, encode_grid
from imgnet.image.picture import Original
from imgnet.metrics.psnr import psnr_db
from imgnet.request.options import Options
from imgnet.request.request import Request
from imgnet.request.secant import Secant
from imgnet.request.target import TOLERANCE_DB
from imgnet.spec import Spec

SIZES = Secant(usual=1.9, least=1.0, most=4.0, reach=3.0)  # of PSNR with numbers of parameters
SPARE_DB = 0.3  # that a network should be better than asked for, which coarser steps cost
WASTE_DB = 1.2  # by which one is so much better that a smaller one would save bytes
MOST_FITS = 3
SMALL = 5000  # parameters that a network may have of any picture; of a large one, one a pixel

Encoder = Callable[[Request, Spec, Original, Options], Outcome]


def encoder_of(request: Request) -> Encoder:
    """Return what encodes an image as it is asked for.

    >>> encoder_of(Request("mlp", target_psnr=30.0)).__name__
    'encode_at_psnr'
    """
    if request.model == "grid":
        return encode_grid
    return encode_coordinates if request.target_psnr is None else encode_at_psnr


def encode_at_psnr(request: Request, spec: Spec, original: Original, options: Options) -> Outcome:
    """Fit `gated` or `mlp` to a picture as well as is asked for, and no better.

    Args:
        request: What the user asks of the file, a PSNR among it.
        spec: Shape of the first network to try.
        original: The image.
        options: Of the fit.

    Returns:
        What comes nearest to the PSNR.
    """

    def rank(outcome: Outcome) -> tuple[float, int]:
        encoded, result = outcome
        assert request.target_psnr is not None
        drawn = render(encoded.spec, result.parameters, depth=original.profile.depth)
        missed_db = abs(psnr_db(original.pixels, drawn, original.mask) - request.target_psnr)
        return max(missed_db, TOLERANCE_DB), len(to_bytes(encoded))

    return min(_fits(request, spec, original, options), key=rank)


def _fits(request: Request, spec: Spec, original: Original, options: Options) -> Iterator[Outcome]:
    """Yield fits of networks of different sizes, until one suits or another would not help."""
    assert request.target_psnr is not None
    started, tried = time.monotonic(), list[tuple[float, float]]()
    while len(tried) < MOST_FITS and spec.num_parameters not in dict(tried):
        timed = options.in_time(started, 1 / (MOST_FITS - len(tried)))
        outcome = encode_coordinates(request, spec, original, timed)
        yield outcome
        given_db = outcome[1].best_psnr_db
        assert given_db is not None
        tried.append((spec.num_parameters, given_db))
        suits = -TOLERANCE_DB <= given_db - request.target_psnr <= WASTE_DB
        if suits or options.is_time_up(started):
            return
        wanted = SIZES.solve(request.target_psnr + SPARE_DB, tried)
        spec = request.resized(spec, min(wanted, max(spec.width * spec.height, SMALL)))

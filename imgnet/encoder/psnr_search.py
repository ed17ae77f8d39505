"""Secant search for the size of a `gated` or `mlp` network that reaches a PSNR.

The PSNR that a network reaches depends on its size and on the image. So networks are fitted one
after another, each of the size that those before it suggest, until one exceeds the target by
little. Coarser q_steps of its weights then bring the PSNR down to the target.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgnet.codec.format.container import to_bytes
from imgnet.codec.render.coordinate import render
from imgnet.encoder.coordinate import encode_coordinates
from imgnet.encoder.outcome import Outcome
from imgnet.image.picture import Original
from imgnet.metrics.psnr import psnr_db
from imgnet.request.options import Options
from imgnet.request.request import Request
from imgnet.request.secant import Secant
from imgnet.request.target import TOLERANCE_DB
from imgnet.spec import Spec

SIZES = Secant(usual=1.9, least=1.0, most=4.0, reach=3.0)  # PSNR as a function of parameters
SPARE_DB = 0.3  # excess that the next network should reach, for coarser q_steps to use up
WASTE_DB = 1.2  # excess above which a smaller network would save bytes
MOST_FITS = 3
SMALL = 5000  # parameters of the largest network; for a large image, one a pixel


def encode_at_psnr(request: Request, spec: Spec, original: Original, options: Options) -> Outcome:
    """Fit `gated` or `mlp` to an image up to a PSNR, in as few bytes as a few fits find.

    Args:
        request: What the user asks of the file; its target is a PSNR.
        spec: Shape of the first network to try.
        original: The image.
        options: Options of each fit; the schedule is that of the effort, not yet of the network.

    Returns:
        The encoded image that comes nearest to the PSNR, and its fit.
    """

    def rank(outcome: Outcome) -> tuple[float, int]:
        encoded, result = outcome
        assert request.target_psnr_db is not None
        x_hat = render(encoded.spec, result.parameters, depth=original.profile.depth)
        missed_db = abs(psnr_db(original.pixels, x_hat, original.mask) - request.target_psnr_db)
        return max(missed_db, TOLERANCE_DB), len(to_bytes(encoded))

    return min(_fits(request, spec, original, options), key=rank)


def _fits(request: Request, spec: Spec, original: Original, options: Options) -> Iterator[Outcome]:
    """Yield fits of networks of different sizes until one suits or no other is left to try."""
    assert request.target_psnr_db is not None
    started, tried = options.clock(), list[tuple[float, float]]()
    while len(tried) < MOST_FITS and spec.num_parameters not in dict(tried):
        timed = options.in_time(started, 1 / (MOST_FITS - len(tried)))
        outcome = encode_coordinates(request, spec, original, timed)
        yield outcome
        given_db = outcome[1].best_psnr_db
        assert given_db is not None
        tried.append((spec.num_parameters, given_db))
        suits = -TOLERANCE_DB <= given_db - request.target_psnr_db <= WASTE_DB
        if suits or options.is_time_up(started):
            return
        wanted = SIZES.solve(request.target_psnr_db + SPARE_DB, tried)
        spec = request.resized(spec, min(wanted, max(spec.width * spec.height, SMALL)))

"""Which prior a picture starts from."""

from __future__ import annotations

from dataclasses import replace

from imgnet.priors import band_of, has_shape_of_priors
from imgnet.spec import Spec

# The first writes textures into few levels, and a network gives its fits their first latents; the
# second keeps whole pyramids, which smooth parts are cheaper in, but its fits begin far from them.
FOR_DETAIL, FOR_SMOOTH = "p4-8888ada4", "p2-cb609818"
DETAILED = 0.02  # part of the samples that make a picture a detailed one,
SOON_DETAILED = 0.012  # and where a fit has little time to get over such a beginning
FEW_VISITS = 20  # of each pixel, up to which that is so
LEAST_PRICE = 8e-5  # of a bit, below which fits that start from random weights end better


def starting_from_prior(spec: Spec, found: float, lmbda: float, visits: float) -> Spec:
    """Return a network with the prior for a picture and a price of a bit, if one is of use.

    Args:
        spec: Shape of the network.
        found: Its detail, see `detail.py`.
        lmbda: Price of a bit a pixel, in squared error of colours in 0..1.
        visits: How often the fit sees each pixel.
    """
    if lmbda < LEAST_PRICE or not has_shape_of_priors(spec):
        return spec
    most = DETAILED if visits > FEW_VISITS else SOON_DETAILED
    prior = FOR_SMOOTH if found <= most else FOR_DETAIL
    return replace(spec, prior=prior, band=band_of(lmbda))

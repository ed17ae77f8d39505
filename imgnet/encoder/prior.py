"""Which prior a picture starts from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from imgnet.codec.priors.loader import layers_of, lmbda_index_of
from imgnet.request.efforts import Schedule
from imgnet.spec import USUAL_GRID_LAYERS, Spec

# The first writes textures into few levels, and a network gives its fits their first latents; the
# second keeps whole pyramids, which smooth parts are cheaper in, but its fits begin far from them.
# Their networks are wider than those without a prior, where every weight costs bits.
FOR_DETAIL, FOR_SMOOTH = "p8-2e3565a6", "p9-0409762d"
LEAST_LMBDA = 8e-5  # of a bit, below which fits that start from random weights end better


def starting_from_prior(spec: Spec, found: float, lmbda: float, schedule: Schedule) -> Spec:
    """Return a network with the prior for a picture and a price of a bit, if one is of use.

    Args:
        spec: Shape of the network.
        found: Its detail, see `detail.py`.
        lmbda: Price of a bit a pixel, in squared error of colours in 0..1.
        schedule: Of the fit.
    """
    by_hand = any(getattr(spec, name) != size for name, size in USUAL_GRID_LAYERS.items())
    if lmbda < LEAST_LMBDA or by_hand:
        return spec
    is_smooth = found <= schedule.smooth_detail(spec.width * spec.height)
    prior = FOR_SMOOTH if is_smooth else FOR_DETAIL
    return with_prior(spec, prior, lmbda_index_of(lmbda))


def with_prior(spec: Spec, prior: str, lmbda_index: int) -> Spec:
    """Return a network with another prior, of the size of those of that; with "" none.

    >>> from imgnet.spec import usual_grid_sizes
    >>> with_prior(Spec("grid", 9, 9, 0, **usual_grid_sizes(9, 9)), FOR_DETAIL, 3).lmbda_index
    3
    """
    layers: dict[str, Any] = layers_of(prior) if prior else USUAL_GRID_LAYERS
    return replace(spec, prior=prior, lmbda_index=lmbda_index if prior else 0, **layers)

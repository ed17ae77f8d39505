"""Networks of priors in a page, as base64 of safetensors files."""

from __future__ import annotations

from base64 import b64encode
from typing import TypedDict

import numpy as np
from safetensors.numpy import save

from imgnet.codec.priors.loader import FRACTION_BITS, NUM_LMBDAS, names, networks_of
from imgnet.spec import Spec


class EmbeddedPrior(TypedDict):
    """Consecutive networks of a prior, as `priors.js` reads them.

    Attributes:
        first: The lmbda index of the first.
        file: Base64 of a safetensors file; the first axis of all tensors is for the networks.
    """

    first: int
    file: str


Embedded = dict[str, EmbeddedPrior]


def needed_by(spec: Spec) -> Embedded:
    """Return the one network that a file needs, if it needs one.

    >>> needed_by(Spec("mlp", 8, 8, 0, 4, 1))
    {}
    """
    index = spec.lmbda_index
    return {spec.prior: _embedded(spec.prior, range(index, index + 1))} if spec.prior else {}


def every_prior() -> Embedded:
    """Return all networks of all priors."""
    return {name: _embedded(name, range(NUM_LMBDAS)) for name in names()}


def _embedded(name: str, indices: range) -> EmbeddedPrior:
    tensors = {
        tensor: np.rint(every[indices.start : indices.stop] * 2**FRACTION_BITS).astype(np.int16)
        for tensor, every in networks_of(name).items()
    }
    return {"first": indices.start, "file": b64encode(save(tensors)).decode()}

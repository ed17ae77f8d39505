"""Networks trained beforehand: a file holds what its own network differs from one of them.

A prior is a safetensors file beside this one, named `NAME-HASH`, where HASH are the first eight
hexadecimal digits of the SHA-256 of its content. It holds one network for each *lmbda_index*, a
price of a bit. A file names the prior and the lmbda_index that it needs, so that a released prior
is never changed or removed. `train.py` makes new ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from math import log, log2, sqrt
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load

from imgnet.errors import FormatError
from imgnet.spec import Spec, network_shapes

Arrays = dict[str, NDArray[np.float32]]
Integers = NDArray[np.int64]

FRACTION_BITS = 12  # of all numbers of a prior
HASH_DIGITS = 8
NUM_LMBDAS = 19
HIGHEST_LMBDA = (
    0.064  # of a bit a pixel, in lmbda_index 0; each further lmbda_index has 1 / sqrt(2) of it
)
COLOURS = 3  # channels of the pictures that a prior is trained on
FINEST_COLOUR = 2  # level of their further pyramids
FOLDER = Path(__file__).parent

_SUFFIX = ".safetensors"
_DIRECTIONS = "colours"  # the tensor of a prior that is no part of its networks


def names() -> list[str]:
    """List the priors that files may ask for."""
    return sorted(path.name.removesuffix(_SUFFIX) for path in FOLDER.glob(f"*-*{_SUFFIX}"))


def lmbda_at(lmbda_index: float) -> float:
    """Return the price of a bit that the networks of a lmbda_index were trained for.

    >>> lmbda_at(0), lmbda_at(2)
    (0.064, 0.032)
    """
    return float(HIGHEST_LMBDA * 2 ** (-lmbda_index / 2))


def lmbda_index_of(lmbda: float) -> int:
    """Return the lmbda_index whose price is the nearest.

    >>> lmbda_index_of(0.033), lmbda_index_of(9.0), lmbda_index_of(1e-9)
    (2, 0, 18)
    """
    return min(max(round(-2 * log2(lmbda / HIGHEST_LMBDA)), 0), NUM_LMBDAS - 1)


def name_of(data: bytes, stem: str) -> str:
    """Return the name of a prior with some content.

    >>> name_of(b"", "empty")
    'empty-e3b0c442'
    """
    return f"{stem}-{sha256(data).hexdigest()[:HASH_DIGITS]}"


def prior_file(name: str, folder: Path = FOLDER) -> Path:
    """Return where a prior lies."""
    return folder / f"{name}{_SUFFIX}"


def analysis_file(name: str, folder: Path = FOLDER) -> Path:
    """Return where the analysis network of a prior lies, if it has one; no .inr file needs it."""
    return folder / "analysis" / f"{name}{_SUFFIX}"


def usual_latent_q_step(lmbda: float) -> float:
    """Return the step of a quantiser that is the best at a price of a bit, in units of a picture.

    A uniform step d of a unit-length colour costs d**2 / 36 a sample; one more bit a pixel divides
    that by 4, so that at the optimum d**2 / 36 * 2 ln 2 = lmbda.

    Args:
        lmbda: Price of a bit a pixel, in squared error of colours in 0..1.

    >>> round(usual_latent_q_step(1e-3), 3)
    0.161
    """
    return sqrt(36 / (2 * log(2)) * lmbda)


def layers_of(prior: str) -> dict[str, int]:
    """Return the sizes of the layers of a prior's networks, as `Spec` names them."""
    tensors = _load(prior)
    return {
        "dim_context": tensors["context.second.bias"].shape[1],
        "dim_hidden": tensors["hidden.bias"].shape[1],
        "num_layers": sum(name.endswith(".alpha") for name in tensors),
    }


def check(name: str) -> None:
    """Refuse a prior that is not there.

    Raises:
        FormatError: There is none of that name.
    """
    if name not in names():
        raise FormatError(
            f"needs the prior {name!r}, which this imgnet lacks; "
            "upgrade it with `pip install --upgrade imgnet`"
        )


def origins(spec: Spec) -> Arrays:
    """Return what the network's tensors are differences from; nothing where there is no prior.

    Args:
        spec: Shape of the network, with the name of a prior that there is and its lmbda_index.
    """
    if not spec.prior:
        return {}
    stored = _load(spec.prior).items()
    trained = {name: bands[spec.lmbda_index] for name, bands in stored if name != _DIRECTIONS}
    return {name: _real(tensor) for name, tensor in _adapted(spec, trained).items()}


def networks_of(prior: str) -> Arrays:
    """Return all networks of a prior as they were trained, by tensor, with the bands outermost."""
    return {name: _real(bands) for name, bands in _load(prior).items() if name != _DIRECTIONS}


def colours_of(prior: str) -> NDArray[np.float32]:
    """Return the directions (3, 3), one a column, of the pyramids that its fits start from.

    No decoder needs them.
    """
    return _real(_load(prior)[_DIRECTIONS])


def _real(whole: NDArray[np.integer]) -> NDArray[np.float32]:
    return (whole * 2.0**-FRACTION_BITS).astype(np.float32)


@lru_cache(maxsize=2)
def _load(name: str) -> dict[str, NDArray[np.int16]]:
    return load(prior_file(name).read_bytes())


def _adapted(spec: Spec, trained: Mapping[str, NDArray[np.int16]]) -> dict[str, Integers]:
    """Bring a trained network, of colour pictures and few levels, to the shape of another.

    Levels coarser than those of the trained one take the place of its coarsest. A grey picture has
    the mean of the colours; what belongs to an alpha channel starts at zero.
    """
    coarsest = sum(name.startswith("upsample.") for name in trained)
    levels = [min(level, coarsest) for level in range(spec.num_levels)]
    colours = range(coarsest + 1, coarsest + (COLOURS if spec.dim_out >= COLOURS else 1))
    features = [*levels[spec.finest :], *colours]
    adapted: dict[str, Integers] = {}
    for name, shape in network_shapes(spec).items():
        stage = name.removeprefix("upsample.")
        source = f"upsample.{min(int(stage), coarsest - 1)}" if stage != name else name
        tensor = trained[source].astype(np.int64)
        if name == "context.last.bias":
            tensor = tensor[_grids(spec, coarsest)]
        elif name in ("hidden.weight", "linear.weight"):
            tensor = tensor[:, features]
        elif name.startswith("residuals.") and name.endswith(".weight"):
            tensor = _of_channels(spec, tensor)
        if name.startswith(("output.", "linear.", "residuals.")) and spec.dim_out < COLOURS:
            tensor = tensor.sum(0, keepdims=True) // COLOURS
        missing = [(0, size - given) for size, given in zip(shape, tensor.shape, strict=True)]
        adapted[name] = np.pad(tensor, missing)
    return adapted


def _grids(spec: Spec, coarsest: int) -> list[int]:
    """Return which of the trained network's grids stands for each of a network's own."""
    trained = Spec("grid", 1, 1, 0, 1, 0, COLOURS, coarsest + 1, 0, FINEST_COLOUR, 1).grids()
    finest = [0, *[FINEST_COLOUR] * 3]
    return [
        trained.index((min(pyramid, COLOURS - 1), min(max(level, finest[pyramid]), coarsest)))
        for pyramid, level in spec.grids()
    ]


def _of_channels(spec: Spec, weight: Integers) -> Integers:
    """Bring the columns of a 3x3 layer, the nine places outermost, to the channels of a picture."""
    places = weight.reshape(COLOURS, 9, COLOURS)
    if spec.dim_out < COLOURS:
        places = places.sum(2, keepdims=True)
    alpha = np.zeros((COLOURS, 9, spec.dim_out - places.shape[2]), np.int64)
    return np.concatenate([places, alpha], axis=2).reshape(COLOURS, -1)

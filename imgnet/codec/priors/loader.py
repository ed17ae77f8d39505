"""Priors: trained networks, from which the networks of files are stored as differences.

A prior is a safetensors file beside this one, named `NAME-HASH`; HASH is the first eight digits of
the SHA-256 of its content, in hexadecimal. It holds one network for each of `NUM_LMBDAS` values of
lmbda. A file names its prior and the index of its lmbda, so a released prior must never be changed
or removed. `research/train_prior.py` trains new ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from math import log, log2, sqrt
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imgnet.arrays import Float32Array, Int64Array
from imgnet.codec.priors.tensors import read_tensors
from imgnet.errors import FormatError
from imgnet.neighbourhood import NUM_INPUTS
from imgnet.spec import Spec, is_output, network_shapes

Int16Array = NDArray[np.int16]
Tensors = dict[str, Float32Array]

FRACTION_BITS = 12  # of all numbers of a prior
HASH_DIGITS = 8
NUM_LMBDAS = 19
HIGHEST_LMBDA = 0.064  # of index 0; each further lmbda is smaller by a factor of sqrt(2)
COLOURS = 3  # channels of the images that priors are trained on
CHROMA_LEVEL = 2  # finest level of their chroma pyramids
FOLDER = Path(__file__).parent

_SUFFIX = ".safetensors"
_DIRECTIONS = "colours"  # the one tensor of a prior that is not part of its networks


def names() -> list[str]:
    """List the installed priors."""
    return sorted(path.name.removesuffix(_SUFFIX) for path in FOLDER.glob(f"*-*{_SUFFIX}"))


def lmbda_at(lmbda_index: float) -> float:
    """Return the lmbda of an index, as squared error of colours in 0..1 for a bit a pixel.

    >>> lmbda_at(0), lmbda_at(2)
    (0.064, 0.032)
    """
    return float(HIGHEST_LMBDA * 2 ** (-lmbda_index / 2))


def lmbda_index_of(lmbda: float) -> int:
    """Return the index of the nearest lmbda.

    >>> lmbda_index_of(0.033), lmbda_index_of(9.0), lmbda_index_of(1e-9)
    (2, 0, 18)
    """
    return min(max(round(-2 * log2(lmbda / HIGHEST_LMBDA)), 0), NUM_LMBDAS - 1)


def name_of(data: bytes, stem: str) -> str:
    """Return the name of a prior: its stem and the hash of its content.

    >>> name_of(b"", "empty")
    'empty-e3b0c442'
    """
    return f"{stem}-{sha256(data).hexdigest()[:HASH_DIGITS]}"


def prior_file(name: str, folder: Path = FOLDER) -> Path:
    """Return the path of a prior."""
    return folder / f"{name}{_SUFFIX}"


def analysis_file(name: str, folder: Path = FOLDER) -> Path:
    """Return the path of the analysis network of a prior, which may be absent.

    Only encoders use it, so that it may change without harm to files.
    """
    return folder / "analysis" / f"{name}{_SUFFIX}"


def usual_latent_q_step(lmbda: float) -> float:
    """Return the optimal step of a uniform quantiser at a lmbda, in units of colours in 0..1.

    A step d along a colour direction of unit length adds d**2 / 36 to the mean squared error. One
    more bit a pixel divides that by 4, so that at the optimum d**2 / 36 * 2 ln 2 = lmbda.

    Args:
        lmbda: Squared error of colours in 0..1 that one bit a pixel is worth.

    >>> round(usual_latent_q_step(1e-3), 3)
    0.161
    """
    return sqrt(36 / (2 * log(2)) * lmbda)


def layers_of(prior: str) -> dict[str, int]:
    """Return the layer sizes of the networks of a prior, by attribute of `Spec`."""
    tensors = _load(prior)
    return {
        "dim_context": tensors["context.second.bias"].shape[1],
        "dim_hidden": tensors["hidden.bias"].shape[1],
        "num_layers": sum(name.endswith(".alpha") for name in tensors),
        "dim_coarse": tensors["context.first.weight"].shape[2] - NUM_INPUTS,
    }


def check(name: str) -> None:
    """Refuse a prior that is not installed.

    Raises:
        FormatError: No prior of that name is installed.
    """
    if name not in names():
        raise FormatError(
            f"needs the prior {name!r}, which this imgnet lacks; "
            "upgrade it with `pip install --upgrade imgnet`"
        )


def prior_tensors(spec: Spec) -> Tensors:
    """Return the prior of the tensors of a network, in their shapes; empty without a prior.

    Args:
        spec: Shape of the network, with an installed prior and the index of its lmbda.
    """
    if not spec.prior:
        return {}
    stored = _load(spec.prior).items()
    trained = {name: every[spec.lmbda_index] for name, every in stored if name != _DIRECTIONS}
    return {name: _real(tensor) for name, tensor in _adapted(spec, trained).items()}


def networks_of(prior: str) -> Tensors:
    """Return all networks of a prior by tensor, (NUM_LMBDAS, ...) each."""
    return {name: _real(every) for name, every in _load(prior).items() if name != _DIRECTIONS}


def colour_directions(prior: str) -> Float32Array:
    """Return the colour directions of the pyramids that fits with a prior start from.

    Only encoders use them.

    Returns:
        (3, 3), one direction a column.
    """
    return _real(_load(prior)[_DIRECTIONS])


def _real(whole: NDArray[np.integer]) -> Float32Array:
    return (whole * 2.0**-FRACTION_BITS).astype(np.float32)


@lru_cache(maxsize=2)
def _load(name: str) -> dict[str, Int16Array]:
    return read_tensors(prior_file(name))


def _adapted(spec: Spec, trained: Mapping[str, Int16Array]) -> dict[str, Int64Array]:
    """Adapt a trained network, for colour images and few levels, to the shape of another.

    Additional coarse levels copy the coarsest trained one. For grey images the colours are
    averaged. Weights of an alpha channel are zero.
    """
    coarsest = sum(name.startswith("upsample.") for name in trained)
    levels = [min(level, coarsest) for level in range(spec.num_levels)]
    colours = range(coarsest + 1, coarsest + (COLOURS if spec.dim_out >= COLOURS else 1))
    features = [*levels[spec.finest :], *colours]
    adapted: dict[str, Int64Array] = {}
    for name, shape in network_shapes(spec).items():
        stage = name.removeprefix("upsample.")
        source = f"upsample.{min(int(stage), coarsest - 1)}" if stage != name else name
        if source not in trained:  # coarse features of a grid that the prior is not trained for
            adapted[name] = np.zeros(shape, np.int64)
            continue
        tensor = trained[source].astype(np.int64)
        if name.startswith("context.coarse."):
            tensor = _of_sources(spec, coarsest, int(name.rsplit(".", 1)[1]), tensor)
        elif name == "context.last.bias":
            tensor = tensor[_grids(spec, coarsest)]
        elif name in ("hidden.weight", "linear.weight"):
            tensor = tensor[:, features]
        elif name.startswith("residuals.") and name.endswith(".weight"):
            tensor = _of_channels(spec, tensor)
        if (is_output(name) or name.startswith("residuals.")) and spec.dim_out < COLOURS:
            tensor = tensor.sum(0, keepdims=True) // COLOURS
        missing = [(0, size - given) for size, given in zip(shape, tensor.shape, strict=True)]
        adapted[name] = np.pad(tensor, missing)
    return adapted


def _grids(spec: Spec, coarsest: int) -> list[int]:
    """Return, for each latent grid of a network, the index of the trained grid it copies."""
    trained, finest = _trained_spec(coarsest).grids(), [0, *[CHROMA_LEVEL] * 3]
    return [
        trained.index((min(pyramid, COLOURS - 1), min(max(level, finest[pyramid]), coarsest)))
        for pyramid, level in spec.grids()
    ]


def _of_sources(spec: Spec, coarsest: int, level: int, weight: Int64Array) -> Int64Array:
    """Adapt the columns of the coarse features of a level to the coarser grids of a network.

    Those of grids that the prior is not trained for are zero.
    """
    sources = _trained_spec(coarsest).coarser_grids(level)
    wide = np.pad(weight, [(0, 0), (0, 1)])
    colours = COLOURS if spec.dim_out >= COLOURS else 1
    found = [g if g[0] < colours else None for g in spec.coarser_grids(level)]
    return wide[:, [sources.index(g) if g in sources else -1 for g in found]]


def _trained_spec(coarsest: int) -> Spec:
    return Spec("grid", 1, 1, 0, 1, 0, COLOURS, coarsest + 1, 0, CHROMA_LEVEL, 1)


def _of_channels(spec: Spec, weight: Int64Array) -> Int64Array:
    """Adapt the columns (9 positions x channels) of a 3x3 layer to the channels of an image."""
    places = weight.reshape(COLOURS, 9, COLOURS)
    if spec.dim_out < COLOURS:
        places = places.sum(2, keepdims=True)
    alpha = np.zeros((COLOURS, 9, spec.dim_out - places.shape[2]), np.int64)
    return np.concatenate([places, alpha], axis=2).reshape(COLOURS, -1)

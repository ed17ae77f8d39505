"""The shape of one network: its family, its sizes, and the name and shape of every parameter.

Model, codec and renderer all read this one description, so a file that holds a Spec and a stream of
integers holds a network.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log2, prod

from imgnet.errors import UsageError

FAMILIES = ("gated", "mlp")
MLP_BANDS = 16
MAX_DIM = 4096  # of a layer
MAX_LAYERS = 64

Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class Spec:
    """Describe one network.

    Attributes:
        family: "gated" or "mlp".
        width: Image width in pixels.
        height: Image height in pixels.
        dim_axis: Features of each axis branch of `gated`; 0 for `mlp`, which has no branches.
        dim_hidden: Units of every layer behind the branches.
        num_layers: ReZero blocks of `gated`, hidden layers of `mlp`.
        dim_out: Image channels, 1..4.
    """

    family: str
    width: int
    height: int
    dim_axis: int
    dim_hidden: int
    num_layers: int
    dim_out: int = 3

    def __post_init__(self) -> None:
        if self.family not in FAMILIES:
            known = ", ".join(FAMILIES)
            raise UsageError(f"unknown model family {self.family!r}; known are {known}")
        least_axis, least_layers = (1, 0) if self.family == "gated" else (0, 1)
        if not least_axis <= self.dim_axis <= MAX_DIM or not 1 <= self.dim_hidden <= MAX_DIM:
            raise UsageError(f"a layer has 1..{MAX_DIM} units")
        if not least_layers <= self.num_layers <= MAX_LAYERS:
            raise UsageError(f"{self.family} has {least_layers}..{MAX_LAYERS} layers")

    @property
    def num_parameters(self) -> int:
        """Count the scalars of all parameter tensors.

        >>> Spec("mlp", 512, 512, 0, 64, 3).num_parameters
        12675
        """
        return sum(prod(shape) for shape in self.shapes().values())

    def shapes(self) -> Shapes:
        """Map every parameter name to its shape, in the order of the file.

        >>> Spec("mlp", 8, 8, 0, 4, 1).shapes()["layers.0.weight"]
        (4, 64)
        """
        return _gated_shapes(self) if self.family == "gated" else _mlp_shapes(self)


def num_bands(length: int) -> int:
    """Count the octaves that the gated encoding spends on an axis of `length` pixels.

    >>> num_bands(1), num_bands(512)
    (2, 11)
    """
    return int(log2(length) + 2)


def _gated_layer(name: str, dim_in: int, dim_out: int) -> Shapes:
    # Query, key and value share one matrix: rows 0..d are Q, d..2d are K, 2d..3d are V.
    return {
        f"{name}.weight": (3 * dim_out, dim_in),
        f"{name}.bias": (3 * dim_out,),
        f"{name}.shift": (dim_out,),
    }


def _gated_shapes(spec: Spec) -> Shapes:
    d = spec.dim_hidden
    shapes = _gated_layer("axis_x", num_bands(spec.width), spec.dim_axis)
    shapes |= _gated_layer("axis_y", num_bands(spec.height), spec.dim_axis)
    shapes |= _gated_layer("joint", 2 * spec.dim_axis, d)
    for i in range(spec.num_layers):
        shapes |= _gated_layer(f"blocks.{i}.0", d, d) | _gated_layer(f"blocks.{i}.1", d, d)
        shapes[f"blocks.{i}.alpha"] = (1,)
    return shapes | _output_layer(spec)


def _mlp_shapes(spec: Spec) -> Shapes:
    shapes: Shapes = {}
    dim_in = 4 * MLP_BANDS  # sine and cosine of each band of each axis
    for i in range(spec.num_layers):
        shapes[f"layers.{i}.weight"] = (spec.dim_hidden, dim_in)
        shapes[f"layers.{i}.bias"] = (spec.dim_hidden,)
        dim_in = spec.dim_hidden
    return shapes | _output_layer(spec)


def _output_layer(spec: Spec) -> Shapes:
    return {"output.weight": (spec.dim_out, spec.dim_hidden), "output.bias": (spec.dim_out,)}

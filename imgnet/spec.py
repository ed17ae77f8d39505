"""Shape of a network: its family and sizes, and the names and shapes of its parameters.

Fit, codec and renderers share this description: a Spec and a stream of integers are a network.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import log2, prod

from imgnet.errors import UsageError
from imgnet.neighbourhood import NUM_INPUTS

FAMILIES = ("grid", "gated", "mlp")
MLP_FREQUENCIES = 16
MAX_DIM = 4096  # of a layer
MAX_GRID_DIM = 256  # of a layer of `grid`: sums over wider ones might be inexact in float64
MAX_COARSE = 32  # features of a latent from coarser grids
MAX_LAYERS = 64
MAX_LEVELS = 12
UPSAMPLING_REACH = 2  # samples on each side that an upsampled one depends on
UPSAMPLING_TAPS = 4  # of one of the two phases of a x2 kernel; the other phase mirrors them

Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class Spec:
    """Describe one network.

    Attributes:
        family: "grid", "gated" or "mlp".
        width: Image width in pixels.
        height: Image height in pixels.
        dim_axis: Features of each axis branch of `gated`; 0 for the other families.
        dim_hidden: Units of each hidden layer.
        num_layers: 3x3 ReZero layers of `grid`, ReZero blocks of `gated`, hidden layers of `mlp`.
        dim_out: Image channels, 1..4.
        num_levels: Levels of the latent pyramids of `grid`; the sides of level l are 1 / 2**l of
            those of the image.
        finest: Finest level of the first pyramid.
        chroma_level: Finest level of the other pyramids, of which each further channel has one.
        dim_context: Units of each layer of the context model.
        dim_coarse: Coarse features of a latent; see `neighbourhood.py`.
        prior: Name of the prior, to which the tensors of the file are added; "" for none.
        lmbda_index: Index of the network of the prior.
    """

    family: str
    width: int
    height: int
    dim_axis: int
    dim_hidden: int
    num_layers: int
    dim_out: int = 3
    num_levels: int = 0
    finest: int = 0
    chroma_level: int = 0
    dim_context: int = 0
    dim_coarse: int = 0
    prior: str = ""
    lmbda_index: int = 0

    def __post_init__(self) -> None:
        if self.family not in FAMILIES:
            known = ", ".join(FAMILIES)
            raise UsageError(f"unknown model family {self.family!r}; known are {known}")
        for attribute, known_range in RANGES[self.family].items():
            if getattr(self, attribute) not in known_range:
                raise UsageError(_out_of_range(self.family, attribute, known_range))
        if not self.finest <= self.chroma_level < max(self.num_levels, 1):
            raise UsageError("the finest level of colour lies between the finest and the coarsest")

    @property
    def num_parameters(self) -> int:
        """Count the scalars of all parameter tensors.

        >>> Spec("mlp", 512, 512, 0, 64, 3).num_parameters
        12675
        """
        return sum(prod(shape) for shape in self.shapes().values())

    def shapes(self) -> Shapes:
        """Map the name of each tensor to its shape, in the order of the file.

        >>> Spec("mlp", 8, 8, 0, 4, 1).shapes()["layers.0.weight"]
        (4, 64)
        """
        return _SHAPES[self.family](self)

    def grids(self) -> list[tuple[int, int]]:
        """List the latent grids as (pyramid, level), in the order of the file: coarsest first.

        >>> Spec("grid", 8, 8, 0, 4, 1, num_levels=2, chroma_level=1, dim_context=4).grids()
        [(0, 1), (1, 1), (2, 1), (0, 0)]
        """
        return [(pyramid, level) for level in self.levels() for pyramid in self.pyramids(level)]

    def has_coarse_features(self, level: int) -> bool:
        """Tell whether the latents of a level have coarse features."""
        return bool(self.dim_coarse) and level < self.num_levels - 1

    def coarser_grids(self, level: int) -> list[tuple[int, int]]:
        """List the grids that the coarse features of a level come from, in the order of the file.

        >>> sizes = {"num_levels": 3, "chroma_level": 1, "dim_context": 4}
        >>> Spec("grid", 8, 8, 0, 4, 1, **sizes).coarser_grids(1)
        [(0, 2), (1, 2), (2, 2)]
        """
        return [grid for grid in self.grids() if grid[1] > level]

    def levels(self) -> list[int]:
        """List the levels that have grids, coarsest first.

        >>> sizes = {"num_levels": 3, "finest": 1, "chroma_level": 1, "dim_context": 4}
        >>> Spec("grid", 8, 8, 0, 4, 1, **sizes).levels()
        [2, 1]
        """
        return list(reversed(range(self.finest, self.num_levels)))

    def pyramids(self, level: int) -> range:
        """Return the pyramids that have a grid on one of `levels`.

        >>> Spec("grid", 8, 8, 0, 4, 1, num_levels=2, chroma_level=1, dim_context=4).pyramids(0)
        range(0, 1)
        """
        return range(self.dim_out if level >= self.chroma_level else 1)

    def grid_size(self, level: int) -> tuple[int, int]:
        """Return (height, width) of a level.

        >>> Spec("grid", 9, 8, 0, 4, 1, num_levels=2, chroma_level=1, dim_context=4).grid_size(1)
        (4, 5)
        """
        return -(-self.height >> level), -(-self.width >> level)

    @property
    def context_names(self) -> list[str]:
        """List the tensors of the context model; the others are latents or of the synthesis."""
        return [name for name in self.shapes() if name.startswith("context.")]

    @property
    def num_features(self) -> int:
        """Count the features of a pixel in `grid`.

        Each level of the first pyramid gives one, and so does each further pyramid.
        """
        return self.num_levels - self.finest + self.dim_out - 1


_DIM = range(1, MAX_DIM + 1)
_GRID_DIM = range(1, MAX_GRID_DIM + 1)
_LEVEL = range(MAX_LEVELS)
_NONE = range(1)
RANGES = {
    "grid": {
        "dim_axis": _NONE,
        "dim_hidden": _GRID_DIM,
        "num_layers": range(MAX_LAYERS + 1),
        "num_levels": range(1, MAX_LEVELS + 1),
        "finest": _LEVEL,
        "chroma_level": _LEVEL,
        "dim_context": _GRID_DIM,
        "dim_coarse": range(MAX_COARSE + 1),
    },
    "gated": {"dim_axis": _DIM, "dim_hidden": _DIM, "num_layers": range(MAX_LAYERS + 1)},
    "mlp": {"dim_axis": _NONE, "dim_hidden": _DIM, "num_layers": range(1, MAX_LAYERS + 1)},
}


def _out_of_range(family: str, attribute: str, known: range) -> str:
    return f"{attribute} of {family} is in {known.start}..{known.stop - 1}"


def edge_margin(num_layers: int) -> int:
    """Return the width of the margin of repeated edge samples around each latent grid.

    Upsampling preserves a margin of 5 samples or more; each 3x3 layer consumes one sample.

    >>> edge_margin(2), edge_margin(8)
    (5, 8)
    """
    return max(5, num_layers)


def latents_name(pyramid: int, level: int) -> str:
    """Return the name of a latent grid.

    >>> latents_name(0, 3)
    'latents.0.3'
    """
    return f"latents.{pyramid}.{level}"


def coarse_name(pyramid: int, level: int) -> str:
    """Return the name of the weights of the coarse features of a grid.

    >>> coarse_name(0, 3)
    'context.coarse.0.3'
    """
    return f"context.coarse.{pyramid}.{level}"


def is_latents(name: str) -> bool:
    """Tell whether a tensor is a latent grid.

    >>> is_latents("latents.0.3"), is_latents("hidden.bias")
    (True, False)
    """
    return name.startswith("latents.")


def is_bias(name: str) -> bool:
    """Tell whether a tensor is a bias."""
    return name.endswith(".bias")


def is_output(name: str) -> bool:
    """Tell whether a tensor belongs to the layers of `grid` that give colours, linear and output.

    >>> is_output("linear.weight"), is_output("hidden.bias")
    (True, False)
    """
    return name.startswith(("linear.", "output."))


def network_shapes(spec: Spec) -> Shapes:
    """Return the shapes of all tensors except latent grids, in the order of the file.

    >>> len(network_shapes(Spec("mlp", 8, 8, 0, 4, 1)))
    4
    """
    return {k: shape for k, shape in spec.shapes().items() if not is_latents(k)}


def num_frequencies(length: int) -> int:
    """Count the octaves of the Fourier features of `gated` on an axis of `length` pixels.

    >>> num_frequencies(1), num_frequencies(512)
    (2, 11)
    """
    return int(log2(length) + 2)


def _gated_layer(name: str, dim_in: int, dim_out: int) -> Shapes:
    # Query, key and value share a matrix: rows 0..d are Q, d..2d are K, 2d..3d are V.
    return {
        f"{name}.weight": (3 * dim_out, dim_in),
        f"{name}.bias": (3 * dim_out,),
        f"{name}.shift": (dim_out,),
    }


def _gated_shapes(spec: Spec) -> Shapes:
    d = spec.dim_hidden
    shapes = _gated_layer("axis_x", num_frequencies(spec.width), spec.dim_axis)
    shapes |= _gated_layer("axis_y", num_frequencies(spec.height), spec.dim_axis)
    shapes |= _gated_layer("joint", 2 * spec.dim_axis, d)
    for i in range(spec.num_layers):
        shapes |= _gated_layer(f"blocks.{i}.0", d, d) | _gated_layer(f"blocks.{i}.1", d, d)
        shapes[f"blocks.{i}.alpha"] = (1,)
    return shapes | _output_layer(spec)


def _grid_shapes(spec: Spec) -> Shapes:
    hidden, features, context = spec.dim_hidden, spec.num_features, spec.dim_context
    shapes: Shapes = {f"upsample.{i}": (UPSAMPLING_TAPS,) for i in range(spec.num_levels - 1)}
    shapes |= {
        "hidden.weight": (hidden, features),
        "hidden.bias": (hidden,),
        "output.weight": (spec.dim_out, hidden),
        "linear.weight": (spec.dim_out, features),
        "linear.bias": (spec.dim_out,),
    }
    for i in range(spec.num_layers):
        shapes[f"residuals.{i}.weight"] = (spec.dim_out, 9 * spec.dim_out)
        shapes[f"residuals.{i}.bias"] = (spec.dim_out,)
        shapes[f"residuals.{i}.alpha"] = (spec.dim_out,)
    # The last two rows of the first layer are a linear path to the output; its last columns
    # weigh the place of the grid and the coarse features.
    shapes |= {
        "context.first.weight": (context + 2, NUM_INPUTS + spec.dim_coarse),
        "context.first.bias": (context,),
        "context.second.weight": (context, context),
        "context.second.bias": (context,),
        "context.last.weight": (2, context),
        "context.last.bias": (len(spec.grids()), 2),
    }
    for pyramid, level in sorted(spec.grids(), key=lambda grid: (grid[0], -grid[1])):
        if spec.has_coarse_features(level):
            sources = spec.coarser_grids(level)
            shapes[coarse_name(pyramid, level)] = spec.dim_coarse, len(sources)
    for pyramid, level in spec.grids():
        shapes[latents_name(pyramid, level)] = spec.grid_size(level)
    return shapes


def _mlp_shapes(spec: Spec) -> Shapes:
    shapes: Shapes = {}
    dim_in = 4 * MLP_FREQUENCIES  # sine and cosine of each frequency on each axis
    for i in range(spec.num_layers):
        shapes[f"layers.{i}.weight"] = (spec.dim_hidden, dim_in)
        shapes[f"layers.{i}.bias"] = (spec.dim_hidden,)
        dim_in = spec.dim_hidden
    return shapes | _output_layer(spec)


def _output_layer(spec: Spec) -> Shapes:
    return {"output.weight": (spec.dim_out, spec.dim_hidden), "output.bias": (spec.dim_out,)}


_SHAPES: dict[str, Callable[[Spec], Shapes]] = {
    "grid": _grid_shapes,
    "gated": _gated_shapes,
    "mlp": _mlp_shapes,
}

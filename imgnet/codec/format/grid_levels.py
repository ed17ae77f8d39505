"""Levels of `grid`: what the latents of each are predicted from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from imgnet.codec.entropy.context import ContextModel, Features, LevelModel
from imgnet.codec.entropy.fixed_point import from_real
from imgnet.codec.format.quantized import Quantized
from imgnet.spec import Spec, latents_name

Tensors = Mapping[str, Quantized]
Integers = NDArray[np.int64]


class LevelContext(NamedTuple):
    """What the latents of a level are predicted from.

    Attributes:
        model: Of its grids.
        parents: The next coarser grids (G, h, w), or None.
        features: Coarse features of the level, or None.
    """

    model: LevelModel
    parents: Integers | None
    features: Features | None


def context_model(spec: Spec, quantized: Tensors) -> ContextModel:
    """Return the context model of a network."""
    return ContextModel(from_real({n: quantized[n].dequantize() for n in spec.context_names}))


def level_context(model: ContextModel, spec: Spec, quantized: Tensors, level: int) -> LevelContext:
    """Return what the latents of a level are predicted from, all of which is coarser."""
    grids, is_coarsest = spec.grids(), level == spec.num_levels - 1
    indices = [(grids.index((pyramid, level)), pyramid) for pyramid in spec.pyramids(level)]
    coarser = {grid: quantized[latents_name(*grid)].values for grid in spec.coarser_grids(level)}
    return LevelContext(
        model.of_level(level, indices),
        None if is_coarsest else stacked(spec, quantized, level, level + 1),
        model.coarse_features(level, spec.pyramids(level), coarser),
    )


def stacked(spec: Spec, quantized: Tensors, level: int, of_level: int) -> Integers:
    """Return, of the pyramids that a level has, the grids (G, height, width) of some level."""
    names = [latents_name(pyramid, of_level) for pyramid in spec.pyramids(level)]
    return np.stack([quantized[name].values for name in names])

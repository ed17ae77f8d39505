"""Input and outcome of the tasks of a compiled evaluation."""

from __future__ import annotations

from dataclasses import dataclass, field

from imgnet.fit.engine.latents import LatentGrids
from imgnet.fit.kernels.blocks import Floats

Arrays = dict[str, Floats]


@dataclass
class Outcome:
    """Outcome of a task.

    Attributes:
        value: Squared error or bits.
        factor: Of the value in the cost.
        crops: Gradients of parts of grids whose edges repeat: grid, top, left, values.
        windows: The same of parts of grids with zeros around, yet to be multiplied by the factor.
        weights: Gradients of the network's parameters.
    """

    value: float
    factor: float
    crops: list[tuple[int, int, int, Floats]] = field(default_factory=list)
    windows: list[tuple[int, int, int, Floats]] = field(default_factory=list)
    weights: Arrays = field(default_factory=dict)


class Grids:
    """Views of the relaxed latents and their gradients, grid by grid.

    Args:
        latents: Neither tensor may be replaced by another later.

    Attributes:
        places: Pyramid and level of each grid.
        index: Index of the grid of a pyramid and level.
        gradients: (h, w) of each grid.
    """

    def __init__(self, latents: LatentGrids) -> None:
        self.places = latents.grids
        self.index = {grid: i for i, grid in enumerate(self.places)}
        # Made once: a step asks for some sixty of them, and torch takes its time.
        self._relaxed = [latents.grid(latents.relaxed, i).numpy() for i in self.index.values()]
        self.gradients: list[Floats] = [
            latents.grid(latents.gradient, i).numpy() for i in self.index.values()
        ]

    def of(self, pyramid: int, level: int) -> Floats:
        """Return a grid, (h, w)."""
        grid: Floats = self._relaxed[self.index[pyramid, level]]
        return grid

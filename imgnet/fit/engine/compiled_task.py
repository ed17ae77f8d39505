"""Input and outcome of the tasks of a compiled evaluation."""

from __future__ import annotations

from dataclasses import dataclass, field

from imgnet.arrays import Float32Array
from imgnet.fit.engine.latents import LatentGrids


@dataclass
class Outcome:
    """Value of a task and its gradients.

    Attributes:
        value: Squared error or bits.
        factor: Factor of the value in the cost.
        crops: Gradients of crops of grids padded with their edges: grid, top, left, gradient.
        windows: Gradients of crops of grids padded with zeros, likewise, but without the factor.
        repeats: Gradients of repeated grids without the factor: grid, top, shift, gradient.
        weights: Gradients of the network's parameters, by name.
    """

    value: float
    factor: float
    crops: list[tuple[int, int, int, Float32Array]] = field(default_factory=list)
    windows: list[tuple[int, int, int, Float32Array]] = field(default_factory=list)
    repeats: list[tuple[int, int, int, Float32Array]] = field(default_factory=list)
    weights: dict[str, Float32Array] = field(default_factory=dict)


class Grids:
    """Views of the relaxed latents and their gradients, grid by grid.

    Args:
        latents: Latents; later, `relaxed` and `gradient` may change only in place.

    Attributes:
        places: Pyramid and level of each grid.
        index: Index of the grid of a pyramid and level.
        gradients: (h, w) of each grid.
    """

    def __init__(self, latents: LatentGrids) -> None:
        self.places = latents.grids
        self.index = {grid: i for i, grid in enumerate(self.places)}
        # Made once, since a step needs some sixty views and torch is slow to make one.
        self._relaxed = [latents.grid(latents.relaxed, i).numpy() for i in self.index.values()]
        self.gradients: list[Float32Array] = [
            latents.grid(latents.gradient, i).numpy() for i in self.index.values()
        ]

    def of(self, pyramid: int, level: int) -> Float32Array:
        """Return a grid, (h, w)."""
        grid: Float32Array = self._relaxed[self.index[pyramid, level]]
        return grid

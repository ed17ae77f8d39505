"""What a task of a compiled step reads of the latents and what it finds."""

from __future__ import annotations

from dataclasses import dataclass, field

from imgnet.blocks import Floats
from imgnet.latents import LatentGrids

Arrays = dict[str, Floats]


@dataclass
class Outcome:
    """What a task found.

    Attributes:
        value: Squared error or bits.
        weight: What they count.
        crops: Gradients of parts of grids whose edges repeat: grid, top, left, values.
        windows: The same of parts of grids with zeros around, yet to be weighed.
        weights: Gradients of the network's parameters.
    """

    value: float
    weight: float
    crops: list[tuple[int, int, int, Floats]] = field(default_factory=list)
    windows: list[tuple[int, int, int, Floats]] = field(default_factory=list)
    weights: Arrays = field(default_factory=dict)


class Grids:
    """The relaxed latents, grid by grid.

    Args:
        latents: All of them.
    """

    def __init__(self, latents: LatentGrids) -> None:
        self.latents = latents
        self.places = latents.grids
        self.index = {grid: i for i, grid in enumerate(self.places)}

    def of(self, pyramid: int, level: int) -> Floats:
        """Return a grid, (h, w), in its own memory."""
        latents = self.latents
        grid: Floats = latents.grid(latents.relaxed, self.index[pyramid, level]).numpy()
        return grid

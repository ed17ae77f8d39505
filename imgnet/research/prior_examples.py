"""Training examples of a prior: crops of photographs, each with its own latents."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from imgnet.codec.priors.loader import lmbda_at
from imgnet.fit.engine.network import GridNetwork
from imgnet.fit.engine.pick import evaluator_for, latents_for
from imgnet.fit.engine.tiling import COARSE, Rows
from imgnet.fit.grid.start import WarmStart, latent_q_step_at, lmbda_position

CPU = torch.device("cpu")


class Example:
    """A crop, its lmbda and its latents.

    Args:
        picture: (3, H, W) in 0..1.
        lmbda_index: Index of its lmbda; it may be a fraction.
        start: Analysis transform for its first latents.
        network: Network that is trained.
        workers: Pool for rate and distortion.
        generator: Source of the noise.
    """

    def __init__(
        self,
        picture: Tensor,
        lmbda_index: float,
        start: WarmStart,
        network: GridNetwork,
        workers: ThreadPoolExecutor,
        generator: torch.Generator,
    ) -> None:
        self.lmbda, self.position = lmbda_at(lmbda_index), lmbda_position(lmbda_index)
        self.latent_q_step = latent_q_step_at(self.lmbda, start.is_level_weighted)
        self.mean = picture.mean((1, 2))
        self.latents = latents_for(network.spec, CPU, generator)
        start = replace(start, position=self.position)
        self.latents.fill(start.pyramids(picture, self.latent_q_step, network.spec))
        self.evaluator = evaluator_for(network, self.latents, picture, None, workers)
        self.epochs: dict[Rows, int] = {}

    def parts(self, rows: Rows) -> list[tuple[slice, int]]:
        """Return ranges of the flat latents of a strip, each with the number of its steps."""
        self.epochs[rows] = self.epochs.get(rows, 0) + 1
        found = []
        for i, (_, level) in enumerate(self.latents.grids):
            start, width = self.latents.starts[i], self.latents.sizes[i][1]
            count = self.num_epochs if level >= COARSE else self.epochs[rows]
            for top, bottom in self.evaluator.cuts.grid_rows([rows], level):
                found.append((slice(start + top * width, start + bottom * width), count))
        return found

    @property
    def num_epochs(self) -> int:
        """Number of steps on the example."""
        return sum(self.epochs.values())

    def state(self) -> dict[str, Any]:
        """Return all that a later run needs."""
        latents = self.latents
        tensors = {"values": latents.values, "mean": latents.mean, "square": latents.square}
        return {**tensors, "epochs": self.epochs}

    def load(self, state: dict[str, Any]) -> None:
        """Go on from the state of an earlier run."""
        self.epochs = state["epochs"]
        for name in ("values", "mean", "square"):
            getattr(self.latents, name).copy_(state[name])

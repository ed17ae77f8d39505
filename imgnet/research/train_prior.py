"""Train a prior on a folder of photographs.

    python -m imgnet.research.train_prior --images DIR --checkpoint FILE [--export NAME]

Networks are overfitted to many pictures at once: each *example* is a crop of a photograph with a
lmbda of a bit and latents of its own, which are relaxed and moved as in a fit; the networks are
common to all. Each of their weights is a polynomial in the logarithm of the lmbda, so that every
step teaches all bands. Pyramids of latents thus keep the work that they have in a fit, which they
lost when a network that reads the picture wrote them while it was trained itself.

Networks and latents begin as in a cold fit, in graded pyramids, or with `--start` as in a fit from
a prior. Of one with an analysis network, copy that for the new name: `train_analysis.py` goes on
with it.

A run that was stopped goes on from its checkpoint, which is written every two thousand steps and is
some hundred megabytes large, with all latents.

Forerunners of this program, with the recipes that follow, trained the priors on 32 photographs of
about a megapixel:

    p9-0409762d  from p6, which went on from p2, which began from nothing, and both are in the
                 history: 48 crops of 768x512, --epochs 240 --seed 5 --dim-context 32
                 --dim-hidden 48: 46,080 steps in 47 minutes of one core beside other programs
    p8-2e3565a6  from p4, whose analysis network it has; p4 went on from p1, which was trained with
                 that network, and both are in the history:
                 --size 384 256 --examples 96 --epochs 240 --least-lmbda_index 6 --seed 3
                 --dim-context 32: 46,080 steps in 27 minutes of one core beside other programs
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from math import cos, isfinite, pi, sqrt
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from imgnet.codec.priors.loader import FOLDER, NUM_LMBDAS, lmbda_at
from imgnet.fit.device import one_thread_workers
from imgnet.fit.engine.compiled import CompiledEvaluator
from imgnet.fit.engine.latents import LatentGrids
from imgnet.fit.engine.network import GridNetwork
from imgnet.fit.engine.tiling import COARSE, Rows
from imgnet.fit.grid.start import WarmStart, latent_q_step, lmbda_position, warm_start
from imgnet.fit.grid.state import LATENT_LR
from imgnet.fit.soap import SOAP
from imgnet.request.efforts import NOISE, TEMPERATURE
from imgnet.research.pictures import (
    load_pictures,
    principal_colours,
    random_crop,
    training_spec,
)
from imgnet.research.prior_networks import Networks, export
from imgnet.research.runs import carry_on

LAST_TEMPERATURE, LAST_NOISE = 0.12, 0.16  # a little softer than at the end of a fit
WARM_UP = 200
GOLDEN = 0.6180339887  # multiples of which, modulo 1, lie evenly at any number of them
COARSE_EVERY = 4
LEAST_SLOWDOWN = 0.02  # of latents, which a cosine would stop before the networks
REPORT_EVERY, SAVE_EVERY = 200, 2000
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Recipe:
    """How to train.

    Attributes:
        examples: Crops, each with a lmbda.
        epochs: How often every row of a crop is seen.
        width: Of a crop.
        height: Of a crop.
        rows: Of a crop that one step sees.
        matrix_lr: Step size of the matrices of the networks.
        vector_lr: Of their vectors.
        least_lmbda_index: Of the prices of examples, which lie evenly from it to the last.
        seed: Of everything random.
    """

    examples: int = 64
    epochs: int = 160
    width: int = 768
    height: int = 512
    rows: int = 128
    matrix_lr: float = 1e-2
    vector_lr: float = 3e-3
    least_lmbda_index: float = 1.5
    seed: int = 1

    @property
    def strips_of(self) -> list[Rows]:
        """List the parts of a crop that steps see."""
        return [
            (top, min(top + self.rows, self.height)) for top in range(0, self.height, self.rows)
        ]

    @property
    def steps(self) -> int:
        """Count the steps of a run."""
        return self.examples * self.epochs * len(self.strips_of)


class Example:
    """A crop, its lmbda and its latents.

    Args:
        picture: (3, H, W) in 0..1.
        lmbda_index: Of the lmbda, not necessarily whole.
        start: What writes its first latents.
        network: That is trained.
        workers: Where rate and distortion are computed.
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
        self.step = latent_q_step(self.lmbda, start.is_graded)
        self.mean = picture.mean((1, 2))
        self.latents = LatentGrids(network.spec, CPU, generator)
        start = replace(start, position=self.position)
        self.latents.fill(start.pyramids(picture, self.step, network.spec))
        self.evaluator = CompiledEvaluator(network, self.latents, picture, None, workers)
        self.epochs: dict[Rows, int] = {}

    def parts(self, rows: Rows) -> list[tuple[slice, int]]:
        """Return where the latents of some rows lie and how often each has been visited."""
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
        """Count the steps that have seen the example."""
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


class Training:
    """The state of a run.

    Args:
        pictures: (3, H, W) 8-bit training pictures.
        recipe: How to train.
        workers: Where rate and distortion are computed.
        prior: Whose networks and first latents to begin with; "" for none.
        **layers: Sizes of layers that are not those of the prior or the usual ones.
    """

    def __init__(
        self,
        pictures: Sequence[Tensor],
        recipe: Recipe,
        workers: ThreadPoolExecutor,
        prior: str = "",
        **layers: int,
    ) -> None:
        self.recipe = recipe
        torch.manual_seed(recipe.seed)
        self.generator = torch.Generator().manual_seed(recipe.seed)
        start = WarmStart(principal_colours(pictures), None, 0.0)
        if prior:
            start = warm_start(prior, 0, CPU)
        spec = training_spec(recipe.width, recipe.height, prior, **layers)
        self.networks = Networks(spec, start.colours, start.is_graded)
        if prior:
            self.networks.follow(prior)
        self.network = GridNetwork(spec)
        groups = self.networks.groups(recipe.matrix_lr, recipe.vector_lr)
        self.soap = SOAP(groups, lr=recipe.matrix_lr, refresh_every=10)
        self.examples = []
        for k in range(recipe.examples):
            size, is_smaller = (recipe.height, recipe.width), k >= len(pictures)
            crop = random_crop(pictures[k % len(pictures)], size, is_smaller, self.generator)
            lmbda_index = recipe.least_lmbda_index + (NUM_LMBDAS - 1 - recipe.least_lmbda_index) * (
                GOLDEN * k % 1
            )
            self.examples.append(
                Example(crop, lmbda_index, start, self.network, workers, self.generator)
            )
        self.order: list[tuple[int, Rows]] = []
        self.step = 0

    def take_step(self) -> float:
        """Train on rows of one example and return their cost in units of the root of the lmbda."""
        done = self.step / self.recipe.steps
        index, rows = self._next()
        example = self.examples[index]
        self._set_network(example)
        parts = example.parts(rows)
        temperature = TEMPERATURE[0] + (LAST_TEMPERATURE - TEMPERATURE[0]) * done
        noise = NOISE[0] + (LAST_NOISE - NOISE[0]) * done
        example.latents.relax(temperature, noise, [part for part, _ in parts])
        weight = COARSE_EVERY if example.num_epochs % COARSE_EVERY == 0 else 0
        error, bits = example.evaluator.evaluate([rows], example.lmbda, weight)
        self.step += 1
        unit = sqrt(example.lmbda)
        cost = (error + example.lmbda * bits) / unit
        if isfinite(cost):
            slowdown = min(1.0, self.step / WARM_UP) * (1 + cos(pi * done)) / 2
            self.networks.take_gradients(self.network, example.position, example.step, 1 / unit)
            for group in self.soap.param_groups:
                group["lr"] = slowdown * group["peak_lr"]
            self.soap.step()
            example.latents.step(LATENT_LR * max(slowdown, LEAST_SLOWDOWN), parts)
        return cost

    @torch.no_grad()
    def _set_network(self, example: Example) -> None:
        """Make the network that of an example's lmbda; the mean colour is each picture's own."""
        for name, tensor in self.networks.at(example.position, example.step).items():
            own = example.mean if name == "linear.bias" else tensor
            self.network.get_parameter(name).copy_(own)

    def _next(self) -> tuple[int, Rows]:
        """Return an example and some of its rows, all of them once before any comes again."""
        if not self.order:
            bands = self.recipe.strips_of
            every = [(i, rows) for i in range(len(self.examples)) for rows in bands]
            shuffled = torch.randperm(len(every), generator=self.generator).tolist()
            self.order = [every[i] for i in shuffled]
        return self.order.pop()

    def state(self) -> dict[str, Any]:
        """Return all that a later run needs."""
        return {
            "step": self.step,
            "order": self.order,
            "coefficients": self.networks.coefficients,
            "soap": self.soap.state_dict(),
            "examples": [example.state() for example in self.examples],
            "generator": self.generator.get_state(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go on from the state of an earlier run."""
        self.step, self.order = state["step"], state["order"]
        for name, terms in state["coefficients"].items():
            for mine, theirs in zip(self.networks.coefficients[name], terms, strict=True):
                mine.copy_(theirs)
        self.soap.load_state_dict(state["soap"])
        for example, known in zip(self.examples, state["examples"], strict=True):
            example.load(known)
        self.generator.set_state(state["generator"])


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    usual = Recipe()
    parser = argparse.ArgumentParser(
        description=__doc__, prog="python -m imgnet.research.train_prior"
    )
    parser.add_argument("--images", type=Path, required=True, help="folder of PNG photographs")
    parser.add_argument(
        "--validation", type=int, default=8, help="how many of the last to keep out"
    )
    parser.add_argument("--checkpoint", type=Path, required=True, help="file to go on from")
    parser.add_argument("--examples", type=int, default=usual.examples)
    parser.add_argument("--epochs", type=int, default=usual.epochs)
    parser.add_argument("--size", type=int, nargs=2, default=(usual.width, usual.height))
    parser.add_argument("--seed", type=int, default=usual.seed)
    parser.add_argument(
        "--least-lmbda_index",
        type=float,
        default=usual.least_lmbda_index,
        help="of the prices of examples",
    )
    parser.add_argument("--start", metavar="PRIOR", default="", help="prior to go on from")
    parser.add_argument("--dim-context", type=int, help="units of a layer of the context model")
    parser.add_argument("--dim-hidden", type=int, help="units of the layer that gives colours")
    parser.add_argument("--export", metavar="NAME", help="write the result into the package")
    options = parser.parse_args(arguments)
    pictures, _ = load_pictures(options.images, options.validation)
    width, height = options.size
    sizes = {"width": width, "height": height, "least_lmbda_index": options.least_lmbda_index}
    recipe = Recipe(options.examples, options.epochs, seed=options.seed, **sizes)
    wider = {name: getattr(options, name) for name in ("dim_context", "dim_hidden")}
    layers = {name: units for name, units in wider.items() if units is not None}
    with one_thread_workers(CPU) as (workers, _):
        training = Training(pictures, recipe, workers, options.start, **layers)
        if options.checkpoint.exists():
            training.load(torch.load(options.checkpoint, weights_only=True))
        carry_on(training, recipe.steps, options.checkpoint, REPORT_EVERY, SAVE_EVERY)
        if options.export:
            print(export(training.networks, options.export, FOLDER))


if __name__ == "__main__":
    main()

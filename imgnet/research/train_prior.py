"""Training of a prior on a folder of photographs.

    python -m imgnet.research.train_prior --images DIR --checkpoint FILE [--export NAME]

Training overfits the networks to many pictures at once. Each *example* is a crop of a photograph
with its own lmbda and its own latents, which are relaxed and moved as in a fit; all examples share
the networks. Each weight is a polynomial in the logarithm of lmbda, so that every step trains the
networks of all lmbdas. Latents thus have the same role as in a fit. In an earlier program they were
the output of an analysis network that was trained at the same time; that was worse.

Networks and latents start as in a fit without a prior, in level-weighted pyramids, or with
`--start` as in a fit from a prior. If that prior has an analysis network, copy its file to the name
of the new one: `imgnet.research.train_analysis` goes on with it.

A checkpoint is written every 2000 steps; a run that was stopped goes on from it. With all latents,
it has some hundred megabytes.

Earlier versions of this program, with these options, trained the priors on 32 photographs of about
a megapixel:

    p9-0409762d  from p6, which is from p2, which started from random weights; both are in the
                 history: 48 crops of 768x512, --epochs 240 --seed 5 --dim-context 32
                 --dim-hidden 48: 46,080 steps in 47 minutes of one core beside other programs
    p8-2e3565a6  from p4, whose analysis network it has; p4 is from p1, which was trained with that
                 network; both are in the history:
                 --size 384 256 --examples 96 --epochs 240 --least-lmbda-index 6 --seed 3
                 --dim-context 32: 46,080 steps in 27 minutes of one core beside other programs

Priors with coarse features were trained on 212 photographs, with --dim-coarse 6, and are not
shipped. Their fits cost a little less, but each step takes an eighth longer (p12) or more (p11):

    p10  --size 384 256 --examples 212 --epochs 150 --seed 10 --dim-context 32 --dim-hidden 48:
         after 350 epochs 1.6 % and 6.4 % dearer than p8 or p9 on one picture, +2.1 and -2.5 % on
         another
    p11  from p8, with its analysis network: --start p8-2e3565a6 --size 384 256 --examples 212
         --epochs 100 --seed 11 --dim-context 32 --dim-hidden 48 --least-lmbda-index 5:
         -1.1 % after 10 epochs, -0.4 % after 160, means of eight pictures
    p12  from p9: --start p9-0409762d --examples 128 --epochs 70 --seed 12 --lr 5e-3:
         -1.1 % after 87 epochs, -0.6 % after 350, means of four and two smooth pictures
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import isfinite, sqrt
from typing import Any

import torch
from torch import Tensor

from imgnet.codec.priors.loader import FOLDER, NUM_LMBDAS
from imgnet.fit.device import one_thread_workers
from imgnet.fit.engine.network import GridNetwork
from imgnet.fit.engine.tiling import Rows
from imgnet.fit.grid.curvature import GOLDEN_RATIO
from imgnet.fit.grid.start import WarmStart, warm_start
from imgnet.fit.grid.state import LATENT_LR
from imgnet.fit.soap import SOAP, lr_factor
from imgnet.request.efforts import NOISE, TEMPERATURE, Schedule
from imgnet.research.pictures import (
    load_photos,
    load_picture,
    principal_colours,
    random_crop,
    training_spec,
)
from imgnet.research.prior_examples import Example
from imgnet.research.prior_networks import Networks, export
from imgnet.research.runs import Intervals, common_options, scale_lr, train

LAST_TEMPERATURE, LAST_NOISE = 0.12, 0.16  # a little softer than at the end of a fit
WARM_UP = 200
VECTORS = 0.3  # peak learning rate of vectors, over that of matrices
COARSE_EVERY = 4
LEAST_LR_FACTOR = 0.02  # of latents, which a cosine would stop before the networks
INTERVALS = Intervals(report=200, save=2000)
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Recipe:
    """Options of a run.

    Attributes:
        examples: Number of crops.
        epochs: Number of steps on each strip of a crop.
        width: Columns of a crop.
        height: Rows of a crop.
        rows: Rows of a strip; one step is on one strip.
        lr: Peak learning rate of the matrices of the networks; vectors have `VECTORS` times that.
        least_lmbda_index: First of the lmbda indices of examples, evenly spread up to the last.
        seed: Seed of all random numbers.
    """

    examples: int = 64
    epochs: int = 160
    width: int = 768
    height: int = 512
    rows: int = 128
    lr: float = 1e-2
    least_lmbda_index: float = 1.5
    seed: int = 1

    @property
    def strips(self) -> list[Rows]:
        """Strips of rows of a crop."""
        return [
            (top, min(top + self.rows, self.height)) for top in range(0, self.height, self.rows)
        ]

    @property
    def steps(self) -> int:
        """Number of steps of a run."""
        return self.examples * self.epochs * len(self.strips)

    @property
    def schedule(self) -> Schedule:
        """Schedule of a fit of as many epochs from random weights."""
        num_pixels = self.width * self.height
        return Schedule(self.epochs, num_pixels).for_start(num_pixels, "cold")


class Training:
    """State of a run.

    Args:
        pictures: (3, H, W) 8-bit training pictures.
        recipe: Options of the run.
        workers: Pool for rate and distortion.
        prior: Prior to start from; "" for random weights.
        **layers: Sizes of layers that differ from those of the prior or the usual ones.
    """

    def __init__(
        self,
        pictures: Sequence[Tensor],
        recipe: Recipe,
        workers: ThreadPoolExecutor,
        prior: str = "",
        **layers: int,
    ) -> None:
        self.recipe, schedule = recipe, recipe.schedule
        self.latent_lr = LATENT_LR * schedule.latent_lr_scale
        self.square_decay = 1 - 1 / schedule.latent_memory
        torch.manual_seed(recipe.seed)
        self.generator = torch.Generator().manual_seed(recipe.seed)
        start = WarmStart(principal_colours(pictures), None, 0.0)
        if prior:
            start = warm_start(prior, 0, CPU)
        spec = training_spec(recipe.width, recipe.height, prior, **layers)
        self.networks = Networks(spec, start.directions, start.is_level_weighted)
        if prior:
            self.networks.fit_prior(prior)
        self.network = GridNetwork(spec)
        groups = self.networks.groups(recipe.lr, VECTORS * recipe.lr)
        self.soap = SOAP(groups, lr=recipe.lr, refresh_every=10)
        self.examples = []
        for k in range(recipe.examples):
            size, is_smaller = (recipe.height, recipe.width), k >= len(pictures)
            crop = random_crop(pictures[k % len(pictures)], size, is_smaller, self.generator)
            lmbda_index = recipe.least_lmbda_index + (NUM_LMBDAS - 1 - recipe.least_lmbda_index) * (
                GOLDEN_RATIO * k % 1
            )
            self.examples.append(
                Example(crop, lmbda_index, start, self.network, workers, self.generator)
            )
        self.order: list[tuple[int, Rows]] = []
        self.step = 0

    def take_step(self) -> float:
        """Train on a strip of one example; return its cost in units of the root of lmbda."""
        done = self.step / self.recipe.steps
        index, rows = self._next()
        example = self.examples[index]
        self.set_network(example)
        parts = example.parts(rows)
        temperature = TEMPERATURE[0] + (LAST_TEMPERATURE - TEMPERATURE[0]) * done
        noise = NOISE[0] + (LAST_NOISE - NOISE[0]) * done
        example.latents.relax(temperature, noise, [part for part, _ in parts])
        self.network.zero_grad()
        coarse_weight = COARSE_EVERY if example.num_epochs % COARSE_EVERY == 0 else 0
        error, bits = example.evaluator.evaluate([rows], example.lmbda, coarse_weight)
        unit = sqrt(example.lmbda)
        cost = (error + example.lmbda * bits) / unit
        if isfinite(cost):
            factor = lr_factor(self.step, WARM_UP, done)
            self.networks.take_gradients(
                self.network, example.position, example.latent_q_step, 1 / unit
            )
            scale_lr(self.soap.param_groups, factor)
            self.soap.step()
            lr = self.latent_lr * max(factor, LEAST_LR_FACTOR)
            example.latents.step(lr, parts, self.square_decay)
        self.step += 1
        return cost

    @torch.no_grad()
    def set_network(self, example: Example) -> None:
        """Set the network to that of an example's lmbda, with the mean colour of its picture."""
        for name, tensor in self.networks.at(example.position, example.latent_q_step).items():
            own = example.mean if name == "linear.bias" else tensor
            self.network.get_parameter(name).copy_(own)

    def _next(self) -> tuple[int, Rows]:
        """Return the index of an example and one of its strips; an epoch has each pair once."""
        if not self.order:
            strips = self.recipe.strips
            every = [(i, rows) for i in range(len(self.examples)) for rows in strips]
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
        for example, earlier in zip(self.examples, state["examples"], strict=True):
            example.load(earlier)
        self.generator.set_state(state["generator"])


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    usual = Recipe()
    parser = common_options(__doc__, "imgnet.research.train_prior", usual.seed)
    parser.add_argument("--examples", type=int, default=usual.examples)
    parser.add_argument("--epochs", type=int, default=usual.epochs)
    parser.add_argument("--size", type=int, nargs=2, default=(usual.width, usual.height))
    parser.add_argument("--least-lmbda-index", type=float, default=usual.least_lmbda_index)
    parser.add_argument("--start", metavar="PRIOR", default="", help="prior to go on from")
    parser.add_argument("--dim-context", type=int, help="units of a layer of the context model")
    parser.add_argument("--dim-hidden", type=int, help="units of the layer that gives colours")
    parser.add_argument("--dim-coarse", type=int, help="coarse features of a latent")
    parser.add_argument("--lr", type=float, default=usual.lr, help="peak learning rate of matrices")
    parser.add_argument("--export", metavar="NAME", help="write the result into the package")
    options = parser.parse_args(arguments)
    pictures, _ = load_photos(options.images, options.validation, load_picture)
    width, height = options.size
    recipe = Recipe(
        examples=options.examples,
        epochs=options.epochs,
        width=width,
        height=height,
        lr=options.lr,
        least_lmbda_index=options.least_lmbda_index,
        seed=options.seed,
    )
    names = "dim_context", "dim_hidden", "dim_coarse"
    layers = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    with one_thread_workers(CPU) as workers:
        training = Training(pictures, recipe, workers, options.start, **layers)
        train(training, recipe.steps, options.checkpoint, INTERVALS)
        if options.export:
            print(export(training.networks, options.export, FOLDER))


if __name__ == "__main__":
    main()

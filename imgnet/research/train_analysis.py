"""Training of the analysis network of a prior, which corrects the first latents of fits.

    python -m imgnet.research.train_analysis --images DIR --prior NAME --checkpoint FILE [--export]

The networks of the prior stay fixed. Each step takes a crop of a photograph and a quality. The
analysis network corrects the first latents, which are relaxed as in a fit, and the gradient of
distortion + lmbda * bits goes back through them. Training starts from the analysis network of the
prior. If there is none, it starts from zero corrections of level-weighted pyramids, as priors
without an analysis network are trained on.

No network that this program trained is shipped. With one, fits from p2 start 3 dB higher, but with
so many bits that they end worse. That of p9 (12,000 steps, --enlarge 2.5) makes the cost of first
latents less than half as large, yet after 10 epochs fits cost up to 12 % more than from pyramids
alone where the picture is smooth enough for p9. Further training of that of p4, which p8 has, did
not improve it.

A checkpoint is written every 500 steps; a run that was stopped goes on from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from imgnet.codec.priors.loader import analysis_file, lmbda_index_of, prior_tensors
from imgnet.encoder.levels import detail, with_needed_levels
from imgnet.encoder.prior import with_prior
from imgnet.fit.device import one_thread_workers
from imgnet.fit.engine.network import GridNetwork
from imgnet.fit.engine.pick import evaluator_for, latents_for
from imgnet.fit.grid.analysis_network import AnalysisNetwork
from imgnet.fit.grid.start import (
    WarmStart,
    latent_q_step_at,
    lmbda_position,
    set_network,
    warm_start,
)
from imgnet.fit.soap import lr_factor
from imgnet.request.efforts import NOISE, TEMPERATURE
from imgnet.request.request import Request, lmbda_of_quality
from imgnet.research.pictures import load_photos, load_picture, random_crop
from imgnet.research.runs import Intervals, common_options, train
from imgnet.spec import Spec

CPU = torch.device("cpu")
WARM_UP = 50
CLIP = 1.0  # norm of the gradient
INTERVALS = Intervals(report=100, save=500)
VALIDATION_QUALITIES = 20, 45, 70


@dataclass(frozen=True)
class Recipe:
    """Options of a run.

    Attributes:
        steps: Number of steps, each on one crop.
        width: Columns of a crop.
        height: Rows of a crop.
        lr: Peak learning rate of Adam.
        enlarge: Factor by which every third crop is enlarged, at most; 1 for none.
        qualities: Range of the qualities of steps, which are uniform.
        seed: Seed of all random numbers.
    """

    steps: int = 6000
    width: int = 384
    height: int = 256
    lr: float = 1e-3
    enlarge: float = 1.0
    qualities: tuple[float, float] = (5.0, 84.0)
    seed: int = 1


class Case:
    """A picture at a quality, with the network that a fit of it starts from.

    Args:
        picture: (3, H, W) in 0..1.
        quality: 0..100.
        prior: Name of the prior of the network.
        start: Analysis transform; its position is replaced by that of the quality.
        workers: Pool for rate and distortion.
        generator: Source of the noise.
    """

    def __init__(
        self,
        picture: Tensor,
        quality: float,
        prior: str,
        start: WarmStart,
        workers: ThreadPoolExecutor,
        generator: torch.Generator,
    ) -> None:
        self.picture, self.lmbda = picture, lmbda_of_quality(quality)
        self.spec = _spec(picture, quality, prior)
        self.start = replace(start, position=lmbda_position(self.spec.lmbda_index))
        self.latent_q_step = latent_q_step_at(self.lmbda, start.is_level_weighted)
        self.latents = latents_for(self.spec, CPU, generator)
        network = GridNetwork(self.spec)
        tensors = {
            name: torch.from_numpy(array) for name, array in prior_tensors(self.spec).items()
        }
        set_network(network, tensors, picture, self.latent_q_step)
        self.evaluator = evaluator_for(network, self.latents, picture, None, workers)
        self.rows = [(0, self.spec.height)]

    def write(self) -> list[Tensor]:
        """Set the first latents of the picture; return them with their graph, grid by grid."""
        pyramids = self.start.pyramids(self.picture, self.latent_q_step, self.spec)
        written = [pyramids[grid] for grid in self.latents.grids]
        self.latents.fill({grid: pyramids[grid].detach() for grid in self.latents.grids})
        return written

    def backward(self, temperature: float, noise: float) -> float:
        """Add the gradients of the cost to the analysis network; return the cost.

        The cost is in units of the root of lmbda, in which costs of photographs are similar.

        Args:
            temperature: Temperature of the soft rounding.
            noise: Standard deviation of the noise.
        """
        written = self.write()
        latents, unit = self.latents, sqrt(self.lmbda)
        latents.relax(temperature, noise, [slice(0, len(latents.values))])
        error, bits = self.evaluator.evaluate(self.rows, self.lmbda)
        gradient = latents.gradient * latents.slope / unit
        pairs = ((plane, latents.grid(gradient, i)) for i, plane in enumerate(written))
        torch.stack([(plane * slope).sum() for plane, slope in pairs]).sum().backward()  # type: ignore[no-untyped-call]
        return (error + self.lmbda * bits) / unit

    def cost(self) -> float:
        """Return the cost of rounded latents, in units of the root of lmbda."""
        with torch.no_grad():
            self.write()
        self.latents.round()
        bits = self.evaluator.measure_bits(self.rows)
        return (self.evaluator.measure_error(self.rows) + self.lmbda * bits) / sqrt(self.lmbda)


def _spec(picture: Tensor, quality: float, prior: str) -> Spec:
    _, height, width = picture.shape
    spec = Request("grid", quality=quality).spec((width, height), len(picture))
    lmbda = lmbda_of_quality(quality)
    pixels = picture.mul(255).round().byte().permute(1, 2, 0).numpy()
    needed = with_needed_levels(spec, detail(pixels, lmbda), lmbda)
    return with_prior(needed, prior, lmbda_index_of(lmbda))


class Training:
    """State of a run.

    Args:
        pictures: (3, H, W) 8-bit training pictures.
        prior: Name of the prior whose analysis network is trained.
        recipe: Options of the run.
        workers: Pool for rate and distortion.
    """

    def __init__(
        self, pictures: Sequence[Tensor], prior: str, recipe: Recipe, workers: ThreadPoolExecutor
    ) -> None:
        self.pictures, self.prior, self.recipe, self.workers = pictures, prior, recipe, workers
        torch.manual_seed(recipe.seed)
        self.generator = torch.Generator().manual_seed(recipe.seed)
        start = warm_start(prior, 0, CPU)
        self.network = AnalysisNetwork(start.is_level_weighted)
        if start.analysis is not None:
            self.network.load_state_dict(start.analysis.state_dict())
        self.start = replace(start, analysis=self.network)
        self.adam = torch.optim.Adam(self.network.parameters(), lr=recipe.lr, betas=(0.9, 0.98))
        self.step = 0

    def take_step(self) -> float:
        """Train on one crop and return its cost."""
        done = self.step / self.recipe.steps
        temperature, noise = (a + (b - a) * done for a, b in (TEMPERATURE, NOISE))
        factor = lr_factor(self.step, WARM_UP, done)
        for group in self.adam.param_groups:
            group["lr"] = self.recipe.lr * factor
        self.adam.zero_grad()
        cost = self._next().backward(temperature, noise)
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), CLIP)
        self.adam.step()
        self.step += 1
        return cost

    def _next(self) -> Case:
        which, part = torch.rand(2, generator=self.generator).tolist()
        picture = self.pictures[int(which * len(self.pictures))]
        least, highest = self.recipe.qualities
        return self.case(self._crop(picture), least + (highest - least) * part)

    def _crop(self, picture: Tensor) -> Tensor:
        """Return a random crop of a picture; in turns reduced, as it is, and enlarged."""
        size, kind = (self.recipe.height, self.recipe.width), self.step % 3
        if kind < 2 or self.recipe.enlarge <= 1:
            return random_crop(picture, size, kind == 0, self.generator)
        scale = 1 + (self.recipe.enlarge - 1) * float(torch.rand(1, generator=self.generator))
        least = round(size[0] / scale), round(size[1] / scale)
        crop = random_crop(picture, least, False, self.generator)
        enlarged = functional.interpolate(crop[None], size=size, mode="bicubic")
        return enlarged[0].clamp(0, 1)

    def case(self, picture: Tensor, quality: float) -> Case:
        """Return the case of a picture (3, H, W) in 0..1 at a quality."""
        return Case(picture, quality, self.prior, self.start, self.workers, self.generator)

    def validate(self, pictures: Sequence[Tensor]) -> list[float]:
        """Return the mean cost of the centres of pictures at each of `VALIDATION_QUALITIES`."""
        crops = [_centre(picture, self.recipe) for picture in pictures]
        return [
            float(np.mean([self.case(crop, quality).cost() for crop in crops]))
            for quality in VALIDATION_QUALITIES
        ]

    def state(self) -> dict[str, Any]:
        """Return all that a later run needs."""
        return {
            "step": self.step,
            "network": self.network.state_dict(),
            "adam": self.adam.state_dict(),
            "generator": self.generator.get_state(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go on from the state of an earlier run."""
        self.step = state["step"]
        self.network.load_state_dict(state["network"])
        self.adam.load_state_dict(state["adam"])
        self.generator.set_state(state["generator"])


def _centre(picture: Tensor, recipe: Recipe) -> Tensor:
    top, left = (picture.shape[1] - recipe.height) // 2, (picture.shape[2] - recipe.width) // 2
    crop = picture[:, top : top + recipe.height, left : left + recipe.width]
    return (crop.float() / 255).contiguous()


def export(network: AnalysisNetwork, path: Path) -> None:
    """Write a network, in float16."""
    path.parent.mkdir(exist_ok=True)
    save_file({name: tensor.half() for name, tensor in network.state_dict().items()}, path)


def _report(when: str, costs: Sequence[float]) -> None:
    found = zip(VALIDATION_QUALITIES, costs, strict=True)
    print(f"{when}:", ", ".join(f"{cost:.4f} at quality {q}" for q, cost in found), flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    usual = Recipe()
    parser = common_options(__doc__, "imgnet.research.train_analysis", usual.seed)
    parser.add_argument("--prior", required=True, help="whose analysis network to train")
    parser.add_argument("--steps", type=int, default=usual.steps)
    parser.add_argument("--size", type=int, nargs=2, default=(usual.width, usual.height))
    parser.add_argument("--lr", type=float, default=usual.lr)
    parser.add_argument("--enlarge", type=float, default=usual.enlarge)
    parser.add_argument("--export", action="store_true", help="write the result into the package")
    options = parser.parse_args(arguments)
    pictures, validation = load_photos(options.images, options.validation, load_picture)
    width, height = options.size
    recipe = Recipe(options.steps, width, height, options.lr, options.enlarge, seed=options.seed)
    with one_thread_workers(CPU) as workers:
        training = Training(pictures, options.prior, recipe, workers)
        _report("before", training.validate(validation))
        train(training, recipe.steps, options.checkpoint, INTERVALS)
        _report("after", training.validate(validation))
        if options.export:
            export(training.network, analysis_file(options.prior))


if __name__ == "__main__":
    main()

"""Train a prior and its analysis network on a folder of photographs.

    python -m imgnet.priors.train --images DIR --checkpoint FILE [--export NAME]

Each step takes one crop and one price of a bit, both at random: the analysis network gives latents,
these are relaxed as in a fit, and rate and distortion are those of a fit as well. The weights of a
network are polynomials in the logarithm of the price, so that all steps teach all bands. The
checkpoint is written every thousand steps; a run that was stopped goes on from it.

The prior p1-a1ea9cd5 saw 20,500 crops of 32 photographs of about a megapixel: 5,000 with the step
sizes 1e-2 and 3e-3 of matrices and vectors, down to 0, and then, as here, 15,500 more. That took an
hour and a half on two cores that were busy with other work. On the centres of 8 other photographs
the costs of the first latents, rounded, are 0.0520, 0.0522, 0.0521 and 0.0549 in the bands 4, 8, 12
and 15, without the bits of the network.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import cos, isfinite, pi, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from imgnet.analysis import AnalysisNetwork, band_position, laplacian_pyramids
from imgnet.device import one_thread_workers
from imgnet.grid_fit import expected_step
from imgnet.grid_model import GridNetwork
from imgnet.grid_step import GridStep
from imgnet.latents import LatentGrids
from imgnet.optimizer import SOAP
from imgnet.pixels import read_image
from imgnet.priors import (
    COLOURS,
    FINEST_COLOUR,
    FOLDER,
    NUM_BANDS,
    SHAPE,
    price_of_band,
)
from imgnet.priors.networks import Networks, export
from imgnet.spec import Spec

NUM_LEVELS = 6
TEMPERATURE = (0.3, 0.12)
NOISE = (0.22, 0.17)
WARM_UP = 100
LEAST_BAND = 1.5
SMALLER = 0.35  # part of the crops that are shrunk, by up to 2
MOST_GRADIENT = 1.0
REPORT_EVERY, SAVE_EVERY = 200, 1000
VALIDATION_BANDS = (4, 8, 12, 15)
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Recipe:
    """How to train.

    Attributes:
        steps: Crops in all.
        crop: Side of a crop.
        matrix_lr: Step size of the matrices of the networks.
        vector_lr: Of their vectors.
        analysis_lr: Of the analysis network.
        seed: Of everything random.
    """

    steps: int
    crop: int = 256
    matrix_lr: float = 6e-3
    vector_lr: float = 2e-3
    analysis_lr: float = 1e-3
    seed: int = 1


class Training:
    """The state of a run.

    Args:
        pictures: (3, H, W) 8-bit training pictures.
        recipe: How to train.
        workers: Where rate and distortion are computed.
    """

    def __init__(
        self, pictures: Sequence[Tensor], recipe: Recipe, workers: ThreadPoolExecutor
    ) -> None:
        self.pictures, self.recipe, self.workers = pictures, recipe, workers
        torch.manual_seed(recipe.seed)
        self.generator = torch.Generator().manual_seed(recipe.seed)
        self.analysis = AnalysisNetwork()
        self.analysis.colours.data = principal_colours(pictures)
        self.spec = _spec(recipe.crop, recipe.crop)
        self.networks = Networks(self.spec, self.analysis.colours)
        groups = self.networks.groups(recipe.matrix_lr, recipe.vector_lr)
        self.soap = SOAP(groups, lr=recipe.matrix_lr, refresh_every=5)
        trained = [p for p in self.analysis.parameters() if p.requires_grad]
        self.adam = torch.optim.Adam(trained, lr=recipe.analysis_lr, betas=(0.9, 0.99))
        self.step = 0

    def run(self, checkpoint: Path, validation: Sequence[Tensor]) -> None:
        """Go on to the end, with a report on stdout and a checkpoint now and then."""
        costs, started = [], time.monotonic()
        while self.step < self.recipe.steps:
            costs.append(self.take_step())
            if self.step % REPORT_EVERY == 0:
                elapsed = time.monotonic() - started
                print(f"{self.step} steps, {elapsed:.0f} s: {np.mean(costs):.4f}", flush=True)
                costs = []
            if self.step % SAVE_EVERY == 0 or self.step == self.recipe.steps:
                torch.save(self.state(), checkpoint)
                print("validation", *self.validate(validation), flush=True)

    def take_step(self) -> float:
        """Train on one crop and return its cost in units of the root of the price."""
        done = self.step / self.recipe.steps
        picture = self._crop()
        low, high = LEAST_BAND, NUM_BANDS - 1
        band = low + (high - low) * self._random()
        price, position = price_of_band(band), band_position(band)
        network, latents, values = self.start(picture, band)
        temperature, noise = (a + (b - a) * done for a, b in (TEMPERATURE, NOISE))
        latents.relax(temperature, noise, [slice(None)])
        evaluator = GridStep(network, latents, picture, None, self.workers)
        error, bits = evaluator.evaluate([(0, self.recipe.crop)], price)
        cost = (error + price * bits) / sqrt(price)
        self.step += 1
        if not isfinite(cost):
            return cost
        self.adam.zero_grad()
        gradient = latents.gradient * latents.slope / sqrt(price)
        values.backward(gradient)  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.analysis.parameters(), MOST_GRADIENT)
        self.networks.take_gradients(network, position, expected_step(price))
        slowdown = min(1.0, self.step / WARM_UP) * (1 + cos(pi * done)) / 2
        for group in (*self.adam.param_groups, *self.soap.param_groups):
            group["lr"] = slowdown * group.get("peak_lr", self.recipe.analysis_lr)
        self.adam.step()
        self.soap.step()
        return cost

    def start(self, picture: Tensor, band: float) -> tuple[GridNetwork, LatentGrids, Tensor]:
        """Return a network and latents to begin a fit with, and the latents with their graph."""
        _, height, width = picture.shape
        step, position = expected_step(price_of_band(band)), band_position(band)
        network = GridNetwork(_spec(width, height))
        mean = picture.mean((1, 2))
        with torch.no_grad():
            for name, tensor in self.networks.at(position, step).items():
                network.get_parameter(name).copy_(mean if name == "linear.bias" else tensor)
        centred = (picture - mean[:, None, None]) / step
        planes = (self.analysis.colours.T @ centred.flatten(1)).view_as(picture)
        pyramids = laplacian_pyramids(planes, NUM_LEVELS)
        for grid, correction in self.analysis(planes, position, NUM_LEVELS).items():
            pyramids[grid] = pyramids[grid] + correction
        latents = LatentGrids(network.spec, CPU, self.generator)
        values = torch.cat([pyramids[grid].flatten() for grid in latents.grids])
        latents.values.copy_(values.detach())
        return network, latents, values

    @torch.no_grad()
    def validate(self, pictures: Sequence[Tensor]) -> list[float]:
        """Return the mean cost of rounded latents in each of some bands."""
        costs = []
        for band in VALIDATION_BANDS:
            price, total = price_of_band(band), 0.0
            for picture in pictures:
                network, latents, _ = self.start(picture, band)
                latents.round()
                evaluator = GridStep(network, latents, picture, None, self.workers)
                error, bits = evaluator.measure([(0, picture.shape[1])])
                total += (error + price * bits) / sqrt(price)
            costs.append(round(total / len(pictures), 4))
        return costs

    def state(self) -> dict[str, Any]:
        """Return all that a later run needs."""
        return {
            "step": self.step,
            "coefficients": self.networks.coefficients,
            "analysis": self.analysis.state_dict(),
            "soap": self.soap.state_dict(),
            "adam": self.adam.state_dict(),
            "generator": self.generator.get_state(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go on from the state of an earlier run."""
        self.step = state["step"]
        for name, terms in state["coefficients"].items():
            for mine, theirs in zip(self.networks.coefficients[name], terms, strict=True):
                mine.copy_(theirs)
        self.analysis.load_state_dict(state["analysis"])
        self.soap.load_state_dict(state["soap"])
        self.adam.load_state_dict(state["adam"])
        self.generator.set_state(state["generator"])

    def _random(self) -> float:
        return float(torch.rand(1, generator=self.generator))

    def _crop(self) -> Tensor:
        """Return a random crop, maybe of a smaller picture, turned at random."""
        side = self.recipe.crop
        picture = self.pictures[int(self._random() * len(self.pictures))]
        taken = int(side * (1 + self._random())) if self._random() < SMALLER else side
        taken = min(taken, *picture.shape[1:])
        top, left = (int(self._random() * (size - taken + 1)) for size in picture.shape[1:])
        crop = picture[:, top : top + taken, left : left + taken].float() / 255
        if taken != side:
            crop = functional.interpolate(crop[None], side, mode="bicubic", antialias=True)[0]
        for axis in (1, 2):
            crop = crop.flip(axis) if self._random() < 0.5 else crop
        crop = crop.transpose(1, 2) if self._random() < 0.5 else crop
        return crop.clamp(0, 1).contiguous()


def _spec(width: int, height: int) -> Spec:
    sizes: dict[str, Any] = {"num_levels": NUM_LEVELS, "colour": FINEST_COLOUR, **SHAPE}
    return Spec("grid", width, height, 0, dim_out=COLOURS, **sizes)


def principal_colours(pictures: Sequence[Tensor]) -> Tensor:
    """Return the principal directions, the columns of (3, 3), of the colours of all pictures."""
    covariance = torch.zeros(COLOURS, COLOURS)
    for picture in pictures:
        flat = picture[:, ::4, ::4].flatten(1).float()
        flat -= flat.mean(1, keepdim=True)
        covariance += flat @ flat.T / flat.shape[1]
    colours: Tensor = torch.linalg.eigh(covariance).eigenvectors.flip(1)
    return colours * torch.where(colours.sum(0) < 0, -1.0, 1.0)


def _load(path: Path) -> Tensor:
    pixels, _ = read_image(path)
    return torch.from_numpy(pixels[..., :COLOURS]).permute(2, 0, 1).contiguous()


def _centre(picture: Tensor, width: int = 384, height: int = 256) -> Tensor:
    top, left = (picture.shape[1] - height) // 2, (picture.shape[2] - width) // 2
    return picture[:, top : top + height, left : left + width].float() / 255


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m imgnet.priors.train")
    parser.add_argument("--images", type=Path, required=True, help="folder of PNG photographs")
    parser.add_argument(
        "--validation", type=int, default=8, help="how many of the last to keep out"
    )
    parser.add_argument("--checkpoint", type=Path, required=True, help="file to go on from")
    parser.add_argument("--steps", type=int, default=20000)
    parser.add_argument("--crop", type=int, default=256)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--export", metavar="NAME", help="write the result into the package")
    options = parser.parse_args(arguments)
    pictures = [_load(path) for path in sorted(options.images.glob("*.png"))]
    trained = pictures[: len(pictures) - options.validation]
    kept = [_centre(picture) for picture in pictures[len(trained) :]]
    recipe = Recipe(options.steps, options.crop, seed=options.seed)
    with one_thread_workers(CPU) as (workers, _):
        training = Training(trained, recipe, workers)
        if options.checkpoint.exists():
            training.load(torch.load(options.checkpoint, weights_only=True))
        training.run(options.checkpoint, kept)
        if options.export:
            print(export(training.networks, training.analysis, options.export, FOLDER))


if __name__ == "__main__":
    main()

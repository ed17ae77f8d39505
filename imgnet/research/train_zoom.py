"""Training of a zoom prior on a folder of photographs.

    python -m imgnet.research.train_zoom --images DIR --checkpoint FILE [--start PRIOR]
        [--export NAME]

Each step takes a few patches of photographs, makes them smaller by a random factor of 1 to 4, and
moves the network to lower the squared error of its enlargement; see `imgnet.research.zoom_pairs`.
The last photographs of the folder are held out; at every checkpoint the gain in dB on them over
Lanczos-3 is printed. Every step has its own random numbers, so that a run that was stopped and goes
on from its checkpoint ends like one without a stop.

The prior z4-5f2982b5 was trained on 32 photographs of about a megapixel, in three runs, each from
the network and the optimiser of the one before. Minutes are those of one core beside other
programs; gains over Lanczos-3 are those on 8 further photographs at factors of 2, 3 and 4, without
mirror images.

    1. 31,000 steps from random weights, without enlarged photographs, the first 20,000 with factors
       of 2, 3 and 4 in 0.45, 0.3 and 0.25 of the steps with whole factors: 83 minutes
    2. 26,000 steps from a learning rate of 4e-3: about 60 minutes; +1.75, +1.48, +1.29 dB, and
       +1.26, +1.61, +1.59 dB on the photographs enlarged by 1.25
    3. 22,000 steps from the same, 0.8 of them with whole factors, 2, 3 and 4 in 0.85, 0.1 and 0.05
       of these: 34 minutes; +1.79, +1.50, +1.31 dB, and +1.36, +1.66, +1.63 dB

A fourth run like the third did not help, nor did means of the networks of the last runs. After ten
minutes, a network with 40 channels and six layers had a higher cost than one with 32 and five.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log2
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from imgnet.codec.priors.loader import COLOURS
from imgnet.codec.render.zoom_network import FOLDER
from imgnet.fit.soap import SOAP, lr_factor
from imgnet.image.files import Pixels, read_image
from imgnet.metrics.psnr import psnr_db
from imgnet.research.pictures import load_photos
from imgnet.research.runs import Intervals, common_options, scale_lr, train
from imgnet.research.zoom_model import DIM, DIM_HIDDEN, ZoomModel, enlarged, export
from imgnet.research.zoom_pairs import (
    SIZES,
    WHOLE_SCALES,
    Pyramid,
    area_means,
    pyramid,
    random_pairs,
    random_scale,
)

EDGE = 3  # small pixels at the edge of a patch whose error is ignored: they lack neighbours
WARM_UP = 50
VECTOR_LR = 0.3  # of the learning rate of matrices
LARGEST_GRADIENT = 3.0
UNIT = 1e-3  # of the reported squared error
INTERVALS = Intervals(report=500, save=2000)
VALIDATED = 1.0, 0.64  # sizes of a pyramid to validate on
VALIDATED_SIDE = 384  # of the crop in the middle; a multiple of all whole scales


@dataclass(frozen=True)
class Recipe:
    """Options of a run.

    Attributes:
        steps: Number of steps.
        patches: Number of patches of a step.
        side: Rows and columns of a smaller patch.
        lr: Peak learning rate of matrices.
        seed: Seed of all random numbers.
    """

    steps: int = 31000
    patches: int = 5
    side: int = 48
    lr: float = 1e-2
    seed: int = 1


class Training:
    """State of a run.

    Args:
        photos: Training photographs.
        recipe: Options of the run.
        prior: Zoom prior to start from; "" for random weights.
        **sizes: Units of layers that differ from the usual ones.
    """

    def __init__(
        self, photos: Sequence[Pyramid], recipe: Recipe, prior: str = "", **sizes: int
    ) -> None:
        self.photos, self.recipe = photos, recipe
        torch.manual_seed(recipe.seed)
        self.model = ZoomModel(**sizes)
        if prior:
            self.model.copy_prior(prior)
        self.soap = SOAP(self.model.groups(recipe.lr, VECTOR_LR * recipe.lr), lr=recipe.lr)
        self.step = 0

    def take_step(self) -> float:
        """Train on a few patches; return their mean squared error over the scale."""
        error = self.error(np.random.default_rng([self.recipe.seed, self.step]))
        self.soap.zero_grad()
        error.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), LARGEST_GRADIENT)
        done = self.step / self.recipe.steps
        scale_lr(self.soap.param_groups, lr_factor(self.step, WARM_UP, done))
        self.soap.step()
        self.step += 1
        return error.item()

    def error(self, rng: np.random.Generator) -> Tensor:
        """Return the mean squared error over the scale of a few random patches."""
        side = self.recipe.side
        large = round(side * random_scale(rng))
        scale = large / side
        pairs = random_pairs(self.photos, self.recipe.patches, side, large, rng)
        smaller, patches = map(_pictures, pairs)
        x_hat = enlarged(smaller, self.model(smaller, log2(scale)), large)
        inner = slice(round(EDGE * scale), -round(EDGE * scale))
        return (x_hat - patches)[..., inner, inner].square().mean() / (UNIT * scale)

    def state(self) -> dict[str, Any]:
        """Return all that a later run needs."""
        model, soap = self.model.state_dict(), self.soap.state_dict()
        return {"step": self.step, "model": model, "soap": soap}

    def load(self, state: dict[str, Any]) -> None:
        """Go on from the state of an earlier run."""
        self.step = state["step"]
        self.model.load_state_dict(state["model"])
        self.soap.load_state_dict(state["soap"])


def _pictures(pixels: Pixels) -> Tensor:
    """Return pixels (N, H, W, C) as (N, C, H, W) in 0..1."""
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255


@torch.no_grad()
def gains(model: ZoomModel, photos: Sequence[Pyramid]) -> str:
    """Return the gains in PSNR over Lanczos-3 on photographs, at each whole scale, as text."""
    sizes = [list(SIZES).index(size) for size in VALIDATED]
    middles = [_middle(photo[size]) for photo in photos for size in sizes]
    means = {s: np.mean([_gain(model, middle, s) for middle in middles]) for s in WHOLE_SCALES}
    return ", ".join(f"x{scale} {gain:+.2f} dB" for scale, gain in means.items())


def _middle(picture: Pixels) -> Pixels:
    top, left = ((length - VALIDATED_SIDE) // 2 for length in picture.shape[:2])
    return picture[top : top + VALIDATED_SIDE, left : left + VALIDATED_SIDE]


def _gain(model: ZoomModel, picture: Pixels, scale: int) -> float:
    side = len(picture)
    smaller = np.rint(area_means(picture, (side // scale, side // scale))).astype(np.uint8)
    given = _pictures(smaller[None])
    x_hat = enlarged(given, model(given, log2(scale)), side)[0].permute(1, 2, 0).numpy()
    levels = np.rint(x_hat * 255).clip(0, 255).astype(np.uint8)
    classical = Image.fromarray(smaller).resize((side, side), Image.Resampling.LANCZOS)
    return psnr_db(picture, levels) - psnr_db(picture, np.asarray(classical))


def _load(path: Path) -> Pyramid:
    return pyramid(read_image(path)[0][..., :COLOURS])


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    usual = Recipe()
    parser = common_options(__doc__, "imgnet.research.train_zoom", usual.seed)
    parser.add_argument("--steps", type=int, default=usual.steps)
    parser.add_argument("--lr", type=float, default=usual.lr)
    parser.add_argument("--start", metavar="PRIOR", default="", help="prior to go on from")
    parser.add_argument("--dim", type=int, default=DIM, help="channels of the first layers")
    parser.add_argument("--dim-hidden", type=int, default=DIM_HIDDEN, help="units of the last one")
    parser.add_argument("--export", metavar="NAME", help="write the result into the package")
    options = parser.parse_args(arguments)
    photos, validation = load_photos(options.images, options.validation, _load)
    recipe = Recipe(options.steps, lr=options.lr, seed=options.seed)
    sizes = {"dim": options.dim, "dim_hidden": options.dim_hidden}
    training = Training(photos, recipe, options.start, **sizes)

    def report() -> None:
        print(gains(training.model, validation), flush=True)

    train(training, recipe.steps, options.checkpoint, INTERVALS, on_save=report)
    if options.export:
        print(export(training.model, options.export, FOLDER))


if __name__ == "__main__":
    main()

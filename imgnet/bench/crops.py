"""Cost of fits from random weights on small crops, beside that of Cool-chic 5.0.1.

    python -m imgnet.bench.crops kodim13.png kodim04.png [--epochs 1750] [--dim-coarse 6]

A fit of the middle 256x192 pixels takes about a minute, so that an idea for the codec is soon
tried. The cost is 1000 times the mean squared error plus lmbda times the bits a pixel of the
latents, which are rounded; weights are real and their bytes are not counted. On so few pixels these
would weigh eight times as much as in a picture of 768x512, and fits from a prior would be held too
close to it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import log10
from pathlib import Path
from typing import Any, Final

from imgnet.codec.format.usual_sizes import usual_grid_sizes
from imgnet.image.files import read_image
from imgnet.image.picture import Samples
from imgnet.request.efforts import Schedule
from imgnet.request.options import Options
from imgnet.spec import Spec

WIDTH, HEIGHT = 256, 192
LMBDA: Final = 0.00528
DIM_HIDDEN, DIM_CONTEXT, DIM_COARSE = 48, 20, 6  # as many units as Cool-chic has
EPOCHS = 1750
# Cool-chic 5.0.1 (HOP) from random weights after 1750 epochs, measured with its own encoder.
ANCHORS = {"kodim04": 0.535, "kodim13": 4.975}


@dataclass(frozen=True)
class Cost:
    """Cost of one fit.

    Attributes:
        error: Mean squared error of colours in 0..1.
        bpp: Bits of the latents a pixel.
        seconds: CPU time of the process during the fit.
    """

    error: float
    bpp: float
    seconds: float

    @property
    def total(self) -> float:
        """Return 1000 * (error + lmbda * bpp).

        >>> round(Cost(0.003, 0.4, 1.0).total, 3)
        5.112
        """
        return 1000 * (self.error + LMBDA * self.bpp)

    def line(self, image: str) -> str:
        """Return the row of a table, with the anchor's cost where it is known.

        >>> Cost(0.003, 0.4, 61.2).line("kodim13")
        'kodim13   25.23 dB   0.4000 bpp   cost 5.112   anchor 4.975   +2.8 %   61 s'
        """
        parts = [image, f"{-10 * log10(self.error):.2f} dB", f"{self.bpp:.4f} bpp"]
        parts.append(f"cost {self.total:.3f}")
        if image in ANCHORS:
            anchor = ANCHORS[image]
            parts += [f"anchor {anchor:.3f}", f"{100 * (self.total / anchor - 1):+.1f} %"]
        return "   ".join([*parts, f"{self.seconds:.0f} s"])


def middle(pixels: Samples, width: int = WIDTH, height: int = HEIGHT) -> Samples:
    """Return the middle of an image, of at most width x height pixels.

    >>> import numpy as np
    >>> middle(np.zeros((512, 768, 3), np.uint8)).shape
    (192, 256, 3)
    """
    top, left = max(0, len(pixels) - height) // 2, max(0, pixels.shape[1] - width) // 2
    return pixels[top : top + height, left : left + width].copy()


def cost_of(pixels: Samples, epochs: int, dim_coarse: int, seed: int = 0) -> Cost:
    """Fit `grid` to an image from random weights, each step on all pixels; return its cost.

    Args:
        pixels: (H, W, C) colours.
        epochs: Optimiser steps.
        dim_coarse: Coarse features of the context model.
        seed: Seed of the fit.
    """
    from imgnet.fit.grid.fit import ready

    height, width, channels = pixels.shape
    sizes: dict[str, Any] = usual_grid_sizes(width, height)
    usual = Spec("grid", width, height, 0, dim_out=channels, **sizes)
    spec = replace(usual, dim_hidden=DIM_HIDDEN, dim_context=DIM_CONTEXT, dim_coarse=dim_coarse)
    schedule = Schedule(epochs, width * height, quantized=0.1)
    began = time.process_time()
    with ready(spec, pixels, Options(schedule, seed=seed), LMBDA, None) as fit:
        error, bpp = fit.settled()
    return Cost(error, bpp, time.process_time() - began)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the cost of a fit for each image."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m imgnet.bench.crops")
    parser.add_argument("images", type=Path, nargs="+")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--dim-coarse", type=int, default=DIM_COARSE)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    for path in given.images:
        pixels = middle(read_image(path)[0])
        cost = cost_of(pixels, given.epochs, given.dim_coarse, given.seed)
        print(cost.line(path.stem), flush=True)


if __name__ == "__main__":
    main()

"""Measurement of the PSNR of enlarged pictures against larger originals.

    python -m imgnet.research.measure_zoom IMAGE... [--scales 2,3,4] [--uncoded] [--out FILE]

Each original is reduced by a whole factor, to the means of squares of pixels, and enlarged to its
former size: directly by Lanczos-3 and by the zoom prior, and from its file by `resample` in both
ways.
Rows and columns of the original beyond a multiple of the factor are left out.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from imgnet.api import encode, resample, save
from imgnet.codec.render.cosine import Axis
from imgnet.codec.render.resize import LANCZOS, NEURAL
from imgnet.codec.render.zoom import zoomed
from imgnet.image.files import Pixels, read_image
from imgnet.metrics.psnr import psnr_db
from imgnet.research.zoom_pairs import area_means


@dataclass(frozen=True)
class Point:
    """Result of one image at one scale.

    Attributes:
        image: File name.
        scale: Factor on both sides.
        classical_db: PSNR of Lanczos-3 of the smaller original.
        prior_db: PSNR of the zoom prior on the smaller original.
        lattice_levels: Root mean square of the difference between area means of its output and its
            input.
        lanczos_db: PSNR of `resample --zoom lanczos` of the file; None without a file.
        neural_db: PSNR of `resample --zoom neural` of the file; None without a file.
    """

    image: str
    scale: int
    classical_db: float
    prior_db: float
    lattice_levels: float
    lanczos_db: float | None = None
    neural_db: float | None = None


FIGURES = ("classical_db", "prior_db", "lanczos_db", "neural_db")


@dataclass(frozen=True)
class Coding:
    """Options and folder of the files of reduced originals; existing files are reused."""

    quality: int
    effort: int
    folder: Path

    def file(self, pixels: Pixels, name: str) -> Path:
        """Return the file of a picture."""
        file = self.folder / f"{name}-q{self.quality}-e{self.effort}.inr"
        if not file.exists():
            save(encode(pixels, quality=self.quality, effort=self.effort), file)
        return file


def measure(path: Path, scale: int, coding: Coding | None) -> Point:
    """Measure one image at one scale, through files or without."""
    original = _cut(read_image(path)[0], scale)
    height, width, _ = original.shape
    smaller = np.rint(area_means(original, (height // scale, width // scale))).astype(np.uint8)
    classical = Image.fromarray(smaller).resize((width, height), Image.Resampling.LANCZOS)
    x_hat = zoomed(smaller, Axis(0, len(smaller), height), Axis(0, smaller.shape[1], width))
    error = area_means(x_hat, smaller.shape[:2]) - smaller
    point = Point(
        image=path.name,
        scale=scale,
        classical_db=psnr_db(original, np.asarray(classical)),
        prior_db=psnr_db(original, x_hat),
        lattice_levels=float(np.sqrt(np.mean(error**2))),
    )
    if coding is None:
        return point
    file = coding.file(smaller, f"{path.stem}-{scale}")
    lanczos, neural = (
        psnr_db(original, resample(file, scale=scale, zoom=zoom)) for zoom in (LANCZOS, NEURAL)
    )
    return replace(point, lanczos_db=lanczos, neural_db=neural)


def _cut(pixels: Pixels, scale: int) -> Pixels:
    height, width = (length // scale * scale for length in pixels.shape[:2])
    return pixels[:height, :width]


def table(points: Sequence[Point]) -> str:
    """Return the means over the images at each scale, as rows of Markdown.

    >>> print(table([Point("a.png", 2, 30.0, 31.5, 0.2)]))
    | x2 | 30.00 dB | 31.50 dB | 0.20 |
    >>> print(table([Point("a.png", 2, 30.0, 31.5, 0.2, 29.0, 30.25)]))
    | x2 | 30.00 dB | 31.50 dB | 29.00 dB | 30.25 dB | 0.20 |
    """
    rows = []
    for scale in sorted({point.scale for point in points}):
        own = [point for point in points if point.scale == scale]
        figures = [[getattr(point, name) for point in own] for name in FIGURES]
        cells = [f"{np.mean(values):.2f} dB" for values in figures if None not in values]
        worst = max(point.lattice_levels for point in own)
        rows.append(f"| x{scale} | {' | '.join(cells)} | {worst:.2f} |")
    return "\n".join(rows)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    name = "python -m imgnet.research.measure_zoom"
    parser = argparse.ArgumentParser(description=__doc__, prog=name)
    parser.add_argument("images", type=Path, nargs="+", metavar="IMAGE")
    parser.add_argument("--scales", default="2,3,4", metavar="LIST")
    parser.add_argument("--uncoded", action="store_true", help="without files")
    parser.add_argument("-q", "--quality", type=int, default=95)
    parser.add_argument("-e", "--effort", type=int, default=3)
    parser.add_argument("--files", type=Path, default=Path(), help="folder of the .inr files")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    options = parser.parse_args(arguments)
    options.files.mkdir(parents=True, exist_ok=True)
    coding = None if options.uncoded else Coding(options.quality, options.effort, options.files)
    points = []
    for scale in map(int, options.scales.split(",")):
        for path in options.images:
            points.append(measure(path, scale, coding))
            print(points[-1].image, table(points[-1:]), flush=True)
    print(table(points))
    if options.out:
        options.out.write_text(json.dumps([asdict(point) for point in points], indent=1) + "\n")


if __name__ == "__main__":
    main()

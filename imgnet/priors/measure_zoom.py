"""Measure how close enlarged pictures come to originals that are larger.

    python -m imgnet.priors.measure_zoom IMAGE... [--scales 2,3,4] [--files DIR] [--out FILE]

Each original is made smaller by a whole factor, each pixel being the mean of a square, encoded, and
drawn at its first size by the zoom prior and by Lanczos-3. In PSNR these are compared with
Lanczos-3 of the smaller picture itself, which no codec has touched. Rows and columns beyond a
multiple of the factor are left out.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from imgnet.api import encode, resample, save
from imgnet.grid_render import LANCZOS, NEURAL
from imgnet.metrics import psnr_db
from imgnet.pixels import Pixels, read_image
from imgnet.priors.zoom_pairs import area_means


@dataclass(frozen=True)
class Point:
    """What was measured on one image at one scale.

    Attributes:
        image: File name.
        scale: Factor on both sides.
        classical_db: PSNR of Lanczos-3 of the smaller original.
        lanczos_db: PSNR of `resample --zoom lanczos` of its file.
        neural_db: PSNR of `resample --zoom neural` of its file.
        lattice_levels: Root of the mean squared difference between averages of the latter and the
            decoded picture.
    """

    image: str
    scale: int
    classical_db: float
    lanczos_db: float
    neural_db: float
    lattice_levels: float

    @property
    def gain_db(self) -> float:
        """How much closer the zoom prior comes than Lanczos-3 of the smaller original."""
        return self.neural_db - self.classical_db


def measure(path: Path, scale: int, quality: int, effort: int, files: Path) -> Point:
    """Measure one image at one scale; a file that is in `files` already is not made again."""
    original = _cut(read_image(path)[0], scale)
    height, width, _ = original.shape
    means = area_means(original, (height // scale, width // scale))
    smaller = np.rint(means).astype(np.uint8)
    file = files / f"{path.stem}-{scale}-q{quality}-e{effort}.inr"
    if not file.exists():
        save(encode(smaller, quality=quality, effort=effort), file)
    classical = Image.fromarray(smaller).resize((width, height), Image.Resampling.LANCZOS)
    drawn = {zoom: resample(file, scale=scale, zoom=zoom) for zoom in (LANCZOS, NEURAL)}
    error = area_means(drawn[NEURAL], means.shape[:2]) - resample(file, scale=1)
    return Point(
        image=path.name,
        scale=scale,
        classical_db=psnr_db(original, np.asarray(classical)),
        lanczos_db=psnr_db(original, drawn[LANCZOS]),
        neural_db=psnr_db(original, drawn[NEURAL]),
        lattice_levels=float(np.sqrt(np.mean(error**2))),
    )


def _cut(pixels: Pixels, scale: int) -> Pixels:
    height, width = (length // scale * scale for length in pixels.shape[:2])
    return pixels[:height, :width]


def table(points: Sequence[Point]) -> str:
    """Return the means over the images at each scale, as rows of Markdown.

    >>> print(table([Point("a.png", 2, 30.0, 30.1, 31.5, 0.2)]))
    | x2 | 30.00 dB | 30.10 dB | 31.50 dB | +1.50 dB | 0.20 |
    """
    rows = []
    for scale in sorted({point.scale for point in points}):
        own = [point for point in points if point.scale == scale]
        decibels = [
            float(np.mean([getattr(point, name) for point in own]))
            for name in ("classical_db", "lanczos_db", "neural_db")
        ]
        gain = float(np.mean([point.gain_db for point in own]))
        levels = max(point.lattice_levels for point in own)
        cells = [*(f"{db:.2f} dB" for db in decibels), f"{gain:+.2f} dB", f"{levels:.2f}"]
        rows.append(f"| x{scale} | {' | '.join(cells)} |")
    return "\n".join(rows)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    name = "python -m imgnet.priors.measure_zoom"
    parser = argparse.ArgumentParser(description=__doc__, prog=name)
    parser.add_argument("images", type=Path, nargs="+", metavar="IMAGE")
    parser.add_argument("--scales", default="2,3,4", metavar="LIST")
    parser.add_argument("-q", "--quality", type=int, default=95)
    parser.add_argument("-e", "--effort", type=int, default=3)
    parser.add_argument("--files", type=Path, default=Path(), help="folder of the .inr files")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    options = parser.parse_args(arguments)
    options.files.mkdir(parents=True, exist_ok=True)
    points = []
    for scale in map(int, options.scales.split(",")):
        for path in options.images:
            points.append(measure(path, scale, options.quality, options.effort, options.files))
            print(points[-1].image, table(points[-1:]), flush=True)
    print(table(points))
    if options.out:
        options.out.write_text(json.dumps([asdict(point) for point in points], indent=1) + "\n")


if __name__ == "__main__":
    main()

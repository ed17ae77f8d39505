"""Seconds and peak memory of encode and decode over the size of the picture.

    python -m imgnet.bench.sizes samples/*.png [--megapixels 0.01,0.1,1] [--effort 1]

Each picture is a mosaic of the given photographs at their own scale, and each figure is that of a
whole process. A first encode, which may compile kernels, is not measured.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path

import numpy as np
from PIL import Image

from imgnet.bench.crops import middle
from imgnet.bench.processes import CommandUsage, measure_command
from imgnet.image.picture import Samples

MEGAPIXELS = 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 6.0, 12.0
ASPECT = 3 / 4  # height of a picture over its width
HEADS = "MP", "pixels", "file", "encode", "memory", "decode", "memory"


@dataclass(frozen=True)
class Row:
    """What is measured at one size.

    Attributes:
        width: Of the picture, in pixels.
        height: Of the picture, in pixels.
        num_bytes: Size of its file.
        encode: Usage of the process that encodes it.
        decode: Usage of the process that decodes it.
    """

    width: int
    height: int
    num_bytes: int
    encode: CommandUsage
    decode: CommandUsage

    def line(self) -> str:
        """Return the row of a table in Markdown.

        >>> usage = CommandUsage("", 2.345, 310.2)
        >>> Row(1155, 866, 64_321, usage, usage).line()
        '| 1.00 | 1155x866 | 64,321 bytes | 2.35 s | 310 MB | 2.35 s | 310 MB |'
        """
        usages = [cell for usage in (self.encode, self.decode) for cell in _cells(usage)]
        megapixels = f"{self.width * self.height / 1e6:.2f}"
        size, num_bytes = f"{self.width}x{self.height}", f"{self.num_bytes:,} bytes"
        return f"| {' | '.join([megapixels, size, num_bytes, *usages])} |"


def _cells(usage: CommandUsage) -> tuple[str, str]:
    memory = "?" if usage.peak_megabytes is None else f"{usage.peak_megabytes:.0f} MB"
    return f"{usage.seconds:.2f} s", memory


def mosaic(photos: Sequence[Samples], width: int, height: int) -> Samples:
    """Tile a picture with the middles of photographs, each as large as the smallest allows.

    Args:
        photos: (H, W, C) pixels of each.
        width: Of the picture.
        height: Of the picture.

    >>> black, white = np.zeros((20, 30, 3), np.uint8), np.full((30, 20, 3), 255, np.uint8)
    >>> mosaic([black, white], 50, 40)[0, ::20, 0].tolist()
    [0, 255, 0]
    """
    tall, wide = (min(photo.shape[axis] for photo in photos) for axis in (0, 1))
    tiles = [middle(photo, wide, tall) for photo in photos]
    rows, columns = range(-(-height // tall)), range(-(-width // wide))
    whole = [np.hstack([tiles[(row + column) % len(tiles)] for column in columns]) for row in rows]
    return middle(np.vstack(whole), width, height)


def sides(megapixels: float) -> tuple[int, int]:
    """Return width and height of a picture of so many pixels.

    >>> sides(12), sides(0.01)
    ((4000, 3000), (115, 87))
    """
    height = max(1, round(sqrt(1e6 * megapixels * ASPECT)))
    return max(1, round(1e6 * megapixels / height)), height


def measure(
    photos: Sequence[Samples], megapixels: Sequence[float], effort: int, repeats: int = 1
) -> Iterator[Row]:
    """Yield the usage at each size.

    Args:
        photos: (H, W, C) pixels of each.
        megapixels: Sizes of the pictures.
        effort: Of the fits.
        repeats: Runs of each command; their median counts, and their largest memory.

    Raises:
        CalledProcessError: A command fails.
    """
    with tempfile.TemporaryDirectory() as name:
        image, encoded = Path(name, "mosaic.png"), Path(name, "mosaic.inr")
        encode = ["encode", str(image), "-o", str(encoded), "--effort", str(effort), "--quiet"]
        decode = ["decode", str(encoded), "-o", str(Path(name, "decoded.ppm"))]
        for index, number in enumerate(megapixels):
            width, height = sides(number)
            Image.fromarray(mosaic(photos, width, height)).save(image, compress_level=1)
            if index == 0:
                measure_command(encode, repeats=1)
            usage = measure_command(encode, repeats)
            num_bytes = encoded.stat().st_size
            yield Row(width, height, num_bytes, usage, measure_command(decode, repeats))


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").partition("\n")[0], prog="python -m imgnet.bench.sizes"
    )
    parser.add_argument("photos", nargs="+", type=Path)
    parser.add_argument("--megapixels", default=MEGAPIXELS, type=_numbers)
    parser.add_argument("--effort", default=1, type=int)
    parser.add_argument("--repeats", default=1, type=int)
    given = parser.parse_args(arguments)
    photos = [np.asarray(Image.open(path).convert("RGB")) for path in given.photos]
    print(f"| {' | '.join(HEADS)} |\n{'|---' * len(HEADS)}|")
    for row in measure(photos, given.megapixels, given.effort, given.repeats):
        print(row.line(), flush=True)


def _numbers(text: str) -> list[float]:
    return [float(number) for number in text.split(",")]


if __name__ == "__main__":
    main()

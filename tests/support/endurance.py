"""Memory, descriptors and threads of a process that encodes and decodes for long.

`python tests/support/endurance.py ENCODES DECODES` prints a line of JSON. It needs `/proc`.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from itertools import cycle, islice
from pathlib import Path
from time import monotonic
from typing import NamedTuple

import numpy as np
from PIL import Image

import imgnet

GOLDEN = Path(__file__).parents[1] / "golden"
WARM_UP = 1 / 3  # of the encodes


class Usage(NamedTuple):
    """What the process holds."""

    megabytes: float
    descriptors: int
    threads: int


def usage() -> Usage:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    megabytes = pages * resource.getpagesize() / 1e6
    return Usage(megabytes, len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task")))


def decodes(folder: Path) -> Iterator[None]:
    """Decode the golden files for ever: whole, in part, damaged, and as Pillow opens them."""
    for path in cycle(sorted(GOLDEN.glob("*.inr"))):
        data = path.read_bytes()
        broken = folder / "broken.inr"
        broken.write_bytes(data[: len(data) * 7 // 8])
        for options in ({}, {"size": "50%"}, {"size": "200%"}, {"crop": imgnet.Crop(3, 0, 20, 1)}):
            imgnet.decode(path, **options)
            yield
        for partial in (False, True):
            with suppress(imgnet.FormatError):
                imgnet.decode(broken, partial=partial)
            yield
        with Image.open(path) as image:
            image.load()
        yield


def encode(index: int, folder: Path) -> None:
    """Encode a picture of 24x16 pixels or so to a file."""
    rng = np.random.default_rng(index)
    pixels = rng.integers(0, 256, (16 + index % 3, 24, 3 + index % 2), np.uint8)
    Image.fromarray(pixels).save(folder / "photo.png")
    imgnet.save(imgnet.encode(folder / "photo.png", effort=1), folder / "photo.inr")


def endure(num_encodes: int, num_decodes: int, folder: Path) -> list[Usage]:
    """Encode and decode in turn; return what the process holds after each encode."""
    rest, usages = decodes(folder), []
    for index in range(num_encodes):
        encode(index, folder)
        count = num_decodes * (index + 1) // num_encodes - num_decodes * index // num_encodes
        for _ in islice(rest, count):
            pass
        usages.append(usage())
    return usages


def main() -> None:
    num_encodes, num_decodes = map(int, sys.argv[1:])
    began = monotonic()
    with tempfile.TemporaryDirectory() as folder:
        usages = endure(num_encodes, num_decodes, Path(folder))
    warm = round(len(usages) * WARM_UP)
    print(
        json.dumps(
            {
                "encodes": num_encodes,
                "decodes": num_decodes,
                "seconds": round(monotonic() - began),
                "warm": Usage(*map(max, zip(*usages[:warm], strict=True)))._asdict(),
                "later": Usage(*map(max, zip(*usages[warm:], strict=True)))._asdict(),
                "megabytes": [round(of.megabytes, 1) for of in usages],
            }
        )
    )


if __name__ == "__main__":
    main()

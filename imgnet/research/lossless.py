"""Measurement of pictures for which a lossless file is smaller: text, icons, line art, ramps.

    python -m imgnet.research.lossless [IMAGE...] [-q 75] [-e 3]

The pictures are drawn here; images are measured beside them. Each row of the printed table has the
bytes of PNG (with a palette where that is smaller), of lossless WebP and of a file of imgnet, and
the PSNR of the latter.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from imgnet.api import encode
from imgnet.batch.advice import smallest_png
from imgnet.codec.format.container import Encoded, to_bytes
from imgnet.image.files import Pixels, read_image
from imgnet.image.formats import to_image
from imgnet.image.picture import NO_METADATA

HEADER = "| picture | pixels | PNG | lossless WebP | `.inr` | PSNR |\n|---|---|---|---|---|---|"
SENTENCE = "A ramp, an icon and the text of a page hold few colours and many sharp edges. "
INK, PAPER, BLUE, GREY = (20, 20, 20), (255, 255, 255), (40, 90, 200), (225, 228, 232)
SMOOTHING = 4  # pixels of a drawing on a side of one of the picture


def text() -> Image.Image:
    """Return lines of dark letters on white."""
    image = Image.new("RGB", (320, 240), PAPER)
    _write(image, 12, (8, 6), SENTENCE, 15)
    return image


def icon() -> Image.Image:
    """Return a disc with a bar on it, transparent around, its edges smoothed."""
    side = 64 * SMOOTHING
    image = Image.new("RGBA", (side, side), (*BLUE, 0))
    draw = ImageDraw.Draw(image)
    draw.ellipse((16, 16, side - 16, side - 16), BLUE)
    draw.rounded_rectangle((56, side // 2 - 16, side - 56, side // 2 + 16), 16, PAPER)
    return image.reduce(SMOOTHING)


def line_art() -> Image.Image:
    """Return thin black curves on white, without smoothing."""
    image = Image.new("L", (320, 240), 255)
    x = np.arange(320)
    for number in range(12):
        y = 120 + 9 * number * np.sin(x / (18 + 3 * number))
        ImageDraw.Draw(image).line(list(zip(x.tolist(), y.tolist(), strict=True)), 0)
    return image


def screenshot() -> Image.Image:
    """Return a window with a title, a list of folders, a page of text and two buttons."""
    image = Image.new("RGB", (480, 320), PAPER)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 480, 26), BLUE)
    draw.rectangle((0, 27, 110, 320), GREY)
    _write(image, 14, (10, 4), "Pictures", 1, PAPER)
    _write(image, 12, (12, 40), "folder", 12)
    _write(image, 12, (124, 40), SENTENCE, 12)
    for left in (300, 390):
        draw.rounded_rectangle((left, 284, left + 80, 310), 5, GREY, INK)
        _write(image, 12, (left + 22, 289), "Open", 1)
    return image


def ramp() -> Image.Image:
    """Return greys that rise from left to right."""
    return Image.fromarray(np.tile(np.linspace(0, 255, 320).astype(np.uint8), (240, 1)))


PICTURES: dict[str, Callable[[], Image.Image]] = {
    "text": text,
    "icon": icon,
    "line art": line_art,
    "screenshot": screenshot,
    "ramp": ramp,
}


def row(name: str, pixels: Pixels, encoded: Encoded) -> str:
    """Return the row of the table on one picture."""
    to_image(pixels).save(webp := BytesIO(), "WEBP", lossless=True, quality=100, method=4)
    files = (smallest_png(pixels, NO_METADATA), webp.getvalue(), to_bytes(encoded))
    bytes_of_each = " | ".join(f"{len(file):,}" for file in files)
    assert encoded.report is not None  # every fit reports
    return (
        f"| {name} | {pixels.shape[1]}x{pixels.shape[0]} | {bytes_of_each} "
        f"| {encoded.report.psnr_db:.2f} dB |"
    )


def main(arguments: Sequence[str] | None = None, encode: Callable[..., Encoded] = encode) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m imgnet.research.lossless")
    parser.add_argument("images", type=Path, nargs="*", metavar="IMAGE")
    parser.add_argument("-q", "--quality", type=int, default=75)
    parser.add_argument("-e", "--effort", type=int, default=3)
    options = parser.parse_args(arguments)
    drawn = {name: partial(read_image, picture()) for name, picture in PICTURES.items()}
    print(HEADER)
    for name, read in (drawn | {i.name: partial(read_image, i) for i in options.images}).items():
        pixels, _ = read()
        encoded = encode(pixels, quality=options.quality, effort=options.effort)
        print(row(name, pixels, encoded), flush=True)


def _write(
    image: Image.Image,
    size: int,
    place: tuple[int, int],
    words: str,
    count: int,
    ink: tuple[int, int, int] = INK,
) -> None:
    """Write lines that each start a word later."""
    font, draw, parts = ImageFont.load_default(size), ImageDraw.Draw(image), words.split()
    for number in range(count):
        start = number % len(parts)
        line = " ".join(parts[start:] + parts[:start])[:52]
        draw.text((place[0], place[1] + number * (size + 3)), line, ink, font)


if __name__ == "__main__":
    main()

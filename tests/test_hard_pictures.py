"""Pictures that are nothing like photographs: against AVIF at equal bytes, or at least no fault."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

import imgnet
from imgnet.codec.format.container import to_bytes
from imgnet.metrics.psnr import psnr_db
from support.paths import SAMPLES

Pixels = NDArray[np.uint8]

SIDE = 96
EXACT_DB = 100.0  # stands for the PSNR of equal pictures
pytestmark = pytest.mark.slow


def white() -> Pixels:
    return np.full((SIDE, SIDE, 3), 255, np.uint8)


def black() -> Pixels:
    return np.zeros((SIDE, SIDE, 3), np.uint8)


def bright() -> Pixels:
    """A photograph in fog: its mean is above 240."""
    photo = np.asarray(Image.open(SAMPLES / "coffee.png").convert("RGB"))
    photo = photo[80:160, 200:280]
    pixels = (255 - (255 - photo.astype(np.int32)) // 9).astype(np.uint8)
    assert pixels.mean() > 240
    return pixels


def noise() -> Pixels:
    return np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)


def drawing() -> Pixels:
    """Shapes and words in sixteen colours."""
    rng = np.random.default_rng(1)
    picture = Image.new("RGB", (SIDE, SIDE), "ivory")
    draw = ImageDraw.Draw(picture)
    draw.fontmode = "1"  # no colours between those that are drawn
    for number, colour in enumerate(rng.integers(0, 256, (15, 3)).tolist()):
        left, top = rng.integers(0, SIDE - 40, 2).tolist()
        shape = draw.ellipse if number % 2 else draw.rectangle
        shape((left, top, left + 36, top + 24), fill=tuple(colour))
        draw.text((top, left), f"imgnet {number}", fill=tuple(colour))
    pixels = np.array(picture)
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) == 16
    return pixels


def checkerboard() -> Pixels:
    squares = np.indices((SIDE, SIDE)).sum(0) % 2 * 255
    return np.repeat(squares[..., None], 3, axis=2).astype(np.uint8)


def encoded_with(pixels: Pixels, quality: int, effort: int) -> tuple[int, float]:
    """Return bytes and PSNR of a file, as it is read again."""
    encoded = imgnet.encode(Image.fromarray(pixels), effort=effort, quality=quality)
    data = to_bytes(encoded)
    drawn = imgnet.decode(data)
    return len(data), min(psnr_db(pixels, drawn), EXACT_DB)


def avif_points(pixels: Pixels) -> list[tuple[int, float]]:
    points = []
    for subsampling, speed in (("4:2:0", 4), ("4:4:4", 2)):
        for quality in [*range(0, 100, 12), 100]:
            file = BytesIO()
            settings = {"quality": quality, "speed": speed, "subsampling": subsampling}
            Image.fromarray(pixels).save(file, "avif", **settings)
            drawn = np.asarray(Image.open(file).convert("RGB"))
            points.append((file.tell(), min(psnr_db(pixels, drawn), EXACT_DB)))
    return points


@pytest.mark.parametrize("picture", [white, black])
def test_flat_pictures_are_nearly_exact_in_fewer_bytes_than_avif_has(
    picture: Callable[[], Pixels],
) -> None:
    pixels = picture()
    num_bytes, given_db = encoded_with(pixels, 50, effort=1)
    assert given_db > 60
    assert num_bytes < min(size for size, _ in avif_points(pixels))


@pytest.mark.parametrize("quality", [70, 80])
def test_a_bright_picture_is_as_good_as_with_avif(quality: float) -> None:
    pixels = bright()
    num_bytes, given_db = encoded_with(pixels, quality, effort=2)
    points = avif_points(pixels)
    enough = max(num_bytes, min(points)[0])  # where no file of AVIF is as small, its smallest
    assert given_db >= max(db for size, db in points if size <= enough) - 0.5


@pytest.mark.parametrize("quality", [0, 100])
@pytest.mark.parametrize("picture", [noise, drawing, checkerboard])
def test_pictures_of_noise_and_edges_come_back(picture: Callable[[], Pixels], quality: int) -> None:
    pixels = picture()
    _, given_db = encoded_with(pixels, quality, effort=1)
    flat = np.broadcast_to(pixels.mean((0, 1)).round().astype(np.uint8), pixels.shape)
    assert given_db > psnr_db(pixels, flat) - 0.1


def test_a_ramp_has_no_bands() -> None:
    """Its levels rise by 2 from column to column."""
    ramp = np.broadcast_to(2 * np.arange(120, dtype=np.uint8)[None, :, None], (80, 120, 3))
    drawn = imgnet.decode(imgnet.encode(ramp, effort=1, quality=75))
    assert psnr_db(ramp, drawn) > 49.3
    assert (np.abs(np.diff(drawn.astype(int), axis=1)) > 3).mean() < 0.008

"""Pairs to train the zoom prior with: a piece of a photograph, and what it looks like smaller.

Photographs of a camera are less sharp, pixel by pixel, than those that were made smaller since, so
that pieces come from a photograph as it is, made smaller and made larger. A smaller piece mostly
has the means of areas, and now and then what another filter gives. Most have gone through a codec
of high quality or have some noise, as decoded pictures do, but are still to become the large piece
as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imgnet.arrays import Float32Array
from imgnet.codec.render.cosine import Axis
from imgnet.image.files import Pixels

# Of the photograph, and how often they are taken.
SIZES = {1.0: 0.25, 1.5: 0.15, 1.25: 0.2, 0.8: 0.15, 0.64: 0.15, 0.5: 0.1}
AREA_MEANS = 0.85  # how often they are what makes a piece smaller
UNTOUCHED, NOISY, JPEG = 0.4, 0.1, 0.1  # how often pieces are that; the rest are AVIF
WHOLE_SCALES = {2: 0.65, 3: 0.2, 4: 0.15}
WHOLE = 0.65  # how often a scale is one of them; else it lies anywhere in 1..4

Pyramid = list[Pixels]  # a photograph in all `SIZES`

_FILTERS = [getattr(Image.Resampling, n) for n in ("BICUBIC", "LANCZOS", "HAMMING", "BILINEAR")]


def pyramid(pixels: Pixels) -> Pyramid:
    """Return a photograph (H, W, 3) in all sizes that pieces are taken from.

    >>> [picture.shape for picture in pyramid(np.zeros((50, 100, 3), np.uint8))][:2]
    [(50, 100, 3), (75, 150, 3)]
    """
    image = Image.fromarray(pixels)
    sizes = [(round(image.width * factor), round(image.height * factor)) for factor in SIZES]
    return [np.asarray(image.resize(size, Image.Resampling.LANCZOS)) for size in sizes]


def random_scale(rng: np.random.Generator) -> float:
    """Draw how many times as large, a side, a piece is to become.

    >>> 1 <= random_scale(np.random.default_rng(0)) <= 4
    True
    """
    if rng.random() < WHOLE:
        return float(rng.choice(list(WHOLE_SCALES), p=list(WHOLE_SCALES.values())))
    return float(rng.uniform(1, 4))


def random_pairs(
    photos: Sequence[Pyramid], count: int, small: int, large: int, rng: np.random.Generator
) -> tuple[Pixels, Pixels]:
    """Draw pieces of photographs.

    Args:
        photos: To take them from, each at least `large` pixels a side in its full size.
        count: Of pieces.
        small: Side of a smaller piece.
        large: Side of a piece.
        rng: Random numbers.

    Returns:
        (count, small, small, 3) smaller pieces and (count, large, large, 3) pieces.

    >>> photos = [pyramid(np.zeros((50, 100, 3), np.uint8))]
    >>> [a.shape for a in random_pairs(photos, 2, 10, 25, np.random.default_rng(0))]
    [(2, 10, 10, 3), (2, 25, 25, 3)]
    """
    pieces = [_random_piece(photos, large, rng) for _ in range(count)]
    smaller = [_degraded(_smaller(piece, small, rng), rng) for piece in pieces]
    return np.stack(smaller), np.stack(pieces)


def _random_piece(photos: Sequence[Pyramid], side: int, rng: np.random.Generator) -> Pixels:
    photo = photos[int(rng.integers(len(photos)))]
    picture = photo[rng.choice(len(SIZES), p=list(SIZES.values()))]
    if min(picture.shape[:2]) < side:
        picture = photo[0]
    top, left = (int(rng.integers(length - side + 1)) for length in picture.shape[:2])
    piece = picture[top : top + side, left : left + side]
    piece = piece[:: rng.choice([-1, 1]), :: rng.choice([-1, 1])]
    return np.ascontiguousarray(piece.swapaxes(0, 1) if rng.random() < 0.5 else piece)


def _smaller(piece: Pixels, side: int, rng: np.random.Generator) -> Float32Array:
    if rng.random() >= AREA_MEANS:
        smaller = Image.fromarray(piece).resize((side, side), _FILTERS[rng.integers(4)])
        return np.asarray(smaller, np.float32)
    return area_means(piece, (side, side))


def area_means(pixels: NDArray[np.generic], size: tuple[int, int]) -> Float32Array:
    """Return the means of the areas of a picture that the pixels of a smaller one stand for.

    Args:
        pixels: (height, width, channels).
        size: (height, width) of the smaller one.

    Returns:
        (height, width, channels) float32.

    >>> area_means(np.array([[[0.0], [3.0], [6.0]]]), (1, 2)).ravel().tolist()
    [1.0, 5.0]
    """
    means = pixels.astype(np.float32)
    for _ in range(2):  # rows, then columns
        cells = Axis(0, size[0], len(means)).over(range(size[0]))
        means, size = cells.averages(means).swapaxes(0, 1), size[::-1]
    return means


def _degraded(levels: Float32Array, rng: np.random.Generator) -> Pixels:
    """Round levels (H, W, 3), of which most get the faults of a decoded picture."""
    kind = rng.random()
    is_noisy = UNTOUCHED <= kind < UNTOUCHED + NOISY
    noise = rng.normal(0, rng.uniform(0.5, 2), levels.shape) if is_noisy else 0
    pixels: Pixels = np.rint(levels + noise).clip(0, 255).astype(np.uint8)
    if kind < UNTOUCHED + NOISY:
        return pixels
    file = BytesIO()
    if kind < UNTOUCHED + NOISY + JPEG:
        quality = int(rng.integers(85, 98))
        Image.fromarray(pixels).save(file, "JPEG", quality=quality, subsampling=0)
    else:
        quality = int(rng.integers(75, 97))
        Image.fromarray(pixels).save(file, "AVIF", quality=quality, speed=9, subsampling="4:4:4")
    return np.asarray(Image.open(file).convert("RGB"))

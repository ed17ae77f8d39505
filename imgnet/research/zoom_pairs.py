"""Training pairs of the zoom prior: a patch of a photograph and a smaller version of it.

Photographs from a camera are less sharp, pixel by pixel, than photographs that were reduced. So
patches are taken from photographs at several sizes, smaller and larger than the original. Most
smaller versions are area means, some the output of another filter. Like decoded pictures, most have
gone through a codec of high quality or have some noise; the target is the clean patch.
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

# Factors of the size of a photograph, and their probabilities.
SIZES = {1.0: 0.25, 1.5: 0.15, 1.25: 0.2, 0.8: 0.15, 0.64: 0.15, 0.5: 0.1}
AREA_MEANS = 0.85  # probability of area means as the filter
UNTOUCHED, NOISY, JPEG = 0.4, 0.1, 0.1  # probabilities of degradations; the rest are AVIF
WHOLE_SCALES = {2: 0.65, 3: 0.2, 4: 0.15}
WHOLE = 0.65  # probability of a whole scale; other scales are uniform in 1..4

Pyramid = list[Pixels]  # a photograph in all `SIZES`

_FILTERS = [getattr(Image.Resampling, n) for n in ("BICUBIC", "LANCZOS", "HAMMING", "BILINEAR")]


def pyramid(pixels: Pixels) -> Pyramid:
    """Return a photograph (H, W, 3) in all sizes that patches are taken from.

    >>> [picture.shape for picture in pyramid(np.zeros((50, 100, 3), np.uint8))][:2]
    [(50, 100, 3), (75, 150, 3)]
    """
    image = Image.fromarray(pixels)
    sizes = [(round(image.width * factor), round(image.height * factor)) for factor in SIZES]
    return [np.asarray(image.resize(size, Image.Resampling.LANCZOS)) for size in sizes]


def random_scale(rng: np.random.Generator) -> float:
    """Return a random factor, 1..4, between the sides of the two patches of a pair.

    >>> 1 <= random_scale(np.random.default_rng(0)) <= 4
    True
    """
    if rng.random() < WHOLE:
        return float(rng.choice(list(WHOLE_SCALES), p=list(WHOLE_SCALES.values())))
    return float(rng.uniform(1, 4))


def random_pairs(
    photos: Sequence[Pyramid], count: int, small: int, large: int, rng: np.random.Generator
) -> tuple[Pixels, Pixels]:
    """Return random pairs of patches.

    Args:
        photos: Photographs, each at least `large` pixels a side in its full size.
        count: Number of pairs.
        small: Side of a smaller patch.
        large: Side of a patch.
        rng: Random numbers.

    Returns:
        (count, small, small, 3) smaller patches and (count, large, large, 3) patches.

    >>> photos = [pyramid(np.zeros((50, 100, 3), np.uint8))]
    >>> [a.shape for a in random_pairs(photos, 2, 10, 25, np.random.default_rng(0))]
    [(2, 10, 10, 3), (2, 25, 25, 3)]
    """
    patches = [_random_patch(photos, large, rng) for _ in range(count)]
    smaller = [_degraded(_smaller(patch, small, rng), rng) for patch in patches]
    return np.stack(smaller), np.stack(patches)


def _random_patch(photos: Sequence[Pyramid], side: int, rng: np.random.Generator) -> Pixels:
    photo = photos[int(rng.integers(len(photos)))]
    picture = photo[rng.choice(len(SIZES), p=list(SIZES.values()))]
    if min(picture.shape[:2]) < side:
        picture = photo[0]
    top, left = (int(rng.integers(length - side + 1)) for length in picture.shape[:2])
    patch = picture[top : top + side, left : left + side]
    patch = patch[:: rng.choice([-1, 1]), :: rng.choice([-1, 1])]
    return np.ascontiguousarray(patch.swapaxes(0, 1) if rng.random() < 0.5 else patch)


def _smaller(patch: Pixels, side: int, rng: np.random.Generator) -> Float32Array:
    if rng.random() >= AREA_MEANS:
        smaller = Image.fromarray(patch).resize((side, side), _FILTERS[rng.integers(4)])
        return np.asarray(smaller, np.float32)
    return area_means(patch, (side, side))


def area_means(pixels: NDArray[np.generic], size: tuple[int, int]) -> Float32Array:
    """Return a smaller version of a picture, whose pixels are means of areas.

    Args:
        pixels: (height, width, channels).
        size: (height, width) of the smaller version.

    Returns:
        (height, width, channels) float32.

    >>> area_means(np.array([[[0.0], [3.0], [6.0]]]), (1, 2)).ravel().tolist()
    [1.0, 5.0]
    """
    means = pixels.astype(np.float32)
    for _ in range(2):  # rows, then columns
        footprints = Axis(0, size[0], len(means)).over(range(size[0]))
        means, size = footprints.averages(means).swapaxes(0, 1), size[::-1]
    return means


def _degraded(levels: Float32Array, rng: np.random.Generator) -> Pixels:
    """Return levels (H, W, 3), rounded, most of them with the artefacts of a decoded picture."""
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

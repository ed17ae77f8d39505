"""Masks: the pixels and samples of an image that a fit reproduces."""

from __future__ import annotations

import numpy as np

from imgnet.arrays import BoolArray
from imgnet.errors import InputError, UsageError
from imgnet.image.alpha import has_alpha
from imgnet.image.files import Source, read_image
from imgnet.image.formats import to_image
from imgnet.image.picture import Samples, name_of

Mask = Source | BoolArray
WHITE = 128  # least brightness of a white pixel of a mask


def fit_mask(pixels: Samples, mask: Mask | None, keep: float | None, seed: int) -> BoolArray | None:
    """Return the mask of the pixels to fit, from a mask or from a random choice.

    Args:
        pixels: (H, W, C) image.
        mask: Image file, white for the pixels to fit, or (H, W) bool array; None for no mask.
        keep: Fraction of the pixels to choose at random, above 0 and at most 1; None for no choice.
        seed: Seed of the choice.

    Returns:
        (H, W), true for the pixels to fit; None for all pixels.

    Raises:
        UsageError: Both `mask` and `keep` are given, the array is empty or not an (H, W) bool array
            of the image's size, or the fraction is out of range.
        InputError: The mask file cannot be read, has another size, or has no white pixel.

    >>> int(fit_mask(np.zeros((4, 4, 3), np.uint8), None, 0.25, 0).sum())
    4
    """
    height, width, _ = pixels.shape
    if mask is not None and keep is not None:
        raise UsageError("--mask and --keep both choose the pixels to fit; give one of them")
    if isinstance(mask, np.ndarray):
        if mask.shape != (height, width) or mask.dtype != bool or not mask.any():
            raise UsageError(f"a mask is a bool array of shape {(height, width)} that is not empty")
        return np.array(mask, order="C")
    if mask is not None:
        return read_mask(mask, (width, height))
    if keep is None:
        return None
    if not 0 < keep <= 1:
        raise UsageError(f"keep {keep:g} is not a fraction above 0 and at most 1")
    chosen = np.random.default_rng(seed).permutation(height * width)
    kept: BoolArray = chosen < max(1, round(keep * height * width))
    return kept.reshape(height, width)


def read_mask(source: Source, size: tuple[int, int]) -> BoolArray:
    """Read a mask for an image of `size` (width, height).

    Returns:
        (H, W), true where the mask is white: at least half bright and half opaque.

    Raises:
        InputError: The mask cannot be read, has another size, or has no white pixel.

    >>> from PIL import Image
    >>> read_mask(Image.new("L", (2, 1), 255), (2, 1))
    array([[ True,  True]])
    """
    pixels, profile = read_image(source)
    height, width, _ = pixels.shape
    if (width, height) != size:
        wanted = f"{size[0]}x{size[1]}"
        raise InputError(
            f"{name_of(source)}: this mask is {width}x{height}, its image {wanted}; "
            "give a mask of the size of the image"
        )
    white = np.asarray(to_image(pixels).convert("L")) >= WHITE
    if profile.mode.endswith("A"):
        white &= pixels[..., -1] >= WHITE
    if not white.any():
        raise InputError(
            f"{name_of(source)}: this mask has no white pixel; white marks what to fit"
        )
    return white


def sample_mask(pixels: Samples, mask: BoolArray | None) -> BoolArray | None:
    """Return the mask of the samples to fit: colours of fully transparent pixels are left out.

    Args:
        pixels: (H, W, C) image.
        mask: (H, W), true for the pixels to fit; None for all pixels.

    Returns:
        (H, W, C) if the image has fully transparent pixels, else the given mask.

    >>> sample_mask(np.array([[[7, 0], [7, 1]]], np.uint8), None).tolist()
    [[[False, True], [True, True]]]
    """
    if not has_alpha(pixels.shape[2]) or pixels[..., -1].all():
        return mask
    visible = np.repeat(pixels[..., -1:] > 0, pixels.shape[2], axis=2)
    visible[..., -1] = True
    return visible if mask is None else visible & mask[..., None]

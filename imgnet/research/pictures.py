"""Training pictures of priors: loading, random crops, principal colours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.nn import functional

from imgnet.codec.format.usual_sizes import USUAL_GRID_LAYERS
from imgnet.codec.priors.loader import CHROMA_LEVEL, COLOURS, layers_of, networks_of
from imgnet.fit.grid.start import principal_directions
from imgnet.image.files import read_image
from imgnet.spec import Spec

NUM_LEVELS = 7  # of networks that start from random weights
MOST_REDUCTION = 2.0

Photo = TypeVar("Photo")


def training_spec(width: int, height: int, prior: str = "", **layers: int) -> Spec:
    """Return the shape of the networks of a prior to train.

    Args:
        width: Columns of the pictures.
        height: Rows of the pictures.
        prior: Prior to start from, which gives levels and layers; "" for the usual ones.
        **layers: Sizes of layers that differ from those, by attribute of `Spec`.
    """
    stages = sum(name.startswith("upsample.") for name in networks_of(prior)) if prior else None
    num_levels = NUM_LEVELS if stages is None else stages + 1
    usual = layers_of(prior) if prior else USUAL_GRID_LAYERS
    sizes: dict[str, Any] = {
        "num_levels": num_levels,
        "chroma_level": CHROMA_LEVEL,
        **usual,
        **layers,
    }
    return Spec("grid", width, height, 0, dim_out=COLOURS, **sizes)


def load_photos(
    folder: Path, num_validation: int, load: Callable[[Path], Photo]
) -> tuple[list[Photo], list[Photo]]:
    """Return the PNG photographs of a folder: those to train on, and the last ones, held out.

    Args:
        folder: Folder of the files, which are taken in the order of their names.
        num_validation: Photographs to hold out.
        load: Reads a file.
    """
    photos = [load(path) for path in sorted(folder.glob("*.png"))]
    count = len(photos) - num_validation
    return photos[:count], photos[count:]


def load_picture(path: Path) -> Tensor:
    """Return the colours (3, H, W) of a picture of 8 bits."""
    pixels, _ = read_image(path)
    return torch.from_numpy(pixels[..., :COLOURS]).permute(2, 0, 1).contiguous()


def random_crop(
    picture: Tensor, size: tuple[int, int], is_smaller: bool, generator: torch.Generator
) -> Tensor:
    """Return a random crop of a picture, mirrored at random.

    Args:
        picture: (3, H, W) of 8 bits; transposed if it is taller than wide.
        size: (height, width) of the crop; a smaller picture is enlarged.
        is_smaller: Whether to reduce the picture by a random factor up to `MOST_REDUCTION`.
        generator: Source of randomness.

    Returns:
        (3, height, width) in 0..1.
    """

    def random() -> float:
        return float(torch.rand(1, generator=generator))

    if picture.shape[1] > picture.shape[2]:
        picture = picture.transpose(1, 2)
    least = max(side / whole for side, whole in zip(size, picture.shape[1:], strict=True))
    if is_smaller or least > 1:
        least = max(least, 1 / MOST_REDUCTION)
        scale = least if least > 1 else least + (1 - least) / 2 * random()
        picture = _resized(picture, scale, size)
    top, left = (
        int(random() * (whole - side + 1))
        for side, whole in zip(size, picture.shape[1:], strict=True)
    )
    crop = picture[:, top : top + size[0], left : left + size[1]].float() / 255
    return (crop.flip(2) if random() < 0.5 else crop).contiguous()


def _resized(picture: Tensor, scale: float, least: tuple[int, int]) -> Tensor:
    size = [
        max(side, ceil(whole * scale)) for side, whole in zip(least, picture.shape[1:], strict=True)
    ]
    resized = functional.interpolate(
        picture[None].float(), size=size, mode="bicubic", antialias=True
    )
    return resized[0].clamp(0, 255)


def principal_colours(pictures: Sequence[Tensor]) -> Tensor:
    """Return the principal directions, the columns of (3, 3), of the colours of all pictures."""
    covariance = torch.zeros(COLOURS, COLOURS)
    for picture in pictures:
        flat = picture[:, ::4, ::4].flatten(1).float()
        flat -= flat.mean(1, keepdim=True)
        covariance += flat @ flat.T / flat.shape[1]
    return principal_directions(covariance)

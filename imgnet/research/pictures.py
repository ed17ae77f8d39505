"""The pictures that priors are trained on."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from imgnet.codec.priors.loader import CHROMA_LEVEL, COLOURS, layers_of, networks_of
from imgnet.image.files import read_image
from imgnet.spec import USUAL_GRID_LAYERS, Spec

NUM_LEVELS = 7  # of networks that begin from nothing
MOST_REDUCTION = 2.0


def training_spec(width: int, height: int, prior: str = "", **layers: int) -> Spec:
    """Return the shape of the networks of a prior, or of those of one yet to be.

    Args:
        width: Of the pictures.
        height: Of the pictures.
        prior: Whose levels it has; "" for those of networks that begin from nothing.
        **layers: Sizes of layers, as `Spec` names them, that are not those of the prior or the
            usual ones.
    """
    stages = sum(name.startswith("upsample.") for name in networks_of(prior)) if prior else None
    num_levels = NUM_LEVELS if stages is None else stages + 1
    known = layers_of(prior) if prior else USUAL_GRID_LAYERS
    sizes: dict[str, Any] = {
        "num_levels": num_levels,
        "chroma_level": CHROMA_LEVEL,
        **known,
        **layers,
    }
    return Spec("grid", width, height, 0, dim_out=COLOURS, **sizes)


def load_pictures(folder: Path, num_kept: int) -> tuple[list[Tensor], list[Tensor]]:
    """Return the PNG pictures, (3, H, W) of 8 bits, of a folder: to train on, and the last ones."""
    pictures = [_load(path) for path in sorted(folder.glob("*.png"))]
    count = len(pictures) - num_kept
    return pictures[:count], pictures[count:]


def _load(path: Path) -> Tensor:
    pixels, _ = read_image(path)
    return torch.from_numpy(pixels[..., :COLOURS]).permute(2, 0, 1).contiguous()


def random_crop(
    picture: Tensor, size: tuple[int, int], is_smaller: bool, generator: torch.Generator
) -> Tensor:
    """Return part of a picture, which is made smaller before, mirrored at random.

    Args:
        picture: (3, H, W) of 8 bits; turned on its side if it is taller than wide.
        size: (height, width) of the crop; a picture that is smaller is enlarged.
        is_smaller: Whether to reduce the picture by up to `MOST_REDUCTION`, at random.
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
    colours: Tensor = torch.linalg.eigh(covariance).eigenvectors.flip(1)
    return colours * torch.where(colours.sum(0) < 0, -1.0, 1.0)

"""Usual sizes of `grid` networks, which a file need not name."""

from __future__ import annotations

USUAL_GRID_LAYERS = {"dim_context": 16, "dim_hidden": 32, "num_layers": 2}
_USUAL_COARSE = 6  # coarse features of a latent
_LEAST_COARSE = 1 << 17  # pixels of an image with coarse features
_USUAL_LEVELS, _USUAL_COLOUR = 9, 2


def usual_grid_sizes(width: int, height: int) -> dict[str, int]:
    """Return the default sizes of a `grid` network for an image.

    >>> usual_grid_sizes(768, 512)["num_levels"], usual_grid_sizes(1, 8)["num_levels"]
    (7, 1)
    """
    num_levels = min(max(min(width, height).bit_length() - 3, 1), _USUAL_LEVELS)
    chroma_level = min(_USUAL_COLOUR, num_levels - 1)
    levels = {"num_levels": num_levels, "chroma_level": chroma_level}
    return {**levels, **usual_layers(width, height)}


def usual_layers(width: int, height: int) -> dict[str, int]:
    """Return the default layer sizes of a `grid` network without a prior for an image.

    In a small image, coarse features save fewer bytes than their weights take.

    >>> usual_layers(768, 512)["dim_coarse"], usual_layers(96, 64)["dim_coarse"]
    (6, 0)
    """
    dim_coarse = _USUAL_COARSE if width * height >= _LEAST_COARSE else 0
    return {**USUAL_GRID_LAYERS, "dim_coarse": dim_coarse}

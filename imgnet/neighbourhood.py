"""Neighbourhood of a latent: the inputs of the context model, in the order of its weights.

An offset (dy, dx) is in latents of the grid that the neighbour is in. Behind neighbours and place
come the coarse features of the latent: linear maps of all latents of coarser grids at its place.
"""

from __future__ import annotations

Offsets = tuple[tuple[int, int], ...]

# In the latent's own grid: with t = x + 2 y, all lie on an earlier t.
CAUSAL: Offsets = tuple(
    (dy, dx)
    for dy, columns in ((0, range(-3, 0)), (-1, range(-3, 2)), (-2, range(-2, 3)), (-3, range(1)))
    for dx in columns
)
# In the next coarser grid, around the parent of the latent.
PARENTS: Offsets = tuple((dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1))
NUM_NEIGHBOURS = len(CAUSAL) + len(PARENTS)


def reach(offsets: Offsets) -> int:
    """Return the largest distance of a neighbour along an axis.

    >>> reach(CAUSAL), reach(PARENTS)
    (3, 1)
    """
    return max(abs(step) for offset in offsets for step in offset)


def place_of(pyramid: int, level: int) -> tuple[int, int]:
    """Return the inputs behind the neighbours: level, and whether the pyramid is not the first.

    >>> place_of(0, 3), place_of(2, 4)
    ((3, 0), (4, 1))
    """
    return level, min(pyramid, 1)


MARGIN = reach(CAUSAL)  # zeros around a grid, so that every neighbour exists
PARENT_MARGIN = reach(PARENTS)
NUM_INPUTS = NUM_NEIGHBOURS + len(place_of(0, 0))

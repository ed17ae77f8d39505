"""Decoder of latents: from a coded stream and the distributions of a context model."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from imgnet.codec.entropy.context import Distributions, Features, Integers, LevelModel
from imgnet.codec.entropy.distributions import LOCATIONS, NUM_SCALES, laplace, reach
from imgnet.codec.entropy.rans import Decoder
from imgnet.codec.entropy.wavefront import decode_level
from imgnet.errors import FormatError

REACHES = np.array([reach(scale) for scale in range(NUM_SCALES)])
DAMAGED = "the coded stream is damaged"

Latents = NDArray[np.integer]


class LatentDecoder(Protocol):
    """Decoder of the latents of a picture, level by level from the coarsest."""

    def level(
        self,
        model: LevelModel,
        size: tuple[int, int],
        parents: Latents | None,
        features: Features | None,
        count: int | None,
    ) -> tuple[Latents, bool]:
        """Decode the grids of a level.

        Args:
            model: Of these grids.
            size: (height, width) of each grid.
            parents: The next coarser grids, or None.
            features: Coarse features of the level, or None.
            count: Wavefronts to decode, None for all; the latents of the others are 0. No level can
                follow one of which a part was left out.

        Returns:
            (G, height, width) grids, and whether the stream has all these wavefronts; the latents
            of those that it lacks are 0.

        Raises:
            FormatError: The stream is damaged.
        """

    def finish(self) -> None:
        """Check that the stream ends here.

        Raises:
            FormatError: The stream is damaged or goes on.
        """


class Tables(dict[int, list[int]]):
    """The tables of Laplace distributions by scale * 32 + fraction, made when first asked for."""

    def __missing__(self, key: int) -> list[int]:
        table = self[key] = laplace(*divmod(key, LOCATIONS))
        return table


TABLES = Tables()


class PlainLatentDecoder:
    """Decoder that needs NumPy alone.

    Args:
        decoder: Decoder of the stream, behind the escapes.
        escapes: Values of the latents that their distributions do not reach.
    """

    def __init__(self, decoder: Decoder, escapes: Iterable[int]) -> None:
        self._decoder, self._escapes = decoder, iter(escapes)

    def level(
        self,
        model: LevelModel,
        size: tuple[int, int],
        parents: Latents | None,
        features: Features | None,
        count: int | None,
    ) -> tuple[Latents, bool]:
        """See `LatentDecoder.level`."""
        number = model.bias.shape[1]
        return decode_level(model, size, number, parents, self._read, features, count)

    def finish(self) -> None:
        """See `LatentDecoder.finish`."""
        self._decoder.finish()
        if next(self._escapes, None) is not None:
            raise FormatError(DAMAGED)

    def _read(self, distributions: Distributions) -> Integers | None:
        """Return the latents that follow in the stream, if all of them do."""
        keys = distributions.scale * LOCATIONS + distributions.fraction
        try:
            symbols = np.array(self._decoder.read(map(TABLES.__getitem__, keys.tolist())))
        except FormatError:
            return None
        reaches = REACHES.take(distributions.scale)
        symbols -= reaches
        latents: Integers = symbols + distributions.whole
        outside = symbols > reaches + 1
        if outside.any():
            missing = int(outside.sum())
            found = list(islice(self._escapes, missing))
            if len(found) < missing:
                raise FormatError(DAMAGED)
            latents[outside] = found
        return latents

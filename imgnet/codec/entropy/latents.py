"""Coder of latents: to a coded stream and back, by the distributions of a context model."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from imgnet.codec.entropy.context import Distributions, Features, Integers, LevelModel
from imgnet.codec.entropy.distributions import LOCATIONS, NUM_SCALES, laplace, reach
from imgnet.codec.entropy.rans import Decoder, encode
from imgnet.codec.entropy.wavefront import decode_level, distributions_of_level, wavefronts
from imgnet.errors import FormatError

REACHES = np.array([reach(scale) for scale in range(NUM_SCALES)])
DAMAGED = "the coded stream is damaged"

Latents = NDArray[np.integer]
Symbols = NDArray[np.int32]  # (N, 2), first slot and number of slots of each


class LatentEncoder(Protocol):
    """Encoder of the latents of a picture, level by level from the coarsest."""

    def level(
        self,
        model: LevelModel,
        grids: Latents,
        parents: Latents | None,
        features: Features | None,
    ) -> tuple[Symbols, list[int]]:
        """Return the symbols of the grids (G, height, width) of a level, and the escapes.

        Args:
            model: Of these grids.
            grids: Their latents.
            parents: The next coarser grids, or None.
            features: Coarse features of the level, or None.
        """

    def stream(self, symbols: Symbols) -> bytes:
        """Return the coded stream of the symbols of a whole picture."""


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


class PlainLatentEncoder:
    """Encoder that needs NumPy alone."""

    def level(
        self,
        model: LevelModel,
        grids: Latents,
        parents: Latents | None,
        features: Features | None,
    ) -> tuple[Symbols, list[int]]:
        """See `LatentEncoder.level`."""
        order = wavefronts(*grids.shape)
        distributions = distributions_of_level(model, grids, parents, features)
        values = grids.ravel()[order]
        of_values = Distributions(*(x.ravel()[order] for x in distributions))
        start, end, is_escape = slots(values, of_values)
        symbols = np.stack([start, end - start], axis=1).astype(np.int32)
        return symbols, values[is_escape].tolist()

    def stream(self, symbols: Symbols) -> bytes:
        """See `LatentEncoder.stream`."""
        return encode(*symbols.T.tolist())


def slots(
    values: Latents, distributions: Distributions
) -> tuple[Integers, Integers, NDArray[np.bool_]]:
    """Return each latent's first slot, the slot behind its last, and whether it is out of reach."""
    reaches = REACHES[distributions.scale]
    symbols = values - distributions.whole + reaches
    last = 2 * reaches + 2
    escape = (symbols < 0) | (symbols >= last)
    symbols[escape] = last[escape]
    used, which = np.unique(
        distributions.scale * LOCATIONS + distributions.fraction, return_inverse=True
    )
    tables = [TABLES[key] for key in used.tolist()]
    first = np.cumsum([0] + [len(table) for table in tables])[which] + symbols
    joined = np.concatenate([np.array(table) for table in tables])
    return joined[first], joined[first + 1], escape


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

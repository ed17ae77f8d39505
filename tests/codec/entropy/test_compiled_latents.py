"""The compiled coder of latents reads and writes what the plain one does."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from imgnet.codec.entropy import compiled_latents
from imgnet.codec.entropy.compiled_latents import CompiledLatentDecoder, CompiledLatentEncoder
from imgnet.codec.entropy.context import ContextModel
from imgnet.codec.entropy.distributions import LOCATIONS, NUM_SCALES, laplace, laplace_tables
from imgnet.codec.entropy.escapes import escape_symbols, read_escapes
from imgnet.codec.entropy.latents import (
    LatentDecoder,
    LatentEncoder,
    PlainLatentDecoder,
    PlainLatentEncoder,
    Symbols,
)
from imgnet.codec.entropy.rans import Decoder, encode
from imgnet.errors import FormatError
from support.contexts import coarse_weights, parents_of, random_weights

ESCAPES = [-30_000, 7, 32_767, -32_768] * 25
KINDS = [PlainLatentDecoder, CompiledLatentDecoder]
Kind = Callable[[Decoder, list[int]], LatentDecoder]


def stream(escapes: list[int], symbols: int = 4000, seed: int = 1) -> bytes:
    """Return a stream whose latents have random slots, one in 50 the last one, of an escape."""
    starts, widths = escape_symbols(escapes)
    slots = np.random.default_rng(seed).integers(0, 1 << 16, symbols)
    slots[::50] = (1 << 16) - 1
    return encode([*starts, *slots.tolist()], [*widths, *[1] * symbols])


def read(
    kind: Kind,
    data: bytes,
    size: tuple[int, int],
    has_parent: bool = True,
    num_features: int = 0,
    count: int | None = None,
) -> tuple[np.ndarray, bool]:
    """Read two grids, with latents beyond what a file may hold, as far as they are there."""
    weights = coarse_weights(num_features, 2, 3000) if num_features else random_weights()
    model, parents = ContextModel(weights), parents_of(*size) if has_parent else None
    coarser = {} if parents is None else {(p, 1): parents[p] for p in (0, 1)}
    features = model.coarse_features(0, [0, 1], coarser)
    decoder = Decoder(data)
    latents = kind(decoder, read_escapes(decoder))
    return latents.level(model.of_level(0, [(2, 0), (3, 1)]), size, parents, features, count)


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (7, 1), (13, 21), (3, 40), (40, 3), (300, 5)])
@pytest.mark.parametrize(("has_parent", "num_features"), [(False, 0), (True, 0), (True, 3)])
def test_both_decoders_read_the_same(
    size: tuple[int, int], has_parent: bool, num_features: int
) -> None:
    data = stream(ESCAPES)
    (plain, whole), (compiled, compiled_whole) = (
        read(kind, data, size, has_parent, num_features) for kind in KINDS
    )
    assert whole
    assert compiled_whole
    assert np.array_equal(plain, compiled)
    assert plain.size < 50 or np.unique(plain).size > 10


def written(
    encoder: LatentEncoder, grids: np.ndarray, has_parent: bool, num_features: int
) -> tuple[Symbols, list[int], bytes]:
    """Write two grids."""
    weights = coarse_weights(num_features, 2, 3000) if num_features else random_weights()
    model, parents = ContextModel(weights), parents_of(*grids.shape[1:]) if has_parent else None
    coarser = {} if parents is None else {(p, 1): parents[p] for p in (0, 1)}
    features = model.coarse_features(0, [0, 1], coarser)
    symbols, escapes = encoder.level(model.of_level(0, [(2, 0), (3, 1)]), grids, parents, features)
    return symbols, escapes, encoder.stream(symbols)


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (7, 1), (13, 21), (3, 40), (40, 3), (300, 5)])
@pytest.mark.parametrize(("has_parent", "num_features"), [(False, 0), (True, 0), (True, 3)])
@pytest.mark.parametrize("part", [256, 3])
def test_both_encoders_write_the_same(
    size: tuple[int, int],
    has_parent: bool,
    num_features: int,
    part: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(compiled_latents, "PART", part)
    generator = np.random.default_rng(2)
    grids = generator.integers(-30, 31, (2, *size))
    grids[generator.random(grids.shape) < 0.02] = 4096
    plain, compiled = (
        written(encoder, grids, has_parent, num_features)
        for encoder in (PlainLatentEncoder(), CompiledLatentEncoder())
    )
    assert np.array_equal(plain[0], compiled[0])
    assert plain[1:] == compiled[1:]
    assert len(plain[1]) > 0 or grids.size < 500


@pytest.mark.parametrize("kind", KINDS)
def test_a_part_is_that_of_the_whole(kind: Kind) -> None:
    whole, _ = read(kind, stream(ESCAPES), (13, 21))
    part, _ = read(kind, stream(ESCAPES), (13, 21), count=24)
    y, x = np.mgrid[:13, :21]
    within = x + 2 * y < 24
    assert np.array_equal(part[:, within], whole[:, within])
    assert not part[:, ~within].any()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("missing", "expected"), [(3800, 44), (3900, 29)])
def test_the_wavefronts_before_a_missing_symbol_are_there(
    kind: Kind, missing: int, expected: int
) -> None:
    y, x = np.mgrid[:40, :30]
    data = stream(ESCAPES)
    whole_grids, _ = read(kind, data, (40, 30))
    grids, whole = read(kind, data[: len(data) - 2 * missing], (40, 30))
    there = 1 + int((x + 2 * y)[grids.any(axis=0)].max())
    assert not whole
    assert there == expected
    assert np.array_equal(grids, np.where(x + 2 * y < there, whole_grids, 0))


@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_escape_is_an_error(kind: Kind) -> None:
    with pytest.raises(FormatError, match="damaged"):
        read(kind, stream(ESCAPES[:1]), (40, 30))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("escapes", "slots"), [([], [5]), ([3], [])])
def test_what_is_left_over_is_an_error(kind: Kind, escapes: list[int], slots: list[int]) -> None:
    decoder = Decoder(encode(slots, [1] * len(slots)))
    with pytest.raises(FormatError, match="damaged"):
        kind(decoder, escapes).finish()


@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_stream_has_an_end(kind: Kind) -> None:
    kind(Decoder(encode([], [])), []).finish()


def test_tables_are_those_of_all_distributions() -> None:
    tables, begins = laplace_tables()
    for key in range(0, NUM_SCALES * LOCATIONS, 7):
        wanted = laplace(*divmod(key, LOCATIONS))
        assert tables[begins[key] :][: len(wanted)].tolist() == wanted

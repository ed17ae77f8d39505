from __future__ import annotations

from itertools import pairwise, repeat

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgnet.codec.entropy.rans import TOTAL_BITS, Decoder, encode
from imgnet.errors import FormatError

TOTAL = 1 << TOTAL_BITS
PLAIN = range(TOTAL + 1)

Table = list[int]


def random_table(rng: np.random.Generator) -> Table:
    inner = rng.choice(np.arange(1, TOTAL), rng.integers(0, 40), replace=False)
    return [0, *sorted(inner.tolist()), TOTAL]


def random_message(count: int, seed: int = 3) -> tuple[list[Table], list[int]]:
    """Return tables of all kinds and a symbol of each, drawn by its own frequencies."""
    rng = np.random.default_rng(seed)
    tables = [random_table(rng) for _ in range(count)]
    slots = rng.integers(0, TOTAL, count)
    symbols = [
        int(np.searchsorted(table, slot, "right")) - 1
        for table, slot in zip(tables, slots, strict=True)
    ]
    return tables, symbols


def packed(tables: list[Table], symbols: list[int]) -> bytes:
    starts = [table[k] for table, k in zip(tables, symbols, strict=True)]
    widths = [table[k + 1] - table[k] for table, k in zip(tables, symbols, strict=True)]
    return encode(starts, widths)


TABLES, SYMBOLS = random_message(500)


def test_round_trip() -> None:
    decoder = Decoder(packed(TABLES, SYMBOLS))
    assert decoder.read(TABLES) == SYMBOLS
    decoder.finish()


def test_reading_in_parts_gives_the_same() -> None:
    decoder = Decoder(packed(TABLES, SYMBOLS))
    bounds = [0, 0, 1, 2, 50, 50, 499, 500]
    parts = [decoder.read(TABLES[begin:end]) for begin, end in pairwise(bounds)]
    assert [symbol for part in parts for symbol in part] == SYMBOLS
    decoder.finish()


def test_a_table_may_depend_on_the_symbols_before() -> None:
    decoder = Decoder(packed(TABLES, SYMBOLS))
    read: list[int] = []

    def tables() -> list[Table]:
        position = len(read)
        assert read == SYMBOLS[:position]
        return [TABLES[position]]

    for _ in SYMBOLS:
        read += decoder.read(tables())
    decoder.finish()


def test_stream_never_changes() -> None:
    stream = encode([0, 40000, 65535, 7], [40000, 25535, 1, 3])
    assert stream.hex() == "c43e010043a80800"


def test_length_is_close_to_the_ideal() -> None:
    tables, symbols = random_message(4000, seed=4)
    widths = [table[k + 1] - table[k] for table, k in zip(tables, symbols, strict=True)]
    ideal_bytes = float((TOTAL_BITS - np.log2(widths)).sum() / 8)
    length = len(packed(tables, symbols))
    assert ideal_bytes <= length <= 1.001 * ideal_bytes + 6


def test_what_is_certain_costs_nothing() -> None:
    certain = [[0, TOTAL]] * 1000
    assert len(packed(certain, [0] * 1000)) == 4
    assert Decoder(packed(certain, [0] * 1000)).read(certain) == [0] * 1000


def test_the_rarest_symbol_costs_sixteen_bits() -> None:
    rare = [[0, 1, TOTAL - 1, TOTAL]] * 1000
    for symbol in (0, 2):
        stream = packed(rare, [symbol] * 1000)
        assert len(stream) == 2004
        assert Decoder(stream).read(rare) == [symbol] * 1000


@pytest.mark.parametrize("count", [1, 3, 8, 15, 16])
def test_plain_bits_round_trip(count: int) -> None:
    values = np.random.default_rng(count).integers(0, 1 << count, 50).tolist()
    width = TOTAL >> count
    decoder = Decoder(encode([value * width for value in values], [width] * 50))
    assert [decoder.read_bits(count) for _ in values] == values
    decoder.finish()


def test_every_cut_is_noticed() -> None:
    stream = packed(TABLES[:80], SYMBOLS[:80])
    for length in range(len(stream)):
        with pytest.raises(FormatError):
            read_to_the_end(stream[:length], TABLES[:80])


def read_to_the_end(stream: bytes, tables: list[Table]) -> None:
    decoder = Decoder(stream)
    decoder.read(tables)
    decoder.finish()


def test_what_is_left_over_is_noticed() -> None:
    stream = packed(TABLES[:80], SYMBOLS[:80])
    for wrong, tables in [
        (stream + b"\0\0", TABLES[:80]),
        (stream, TABLES[:60]),
        (stream, TABLES[:90]),
    ]:
        with pytest.raises(FormatError):
            read_to_the_end(wrong, tables)


def test_a_changed_state_is_noticed() -> None:
    stream = packed(TABLES[:80], SYMBOLS[:80])
    for bit in range(32):
        changed = (int.from_bytes(stream[:4], "little") ^ 1 << bit).to_bytes(4, "little")
        with pytest.raises(FormatError):
            read_to_the_end(changed + stream[4:], TABLES[:80])


@pytest.mark.parametrize("stream", [bytes(4), bytes(400), b"\xff" * 400])
def test_plain_bits_without_end_end_with_the_stream(stream: bytes) -> None:
    with pytest.raises(FormatError, match="cut short"):
        Decoder(stream).read(repeat(PLAIN))


@st.composite
def messages(draw: st.DrawFn) -> tuple[list[Table], list[int]]:
    """Draw up to 30 symbols, each with a table of its own."""
    inner = st.lists(st.integers(1, TOTAL - 1), unique=True, max_size=8).map(sorted)
    tables = draw(st.lists(inner.map(lambda edges: [0, *edges, TOTAL]), max_size=30))
    return tables, [draw(st.integers(0, len(table) - 2)) for table in tables]


QUICK = settings(derandomize=True, deadline=None, max_examples=50)


@given(message=messages())
@QUICK
def test_any_message_comes_back(message: tuple[list[Table], list[int]]) -> None:
    tables, symbols = message
    decoder = Decoder(packed(tables, symbols))
    assert decoder.read(tables) == symbols
    decoder.finish()


@given(message=messages(), change=st.tuples(st.integers(0), st.integers(1, 255)))
@QUICK
def test_any_changed_byte_is_noticed_or_changes_the_message(
    message: tuple[list[Table], list[int]], change: tuple[int, int]
) -> None:
    tables, symbols = message
    stream = bytearray(packed(tables, symbols))
    stream[change[0] % len(stream)] ^= change[1]
    try:
        decoder = Decoder(bytes(stream))
        read = decoder.read(tables)
        decoder.finish()
    except FormatError:
        return
    assert read != symbols


@given(data=st.binary(max_size=40), message=messages())
@QUICK
def test_noise_is_never_another_error(data: bytes, message: tuple[list[Table], list[int]]) -> None:
    try:
        read_to_the_end(data, message[0])
    except FormatError:
        return

from __future__ import annotations

import pytest

from imgnet.codec.entropy.escapes import escape_symbols, read_escapes
from imgnet.codec.entropy.rans import Decoder, encode
from imgnet.errors import FormatError


@pytest.mark.parametrize(
    "escapes",
    [[], [0], [-32768, 32767, -1], list(range(-300, 300))],
    ids=lambda escapes: len(escapes),
)
def test_strays_are_read_as_they_were_written(escapes: list[int]) -> None:
    decoder = Decoder(encode(*escape_symbols(escapes)))
    assert read_escapes(decoder) == escapes
    decoder.finish()


def test_more_of_them_than_sixteen_bits_count() -> None:
    escapes = [7] * ((1 << 16) + 5)
    assert read_escapes(Decoder(encode(*escape_symbols(escapes)))) == escapes


def test_a_number_that_the_stream_is_too_short_for_is_refused() -> None:
    slots, widths = escape_symbols([5] * 40)
    with pytest.raises(FormatError, match="cut short"):
        read_escapes(Decoder(encode(slots[:9], widths[:9])))

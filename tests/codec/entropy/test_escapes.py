from __future__ import annotations

import pytest

from imgnet.codec.entropy.escapes import read_strays, stray_symbols
from imgnet.codec.entropy.rans import Decoder, encode
from imgnet.errors import FormatError


@pytest.mark.parametrize(
    "strays", [[], [0], [-32768, 32767, -1], list(range(-300, 300))], ids=lambda strays: len(strays)
)
def test_strays_are_read_as_they_were_written(strays: list[int]) -> None:
    decoder = Decoder(encode(*stray_symbols(strays)))
    assert read_strays(decoder) == strays
    decoder.finish()


def test_more_of_them_than_sixteen_bits_count() -> None:
    strays = [7] * ((1 << 16) + 5)
    assert read_strays(Decoder(encode(*stray_symbols(strays)))) == strays


def test_a_number_that_the_stream_is_too_short_for_is_refused() -> None:
    slots, widths = stray_symbols([5] * 40)
    with pytest.raises(FormatError, match="cut short"):
        read_strays(Decoder(encode(slots[:9], widths[:9])))

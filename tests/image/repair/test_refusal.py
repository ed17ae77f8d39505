from __future__ import annotations

from io import BytesIO

import pytest

from imgnet.errors import InputError
from imgnet.image.files import read_photo
from imgnet.image.repair.refusal import unreadable


@pytest.mark.parametrize(
    ("start", "line"),
    [
        (b"\x89PNG\r\n", "damaged, or a kind of PNG that is not read; get it again"),
        (b"\xff\xd8\xff\xe0", "damaged, or a kind of JPEG that is not read"),
        (b"BM", "damaged, or a kind of BMP that is not read"),
        (b"\0\0\0\x20ftypavif", "damaged, or a kind of AVIF that is not read"),
        (b"\0\0\0\x20ftypmif1\0\0\0\0mif1avif", "damaged, or a kind of AVIF that is not read"),
        (b"\0\0\0\x20ftypheic", "HEIC is not read; convert it to PNG"),
        (b"\0\0\0\x0cJXL \r\n", "JPEG XL is not read; convert it to PNG"),
        (b"\xff\x0a\0\0", "JPEG XL is not read"),
        (b'<?xml version="1.0"?>\n<svg>', "SVG is not read"),
        (b"P7\nWIDTH 9", "PAM is not read"),
        (b"PF\n3 2\n-1\n", "PFM of colours is not read"),
        (b"Dear Sir or Madam", "not an image of a known format; expected one such as PNG"),
    ],
)
def test_a_file_that_no_reader_takes(start: bytes, line: str) -> None:
    with pytest.raises(InputError, match=f"^<image>: {line}"):
        read_photo(BytesIO(start))


def test_a_failure_is_one_line_with_a_way_out() -> None:
    assert unreadable(ValueError("two\nlines")) == "damaged or cut short (two lines); get it again"
    assert "convert it to PNG" in unreadable(OSError("Unable to locate Ghostscript on paths"))
    assert "memory" in unreadable(MemoryError())

from __future__ import annotations

import os
from io import BytesIO

import pytest

from imgnet.errors import InputError
from imgnet.image.files import read_photo
from support.picture_files import tiff
from support.pictures import ramp


def test_a_damaged_tiff_is_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    data = tiff(ramp(3), compressed=True)
    with pytest.raises(InputError, match="damaged, or a kind of TIFF that is not read; convert it"):
        read_photo(BytesIO(data[:-4] + bytes(4)))
    assert capfd.readouterr().err == ""
    os.write(2, b"still here")
    assert capfd.readouterr().err == "still here"

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image

from imgnet.errors import InputError
from imgnet.image.files import read_photo
from support.picture_files import as_image, stored
from support.pictures import picture


def jpeg(**options: Any) -> bytes:
    return stored(as_image(picture()), "JPEG", **options)


JPEGS: list[dict[str, Any]] = [
    {},
    {"optimize": True},
    {"restart_marker_rows": 1},
    {"progressive": True},
]


@pytest.mark.parametrize("options", JPEGS)
def test_a_jpeg_that_lacks_its_end_marker_only(options: dict[str, Any]) -> None:
    data = jpeg(**options)
    pixels, profile = read_photo(BytesIO(data[:-2]))
    assert np.array_equal(pixels, np.asarray(Image.open(BytesIO(data))))
    assert profile.notes == ("lacks its end marker; all its pixels are read",)


@pytest.mark.parametrize("options", JPEGS)
@pytest.mark.parametrize("missing", [*range(3, 24), 50, 300])
def test_a_jpeg_that_lacks_more_is_damaged(options: dict[str, Any], missing: int) -> None:
    with pytest.raises(InputError, match="damaged or cut short"):
        read_photo(BytesIO(jpeg(**options)[:-missing]))


def test_a_progressive_jpeg_that_lacks_whole_scans_is_damaged() -> None:
    data = jpeg(progressive=True)
    starts = [at for at in range(len(data)) if data[at : at + 2] == b"\xff\xda"]
    for start in starts[1:]:
        with pytest.raises(InputError, match="damaged or cut short"):
            read_photo(BytesIO(data[:start]))

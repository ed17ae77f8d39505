from __future__ import annotations

import numpy as np
import pytest

from imgnet.errors import UsageError
from imgnet.image.picture import Metadata, describes, profile_of
from support.picture_files import GREY_ICC, SRGB


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (2, "LA"), (3, "RGB"), (4, "RGBA")])
@pytest.mark.parametrize(("dtype", "depth"), [(np.uint8, 8), (np.uint16, 16)])
def test_arrays_have_a_mode_and_a_depth(channels: int, mode: str, dtype: type, depth: int) -> None:
    profile = profile_of(np.zeros((5, 7, channels), dtype))
    assert (profile.mode, profile.depth) == (mode, depth)
    assert profile.metadata.parts() == {}


@pytest.mark.parametrize(
    "array",
    [np.zeros((5, 7), np.uint8), np.zeros((5, 7, 5), np.uint8), np.zeros((5, 7, 3), np.int16)],
)
def test_other_arrays_are_no_images(array: np.ndarray) -> None:
    with pytest.raises(UsageError, match="is no image"):
        profile_of(array)


def test_choices_of_metadata() -> None:
    everything = Metadata(b"icc", b"exif", b"xmp")
    assert everything.only("all") == everything
    assert everything.only("icc") == Metadata(icc=b"icc")
    assert everything.only("none") == Metadata()
    assert everything.num_bytes == 10
    with pytest.raises(UsageError, match="some"):
        everything.only("some")


def test_a_colour_profile_belongs_to_some_modes() -> None:
    assert [describes(SRGB, mode) for mode in ("L", "LA", "RGB", "RGBA")] == [True] * 4
    assert [describes(GREY_ICC, mode) for mode in ("L", "RGB")] == [True, False]
    assert not describes(SRGB[:16] + b"CMYK" + SRGB[20:], "RGB")
    assert not describes(b"", "L")

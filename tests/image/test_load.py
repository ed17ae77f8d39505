from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imgnet.errors import InputError, UsageError
from imgnet.image import load
from imgnet.image.files import read_photo
from imgnet.image.load import load_photo
from support.picture_files import SRGB, XMP, as_image, png, stored
from support.pictures import deep_noise, ramp


def test_arrays_are_copied() -> None:
    pixels = ramp(3)[::-1]
    pixels.flags.writeable = False
    loaded, profile = load_photo(pixels)
    assert np.array_equal(loaded, pixels)
    assert loaded.flags.c_contiguous
    assert loaded.flags.writeable
    assert (profile.mode, profile.depth) == ("RGB", 8)


def test_all_forms_of_a_file_are_the_same_picture(tmp_path: Path) -> None:
    path = tmp_path / "load.png"
    path.write_bytes(png(deep_noise(3)))
    forms = path, str(path), read_photo(path)
    for pixels, profile in map(load_photo, forms):
        assert np.array_equal(pixels, deep_noise(3))
        assert profile.depth == 16


def test_pillow_images_have_the_depth_that_pillow_has() -> None:
    opened = Image.open(BytesIO(png(deep_noise(3))))
    assert load_photo(opened)[1].depth == 8
    assert load_photo(Image.new("I;16", (2, 2)))[1].depth == 16


@pytest.mark.parametrize(
    ("choice", "kept"), [("all", {"icc", "xmp"}), ("icc", {"icc"}), ("none", set())]
)
def test_metadata_is_kept_by_choice(choice: str, kept: set[str], tmp_path: Path) -> None:
    path = tmp_path / "load.webp"
    path.write_bytes(stored(as_image(ramp(3)), "WEBP", icc_profile=SRGB, xmp=XMP))
    _, profile = load_photo(path, choice)
    assert set(profile.metadata.parts()) == kept


def test_metadata_too_large_for_a_file_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "load.webp"
    path.write_bytes(stored(as_image(ramp(3)), "WEBP", xmp=XMP))
    monkeypatch.setattr(load, "MAX_METADATA_BYTES", 20)
    with pytest.raises(InputError, match=r"xmp .* more than 20; .*--metadata none"):
        load_photo(path)
    load_photo(path, "none")


def test_unknown_choices_are_an_error() -> None:
    with pytest.raises(UsageError, match="metadata 'most'"):
        load_photo(ramp(3), "most")

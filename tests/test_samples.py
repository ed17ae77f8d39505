"""The files of samples/ hold the pictures beside them."""

from __future__ import annotations

from pathlib import Path

import pytest

import imgnet
from imgnet.api import verify
from imgnet.image.files import read_photo
from imgnet.metrics.psnr import psnr_db
from support.paths import SAMPLES

PICTURES = sorted(SAMPLES.glob("*.png"))


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.stem)
def test_a_sample_decodes_to_its_picture(picture: Path) -> None:
    file = picture.with_suffix(".inr")
    assert verify(file) is not False
    assert psnr_db(read_photo(picture)[0], imgnet.decode(file)) > 25

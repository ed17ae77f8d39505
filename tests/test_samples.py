"""The files of samples/ hold the pictures beside them."""

from __future__ import annotations

from pathlib import Path

import pytest

import imgnet
from imgnet.api import verify
from imgnet.image.files import read_photo
from imgnet.metrics.psnr import psnr_db
from support.paths import SAMPLES


@pytest.mark.parametrize("file", sorted(SAMPLES.glob("*.inr")), ids=lambda file: file.stem)
def test_a_sample_decodes_to_its_picture(file: Path) -> None:
    assert verify(file)
    assert psnr_db(read_photo(file.with_suffix(".png"))[0], imgnet.decode(file)) > 30

"""Fixtures: photographs to train on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from imgnet.image.formats import write_image
from support.pictures import picture


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for i, size in enumerate([(200, 130), (150, 260), (300, 300)]):
        write_image(np.roll(picture(*size), 40 * i, axis=1), folder / f"{i}.png")
    return folder

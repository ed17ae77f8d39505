"""Targets on simple pictures, against the qualities that give as much."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import imgnet
from imgnet.codec.format.container import Encoded, to_bytes
from imgnet.errors import TargetError
from support.pictures import Pixels, picture

pytestmark = pytest.mark.slow


def shapes() -> Pixels:
    """Return a square on a plain ground."""
    pixels = np.full((40, 40, 3), (250, 240, 220), np.uint8)
    pixels[10:30, 8:28] = 200, 40, 60
    return pixels


def measured(pixels: Pixels, **asked: Any) -> tuple[int, float]:
    try:
        encoded = imgnet.encode(pixels, effort=1, device="cpu", **asked)
    except TargetError as error:
        encoded = error.best
    assert isinstance(encoded, Encoded)
    assert encoded.report is not None
    return len(to_bytes(encoded)), encoded.report.psnr_db


@pytest.mark.parametrize("pixels", [shapes(), picture(40, 40)], ids=["shapes", "waves"])
def test_a_size_is_as_good_as_the_quality_that_gives_it(pixels: Pixels) -> None:
    for quality in (40, 75):
        size, usual_db = measured(pixels, quality=quality)
        num_bytes, given_db = measured(pixels, target_size=size)
        assert num_bytes <= size
        assert given_db > usual_db - 1.5  # so short a fit differs by as much from seed to seed


def test_a_size_far_above_all_need_gives_a_nearly_exact_picture() -> None:
    num_bytes, given_db = measured(shapes(), target_size=6000)
    assert num_bytes <= 6000
    assert given_db > 50


@pytest.mark.parametrize("size", [(1, 1), (40, 1), (1, 25), (20, 2), (30, 3)])
def test_narrow_pictures_are_good(size: tuple[int, int]) -> None:
    assert measured(picture(*size), quality=75)[1] > 40

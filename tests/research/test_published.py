"""The recipes that imgnet is compared with."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import numpy as np
import pytest

from imgnet.image.files import read_image
from imgnet.metrics.psnr import psnr_db
from imgnet.research import published
from imgnet.spec import Spec

# A gated layer has batch normalisation, a scale beside our shift, and there are seven.
COUNTS = {
    "gated": Spec("gated", 24, 16, 100, 100, 2).num_parameters + 7 * 100,
    "mlp": Spec("mlp", 24, 16, 0, 64, 3).num_parameters,
}


@pytest.mark.parametrize("model", COUNTS)
def test_it_learns_and_counts_float32_bytes(
    photo: Path, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    small = published.RECIPES[model]._replace(pixels_per_step=256)
    monkeypatch.setitem(published.RECIPES, model, small)
    # A clock that ticks once a look: the number of steps does not depend on the machine.
    monkeypatch.setattr(published.time, "monotonic", count().__next__)
    outcome = published.follow(str(photo), seconds=80, model=model)
    assert outcome.bytes == 4 * COUNTS[model]
    assert outcome.steps == 79
    pixels, _ = read_image(photo)
    flat = np.broadcast_to(pixels.mean((0, 1)).astype(np.uint8), pixels.shape)
    assert outcome.psnr_db > psnr_db(pixels, flat) + 2

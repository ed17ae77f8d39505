"""The recipe that imgnet is compared with."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import numpy as np
import pytest

from imgnet.image.files import read_image
from imgnet.metrics.psnr import psnr_db
from imgnet.research import published
from imgnet.spec import Spec


def test_it_learns_and_counts_float32_bytes(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published, "PIXELS_PER_STEP", 256)
    # A clock that ticks once a look: the number of steps does not depend on the machine.
    monkeypatch.setattr(published.time, "monotonic", count().__next__)
    outcome = published.follow(str(photo), seconds=80)
    folded = Spec("gated", 24, 16, 100, 100, 2).num_parameters
    batch_norm = 7 * 100  # seven gated layers, each with a scale beside our shift
    assert outcome.bytes == 4 * (folded + batch_norm)
    assert outcome.steps == 79
    pixels, _ = read_image(photo)
    flat = np.broadcast_to(pixels.mean((0, 1)).astype(np.uint8), pixels.shape)
    assert outcome.psnr_db > psnr_db(pixels, flat) + 2

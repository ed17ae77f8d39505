"""The recipe that imgnet is compared with."""

from __future__ import annotations

from pathlib import Path

from imgnet.published import follow
from imgnet.spec import Spec


def test_it_learns_and_counts_float32_bytes(photo: Path) -> None:
    outcome = follow(str(photo), seconds=1.0)
    folded = Spec("gated", 24, 16, 100, 100, 2).num_parameters
    batch_norm = 7 * 100  # seven gated layers, each with a scale beside our shift
    assert outcome.bytes == 4 * (folded + batch_norm)
    assert outcome.steps > 0
    assert outcome.psnr_db > 5

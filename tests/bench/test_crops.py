"""Costs of crops."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imgnet.bench import crops


def test_the_middle_is_fitted_and_compared(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    ramp = np.arange(20, dtype=np.uint8)[None, :, None] * np.full((16, 1, 3), 9, np.uint8)
    for name in ("kodim13.png", "other.png"):
        Image.fromarray(ramp).save(tmp_path / name)
    crops.main([str(tmp_path / "kodim13.png"), str(tmp_path / "other.png"), "--epochs", "3"])
    known, other = capsys.readouterr().out.splitlines()
    assert "anchor 4.975" in known
    assert "anchor" not in other
    assert known.split("cost ")[1].split()[0] == other.split("cost ")[1].split()[0]


def test_more_epochs_cost_less() -> None:
    pixels = np.random.default_rng(1).integers(100, 130, (24, 32, 3), np.uint8)
    few, many = (crops.cost_of(pixels, epochs, dim_coarse=2) for epochs in (4, 150))
    assert many.total < few.total


def test_a_small_image_is_its_own_middle() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (5, 300, 3), np.uint8)
    assert np.array_equal(crops.middle(pixels), pixels[:, 22:278])

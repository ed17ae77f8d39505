from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from imgnet.research.runs import carry_on


class Counting:
    step = 0

    def take_step(self) -> float:
        self.step += 1
        return float(self.step)

    def state(self) -> dict[str, Any]:
        return {"step": self.step}


def test_a_run_reports_means_and_ends_with_a_checkpoint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = tmp_path / "run.pt"
    run, saved = Counting(), list[int]()
    carry_on(run, 5, checkpoint, 2, 3, on_save=lambda: saved.append(run.step))
    assert saved == [3, 5]
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(", ")[0] for line in lines] == ["2 steps", "4 steps"]
    assert [line.split(": ")[1] for line in lines] == ["1.5000", "3.5000"]
    assert torch.load(checkpoint, weights_only=True) == {"step": 5}
    checkpoint.unlink()
    carry_on(run, 5, checkpoint, 2, 3)  # nothing is left to do
    assert not checkpoint.exists()

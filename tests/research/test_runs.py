from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from imgnet.research.runs import Intervals, scale_lr, train


class Counting:
    step = 0

    def take_step(self) -> float:
        self.step += 1
        return float(self.step)

    def state(self) -> dict[str, Any]:
        return {"step": self.step}

    def load(self, state: dict[str, Any]) -> None:
        self.step = state["step"]


def test_a_run_reports_means_and_ends_with_a_checkpoint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint, training, saved = tmp_path / "run.pt", Counting(), list[int]()
    train(training, 5, checkpoint, Intervals(2, 3), on_save=lambda: saved.append(training.step))
    assert saved == [3, 5]
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(", ")[0] for line in lines] == ["2 steps", "4 steps"]
    assert [line.split(": ")[1] for line in lines] == ["1.5000", "3.5000"]
    assert torch.load(checkpoint, weights_only=True) == {"step": 5}


def test_a_run_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    checkpoint = tmp_path / "run.pt"
    train(Counting(), 5, checkpoint, Intervals(9, 9))
    written, finished = checkpoint.stat().st_mtime_ns, Counting()
    train(finished, 5, checkpoint, Intervals(9, 9))  # nothing is left to do
    assert (finished.step, checkpoint.stat().st_mtime_ns) == (5, written)
    later = Counting()
    train(later, 7, checkpoint, Intervals(9, 9))
    assert later.step == 7


def test_learning_rates_are_scaled_from_their_peaks() -> None:
    groups = [{"lr": 0.0, "peak_lr": peak} for peak in (1.0, 0.3)]
    scale_lr(groups, 0.5)
    assert [group["lr"] for group in groups] == [0.5, 0.15]

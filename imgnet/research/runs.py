"""Runs of training that can be stopped and gone on with."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch


class Run(Protocol):
    """What takes steps, and what is left of it between two runs."""

    step: int

    def take_step(self) -> float:
        """Take a step and return its cost."""

    def state(self) -> dict[str, Any]:
        """Return all that a later run needs."""


def carry_on(
    run: Run,
    steps: int,
    checkpoint: Path,
    report_every: int,
    save_every: int,
    on_save: Callable[[], None] = lambda: None,
) -> None:
    """Take steps up to so many, with a report on stdout and a checkpoint now and then.

    Args:
        run: What takes them.
        steps: At which it ends.
        checkpoint: File that its state goes to.
        report_every: QSteps between two means of the cost.
        save_every: QSteps between two checkpoints; the last step has one, too.
        on_save: Called behind every checkpoint.
    """
    costs, started = list[float](), time.monotonic()
    while run.step < steps:
        costs.append(run.take_step())
        if run.step % report_every == 0:
            elapsed = time.monotonic() - started
            print(f"{run.step} steps, {elapsed:.0f} s: {np.mean(costs):.4f}", flush=True)
            costs = []
        if run.step % save_every == 0 or run.step == steps:
            torch.save(run.state(), checkpoint)
            on_save()

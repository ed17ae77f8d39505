"""Training loop: options, reports and checkpoints."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch


class Training(Protocol):
    """Networks, optimisers and data of a run.

    Attributes:
        step: Optimiser steps taken, those of earlier runs included.
    """

    step: int

    def take_step(self) -> float:
        """Take an optimiser step and return its cost."""

    def state(self) -> dict[str, Any]:
        """Return all that a later run needs."""

    def load(self, state: dict[str, Any]) -> None:
        """Go on from the state of an earlier run."""


@dataclass(frozen=True)
class Intervals:
    """Steps from one mean of the cost on stdout, and from one checkpoint, to the next."""

    report: int
    save: int


def common_options(description: str | None, module: str, seed: int) -> argparse.ArgumentParser:
    """Return a parser of the options that all training commands have.

    Args:
        description: Help of the command.
        module: Name of its module.
        seed: Default of `--seed`.

    >>> parser = common_options("Train.", "imgnet.research.train_zoom", 1)
    >>> parser.parse_args(["--images", "photos", "--checkpoint", "run.pt"]).validation
    8
    """
    parser = argparse.ArgumentParser(description=description, prog=f"python -m {module}")
    parser.add_argument("--images", type=Path, required=True, help="folder of PNG photographs")
    parser.add_argument("--validation", type=int, default=8, help="last photographs, held out")
    parser.add_argument("--checkpoint", type=Path, required=True, help="file to go on from")
    parser.add_argument("--seed", type=int, default=seed)
    return parser


def scale_lr(groups: Sequence[dict[str, Any]], factor: float) -> None:
    """Set the learning rate of each group of an optimiser to a part of its `peak_lr`."""
    for group in groups:
        group["lr"] = factor * group["peak_lr"]


def train(
    training: Training,
    steps: int,
    checkpoint: Path,
    intervals: Intervals,
    on_save: Callable[[], None] = lambda: None,
) -> None:
    """Go on from a checkpoint, if it is there, up to a number of steps.

    Args:
        training: Takes the steps.
        steps: Number of steps at which to end, those of earlier runs included.
        checkpoint: File of the state; written at its interval and at the last step.
        intervals: Intervals of reports and checkpoints.
        on_save: Called after every checkpoint.
    """
    if checkpoint.exists():
        training.load(torch.load(checkpoint, weights_only=True))
    costs, started = list[float](), time.monotonic()
    while training.step < steps:
        costs.append(training.take_step())
        if training.step % intervals.report == 0:
            elapsed = time.monotonic() - started
            print(f"{training.step} steps, {elapsed:.0f} s: {np.mean(costs):.4f}", flush=True)
            costs = []
        if training.step % intervals.save == 0 or training.step == steps:
            torch.save(training.state(), checkpoint)
            on_save()

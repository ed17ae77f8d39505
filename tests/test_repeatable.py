"""A fit gives the same bytes again: in another process, on busy cores, with one thread."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

OPTIONS = {
    "gated": ["--dim-axis", "4", "--dim-hidden", "6", "--num-layers", "1"],
    "grid": [],
}


@pytest.mark.parametrize("model", [pytest.param("gated", marks=pytest.mark.slow), "grid"])
def test_the_same_seed_gives_the_same_file(model: str, photo: Path) -> None:
    """Two processes at once, of one thread and of many, take cores from each other."""
    options = ["--model", model, "--effort", "1", "--seed", "5", *OPTIONS[model]]
    with ExitStack() as stack:

        def begin(name: str, **environment: str) -> subprocess.Popen[bytes]:
            command = [sys.executable, "-m", "imgnet", "encode", photo, "-o", name, *options]
            environment = {**os.environ, **environment}
            running = subprocess.Popen(
                command, cwd=photo.parent, env=environment, stderr=subprocess.PIPE
            )
            stack.callback(running.kill)
            return running

        runs = begin("one_thread.inr", OMP_NUM_THREADS="1"), begin("busy.inr")
        for running in runs:
            _, err = running.communicate(timeout=600)
            assert running.returncode == 0, err
    one_thread, busy = (photo.with_name(f"{n}.inr").read_bytes() for n in ("one_thread", "busy"))
    assert busy == one_thread

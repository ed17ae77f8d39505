"""A fit gives the same bytes again: in another process, on a busy machine, with one thread."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from support.shell import Shell

OPTIONS = {
    "gated": ["--dim-axis", "4", "--dim-hidden", "6", "--num-layers", "1"],
    "grid": [],
}


@contextmanager
def busy_cores() -> Iterator[None]:
    """Keep every core busy with a process that does nothing else."""
    with ExitStack() as stack:
        for _ in range(os.cpu_count() or 1):
            process = stack.enter_context(subprocess.Popen([sys.executable, "-c", "while 1: pass"]))
            stack.callback(process.kill)
        yield


@pytest.mark.parametrize("model", [pytest.param("gated", marks=pytest.mark.slow), "grid"])
def test_the_same_seed_gives_the_same_file(model: str, photo: Path, shell: Shell) -> None:
    def encode(name: str, **environment: str) -> bytes:
        file = photo.with_name(name)
        options = ["--model", model, "--effort", "1", "--seed", "5", *OPTIONS[model]]
        done = shell("encode", photo, "-o", file, *options, env={**os.environ, **environment})
        assert done.returncode == 0, done.stderr
        return file.read_bytes()

    one_thread = encode("one_thread.inr", OMP_NUM_THREADS="1")  # as one of several jobs has
    with busy_cores():
        assert encode("busy.inr") == one_thread

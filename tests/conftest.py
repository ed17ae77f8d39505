"""Fixtures: a tiny photo, its .inr file, and the command line in and out of this process."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from support.shell import Shell

collect_ignore = ["fuzz"]  # a script that needs atheris


@pytest.fixture(scope="session")
def shell() -> Shell:
    """Run `imgnet` in a process of its own."""

    def run(*arguments: object, **options: Any) -> subprocess.CompletedProcess[bytes]:
        command = [sys.executable, "-m", "imgnet", *map(str, arguments)]
        return subprocess.run(command, check=False, capture_output=True, timeout=120, **options)

    return run


@pytest.fixture(autouse=True)
def warnings_of_the_library() -> Iterator[None]:
    """Let the library warn again after a command line with --quiet."""
    yield
    logging.getLogger("imgnet").setLevel(logging.NOTSET)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Let torch use one core, so that tests take the same time on every machine."""
    import torch

    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(num_threads)


@pytest.fixture(scope="session")
def _originals(tmp_path_factory: pytest.TempPathFactory, shell: Shell) -> Path:
    folder = tmp_path_factory.mktemp("originals")
    y, x = np.mgrid[0:16, 0:24]
    pixels = np.stack([x * 10, y * 15, 128 + 100 * np.sin(x / 4)], axis=2).astype(np.uint8)
    Image.fromarray(pixels).save(folder / "photo.png")
    # No time limit: the picture must also look like the photo on a busy machine.
    done = shell("encode", folder / "photo.png", "--effort", "1")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def photo(tmp_path: Path, _originals: Path) -> Path:
    """A 24x16 PNG in a folder of its own."""
    path = tmp_path / "photo.png"
    path.write_bytes((_originals / "photo.png").read_bytes())
    return path


@pytest.fixture
def encoded_file(tmp_path: Path, _originals: Path) -> Path:
    """An .inr file made of `photo`, named so that nothing derived from it meets `photo`."""
    path = tmp_path / "encoded.inr"
    path.write_bytes((_originals / "photo.inr").read_bytes())
    return path

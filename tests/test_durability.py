"""An encode that is killed at any moment leaves the old file or the new one, whole."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imgnet.api import verify

KILLS = int(os.environ.get("IMGNET_TEST_KILLS", "4"))


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_a_killed_encode_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (12, 16, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    out = tmp_path / "out"
    out.mkdir()
    command = [sys.executable, "-m", "imgnet", "encode", "photo.png", "--effort", "1", "--quiet"]
    command += ["-o", "out/photo.inr", "--metadata", "none"]
    files = []
    began = time.monotonic()
    for quality in ("40", "60"):
        subprocess.run([*command, "-q", quality], cwd=tmp_path, check=True)
        files.append((out / "photo.inr").read_bytes())
    longest = 0.6 * (time.monotonic() - began)
    old, new = files
    assert old != new
    rng = random.Random(os.environ.get("IMGNET_TEST_SEED", "7"))
    finished = 0
    for _ in range(KILLS):
        (out / "photo.inr").write_bytes(old)
        process = subprocess.Popen([*command, "-q", "60"], cwd=tmp_path)
        try:
            process.wait(rng.uniform(0, longest))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert (out / "photo.inr").read_bytes() in files
        finished += (out / "photo.inr").read_bytes() == new
    print(f"{KILLS} runs, {finished} of them finished before they were killed")
    subprocess.run([*command, "-q", "60"], cwd=tmp_path, check=True)
    assert [path.name for path in out.iterdir()] == ["photo.inr"]
    assert verify(out / "photo.inr")

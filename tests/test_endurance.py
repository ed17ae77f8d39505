"""A process that encodes and decodes for long holds no more memory, descriptors or threads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.paths import TESTS

ENCODES = int(os.environ.get("IMGNET_TEST_ENCODES", "8"))
DECODES = int(os.environ.get("IMGNET_TEST_DECODES", "200"))
MOST_GROWTH = 1.05
ENDING_THREADS = 2  # that may still be there when a call returns


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_a_long_run_holds_no_more_than_a_short_one() -> None:
    command = [sys.executable, TESTS / "support" / "endurance.py", str(ENCODES), str(DECODES)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    print(done.stdout)
    record = json.loads(done.stdout)
    warm, later = record["warm"], record["later"]
    assert later["megabytes"] < MOST_GROWTH * warm["megabytes"]
    assert later["descriptors"] <= warm["descriptors"]
    assert later["threads"] <= warm["threads"] + ENDING_THREADS

"""The command line in a process of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

FAST = ("--effort", "1", "--time-limit", "0.3")

Shell = Callable[..., "subprocess.CompletedProcess[bytes]"]

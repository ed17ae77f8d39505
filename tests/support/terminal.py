"""A terminal that shows what a program writes to stderr."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from contextlib import suppress


def in_terminal(*arguments: object, **environment: str) -> bytes:
    """Run `imgnet` with a terminal as its stderr; return what the terminal got.

    Args:
        arguments: Arguments of the program, which must succeed.
        environment: Changes to the environment variables; NO_COLOR is unset by default.
    """
    terminal, far_end = pty.openpty()
    command = [sys.executable, "-m", "imgnet", *map(str, arguments)]
    usual = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    running = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=far_end, env=usual | environment
    )
    os.close(far_end)
    shown = b""
    with suppress(OSError):  # how Linux reports that the far end is closed
        while piece := os.read(terminal, 65536):
            shown += piece
    os.close(terminal)
    assert running.wait() == 0, shown
    return shown

"""Resource usage of processes: wall time and peak memory."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from pathlib import Path
from statistics import median

REPEATS = 5


@dataclass(frozen=True)
class CommandUsage:
    """Median wall time and peak memory of one command in a process of its own."""

    command: str
    seconds: float
    peak_megabytes: float | None


def peak_megabytes() -> float | None:
    """Return the peak memory of this process; None if the system does not report it.

    On Linux it is at least that of the parent process when it started this one.

    >>> peak_megabytes() != 0
    True
    """
    try:
        import resource
    except ImportError:  # Windows
        return None
    return round(_megabytes(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss), 1)


def _megabytes(maxrss: float) -> float:
    return maxrss / (1e6 if sys.platform == "darwin" else 1e3)  # bytes on macOS, else kB


def measure_commands(encoded: Path, repeats: int = REPEATS) -> list[CommandUsage]:
    """Measure the most used commands on one .inr file."""
    with tempfile.TemporaryDirectory() as folder:
        decode = ["decode", str(encoded), "-o", str(Path(folder, "out.ppm"))]
        commands = [["--version"], ["info", str(encoded)], decode, [*decode, "--size", "400%"]]
        return [measure_command(command, repeats) for command in commands]


def measure_command(arguments: Sequence[str], repeats: int = REPEATS) -> CommandUsage:
    """Run `imgnet` several times with the same arguments.

    Raises:
        CalledProcessError: A run fails.
    """
    runs = [_run([sys.executable, "-m", "imgnet", *arguments]) for _ in range(repeats)]
    # Without folders, which differ between machines.
    shown = " ".join(["imgnet", *(Path(a).name if "/" in a else a for a in arguments)])
    peak = max(megabytes for _, megabytes in runs)
    return CommandUsage(
        shown, round(median(s for s, _ in runs), 3), None if isnan(peak) else round(peak, 1)
    )


# A process starts with the peak memory of the one that forks it, so a small one forks it.
_STOPWATCH = """
import os, subprocess, sys, time
started = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
if hasattr(os, "wait4"):
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode, peak = os.waitstatus_to_exitcode(status), usage.ru_maxrss
else:  # Windows
    process.wait()
    peak = "nan"
print(time.perf_counter() - started, peak)
sys.exit(process.returncode)
"""


def _run(command: Sequence[str]) -> tuple[float, float]:
    """Run a command; return its wall time in seconds and its peak memory in megabytes or nan."""
    stopwatch = [sys.executable, "-c", _STOPWATCH, *command]
    printed = subprocess.run(stopwatch, check=True, stdout=subprocess.PIPE, text=True).stdout
    seconds, peak = map(float, printed.split())
    return seconds, _megabytes(peak)

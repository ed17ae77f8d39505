"""What processes cost: wall seconds and the most memory, of this one and of others."""

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
class ProcessCost:
    """Median wall time and largest memory of one command, run as a process of its own."""

    command: str
    seconds: float
    peak_megabytes: float | None


def peak_megabytes() -> float | None:
    """Return the most memory that this process has had; None where the system does not tell.

    On Linux that is at least what the process that started this one had by then.

    >>> peak_megabytes() != 0
    True
    """
    try:
        import resource
    except ImportError:  # Windows
        return None
    return round(_megabytes(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss), 1)


def _megabytes(maxrss: float) -> float:
    return maxrss / (1e6 if sys.platform == "darwin" else 1e3)  # bytes there, else kB


def process_costs(encoded: Path, repeats: int = REPEATS) -> list[ProcessCost]:
    """Time the commands that people start most, on one .inr file."""
    with tempfile.TemporaryDirectory() as folder:
        drawn = ["-o", str(Path(folder, "out.ppm"))]
        decode = ["decode", str(encoded), *drawn]
        commands = [["--version"], ["info", str(encoded)], decode, [*decode, "--size", "400%"]]
        return [process_cost(command, repeats) for command in commands]


def process_cost(arguments: Sequence[str], repeats: int = REPEATS) -> ProcessCost:
    """Run `imgnet` with some arguments several times.

    Raises:
        CalledProcessError: It fails.
    """
    runs = [_run([sys.executable, "-m", "imgnet", *arguments]) for _ in range(repeats)]
    # Without the folders, which differ from machine to machine.
    shown = " ".join(["imgnet", *(Path(a).name if "/" in a else a for a in arguments)])
    peak = max(megabytes for _, megabytes in runs)
    return ProcessCost(
        shown, round(median(s for s, _ in runs), 3), None if isnan(peak) else round(peak, 1)
    )


# A process begins with the memory of the one that forks it, so a small one does.
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
    """Run a command; return its wall seconds and its peak memory in megabytes, or nan."""
    stopwatch = [sys.executable, "-c", _STOPWATCH, *command]
    printed = subprocess.run(stopwatch, check=True, stdout=subprocess.PIPE, text=True).stdout
    seconds, peak = map(float, printed.split())
    return seconds, _megabytes(peak)

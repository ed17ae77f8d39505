"""Resource usage of processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from imgnet.bench import processes


def test_a_process_is_timed_with_its_memory() -> None:
    usage = processes.measure_command(["--version"], repeats=1)
    assert usage.command == "imgnet --version"
    assert usage.seconds > 0
    assert usage.peak_megabytes is not None
    assert usage.peak_megabytes > 5


def test_the_usual_commands_are_timed(encoded_file: Path) -> None:
    commands = [usage.command for usage in processes.measure_commands(encoded_file, repeats=1)]
    assert commands == [
        "imgnet --version",
        "imgnet info encoded.inr",
        "imgnet decode encoded.inr -o out.ppm",
        "imgnet decode encoded.inr -o out.ppm --size 400%",
    ]


def test_a_failing_command_is_not_timed() -> None:
    with pytest.raises(subprocess.CalledProcessError):
        processes.measure_command(["no-such-command"], repeats=1)


@pytest.mark.skipif(sys.platform == "win32", reason="the system does not tell")
def test_memory_counts_what_was_taken() -> None:
    code = (
        "from imgnet.bench.processes import peak_megabytes as peak; before = peak(); "
        "taken = b'x' * 200_000_000; print(peak() - before)"
    )
    # By way of a small process: on Linux one begins with the peak of the one that started it.
    between = "import subprocess, sys; subprocess.run(sys.argv[1:], check=True)"
    command = [sys.executable, "-c", between, sys.executable, "-c", code]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert 180 < float(done.stdout) < 220


def test_no_memory_is_told_where_the_system_has_no_such_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "resource", None)  # as on Windows
    assert processes.peak_megabytes() is None

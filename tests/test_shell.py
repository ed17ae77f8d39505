"""The installed program, driven by the scripts of tests/shell/ as by those of its users."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import imgnet
from support.paths import TESTS

SCRIPTS = sorted((TESTS / "shell").glob("*.sh"))
LINE = re.compile(r"(ok|not ok) \d+ - (.*)\n((?:#.*\n)*)")
LIBRARY = "lib.sh"
SLOW = {"batch", "shell", "targets"}


def run_script(script: Path, scratch: Path) -> str:
    """Run a script with the program of this environment and the package of this checkout."""
    programs = Path(sys.executable).parent
    if not (programs / "imgnet").exists():
        pytest.skip("imgnet is not installed in this environment")
    environment = os.environ | {
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(Path(imgnet.__file__).parents[1]),
        "PYTHON": sys.executable,
        "TMPDIR": str(scratch),
    }
    done = subprocess.run(
        ["bash", script],
        env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=900, check=False,
        text=True, errors="backslashreplace",
    )  # fmt: skip
    return done.stdout + "".join(f"# {line}\n" for line in done.stderr.splitlines())


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(s, id=s.stem, marks=[pytest.mark.slow] if s.stem in SLOW else [])
        for s in SCRIPTS
        if s.name != LIBRARY
    ],
)
def test_every_check_holds(script: Path, tmp_path: Path, subtests: pytest.Subtests) -> None:
    report = run_script(script, tmp_path)
    checks = LINE.findall(report)
    for verdict, name, details in checks:
        with subtests.test(name):
            assert verdict == "ok", details
    assert f"1..{len(checks)}\n" in report, f"the script broke off:\n{report}"


def test_the_harness_can_fail(tmp_path: Path) -> None:
    """Neither a check that fails nor a script that breaks off passes for a good one."""
    script = tmp_path / "bad.sh"
    library = SCRIPTS[0].with_name(LIBRARY)
    script.write_text(
        f". {library}\nrun false\ncheck good true\ncheck bad ended 0\ncheck end ended 1\nfinish\n"
    )
    report = run_script(script, tmp_path)
    assert [(verdict, name) for verdict, name, _ in LINE.findall(report)] == [
        ("ok", "good"), ("not ok", "bad"), ("ok", "end")
    ]  # fmt: skip
    assert "# failed: ended 0" in report
    assert report.rstrip().endswith("1..3")
    script.write_text(f". {library}\ncheck good true\nexit\nfinish\n")
    assert "1..1" not in run_script(script, tmp_path)

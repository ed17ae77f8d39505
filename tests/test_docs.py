"""README says what the program does."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from imgnet.cli.app import run
from support.paths import ROOT
from support.shell import Shell

README = (ROOT / "README.md").read_text()
COMMANDS = ("encode", "decode", "resample", "info", "verify", "compare", "bench")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_documented(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    run([command, "--help"])
    options = set(re.findall(r"--[a-z][a-z-]+", capsys.readouterr().out)) - {"--help"}
    assert options
    missing = {option for option in options if not re.search(rf"{option}\b", README)}
    assert not missing


def test_every_command_in_readme_exists() -> None:
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    used = {shlex.split(line, comments=True)[1] for line in lines if line.startswith("imgnet ")}
    assert used == set(COMMANDS)


@pytest.mark.parametrize("path", re.findall(r"\]\(([^)#:]+)\)", README))
def test_every_link_leads_somewhere(path: str) -> None:
    assert (ROOT / path).exists()


@pytest.mark.slow
def test_the_python_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "samples").symlink_to(ROOT / "samples")
    monkeypatch.chdir(tmp_path)
    (example,) = [block for block in blocks("python") if "target_size" in block]
    names: dict[str, object] = {}
    exec(example, names)
    assert names["pixels"].shape == (599, 900, 3)  # type: ignore[attr-defined]
    assert (tmp_path / "chelsea.inr").stat().st_size <= 12_000


@pytest.mark.slow
def test_the_few_samples_example_runs(tmp_path: Path, shell: Shell) -> None:
    (block,) = [block for block in blocks("sh") if "--keep 0.1" in block]
    encode, decode = (shlex.split(line)[1:] for line in block.splitlines())
    (tmp_path / "samples").symlink_to(ROOT / "samples")
    done = shell(*encode, "--time-limit", "10", cwd=tmp_path)
    assert b"unseen" in done.stderr
    assert shell(*decode, cwd=tmp_path).returncode == 0

"""The recipes work as they stand, but for the effort and for the network."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from support.documents import DOCS
from support.paths import ROOT

RECIPES = (DOCS / "recipes.md").read_text()


def recipe(title: str) -> str:
    """Return the code of a recipe."""
    found = re.search(rf"^## {title}.*?```\w+\n(.*?)```", RECIPES, re.DOTALL | re.MULTILINE)
    assert found, f"recipes.md has no recipe {title!r}"
    return found[1]


def bash(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a recipe with the program of this checkout, at an effort for tests."""
    programs = folder / "programs"
    programs.mkdir()
    (programs / "imgnet").write_text(f'#!/bin/sh\nexec {sys.executable} -m imgnet "$@"\n')
    (programs / "curl").write_text("#!/bin/sh\nexec cat photo.inr\n")
    for program in programs.iterdir():
        program.chmod(0o755)
    environment = os.environ | {
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
    }
    script = re.sub(r"--effort \d", "--effort 1 --time-limit 0.3", script)
    return subprocess.run(
        ["bash", "-c", script],
        cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def test_a_cut_file(tmp_path: Path) -> None:
    (tmp_path / "samples").symlink_to(ROOT / "samples")
    done = bash(recipe("A cut file"), tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("imgnet: cut.inr is cut: 14,000 of 21,478 bytes; drawn from ")
    assert size_of(tmp_path / "coffee-so-far.png") == (600, 400)


def test_a_folder_overnight(photo: Path) -> None:
    folder = photo.with_name("photos") / "summer"
    folder.mkdir(parents=True)
    shutil.copy(photo, folder / "a.png")
    (folder / "b.png").write_text("no picture")
    done = bash(recipe("A folder overnight"), photo.parent)
    results = [json.loads(line) for line in photo.with_name("small.jsonl").read_text().splitlines()]
    assert [result["status"] for result in results] == ["done", "failed"]
    assert (photo.with_name("small") / "summer" / "a.inr").exists()
    assert [json.loads(line)["input"] for line in done.stdout.splitlines()] == [
        "photos/summer/b.png"
    ]


def test_a_size_budget_for_the_web(photo: Path) -> None:
    hero = photo.rename(photo.with_name("hero.png"))
    done = bash(recipe("A size budget for the web"), hero.parent)
    assert done.returncode == 0, done.stderr
    assert hero.with_suffix(".inr").stat().st_size <= 20_000
    assert done.stdout.startswith("PSNR")
    assert size_of(hero.with_name("hero-diff.png")) == (72, 16)


def test_a_pipe(photo: Path, encoded_file: Path) -> None:
    encoded_file.rename(photo.with_name("photo.inr"))
    done = bash(recipe("A pipe"), photo.parent)
    assert done.returncode == 0, done.stderr
    assert size_of(photo.with_name("photo.webp")) == (640, 427)


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_a_makefile_rule(photo: Path) -> None:
    folder = photo.with_name("photos")
    folder.mkdir()
    with Image.open(photo) as image:
        image.save(folder / "a.jpg")
    rule = recipe("A Makefile rule").replace("--quiet", "--quiet --effort 1 --time-limit 0.3")
    photo.with_name("Makefile").write_text(rule)
    done = bash("make && make", photo.parent)
    assert done.returncode == 0, done.stderr
    assert (folder / "a.inr").exists()
    assert done.stdout.count("imgnet encode") == 1


def test_a_thumbnail_service(
    photo: Path, encoded_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo.with_name("photos").mkdir()
    encoded_file.rename(photo.with_name("photos") / "a.inr")
    monkeypatch.chdir(photo.parent)
    code = recipe("A thumbnail service")
    assert len([line for line in code.splitlines() if line]) == 10
    served: dict[str, Any] = {}
    exec(code.rpartition("make_server(")[0], served)  # without its port
    answers: list[Any] = []
    (body,) = served["thumbnail"]({"PATH_INFO": "/../a.inr"}, lambda *heads: answers.append(heads))
    assert answers == [("200 OK", [("Content-Type", "image/jpeg")])]
    with Image.open(BytesIO(body)) as image:
        assert (image.format, image.size) == ("JPEG", (24, 16))

"""Bundles of JavaScript modules, and rules for the modules."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from imgnet.viewer.bundle import FOLDER, bundle
from support.node import needs_node

ENTRIES = [
    "decoder/worker.js",
    "page/view.js",
    "zoom/enlarger.js",
    "element/inr_image.js",
    "live/live.js",
]
ENTRIES += ["fit/page/fit.js", "fit/training/worker.js"]
MODULES = sorted(FOLDER.rglob("*.js"))


@needs_node
@pytest.mark.parametrize("entry", ENTRIES)
def test_a_bundle_is_a_script(entry: str, tmp_path: Path) -> None:
    script = tmp_path / "bundle.js"
    script.write_text(bundle(FOLDER / entry), "utf-8")
    done = subprocess.run(["node", "--check", script], capture_output=True, text=True)
    assert not done.returncode, done.stderr


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_bundle_imports_and_exports_nothing(entry: str) -> None:
    script = bundle(FOLDER / entry)
    assert not re.search(r"^\s*(import|export)\b", script, re.MULTILINE)
    assert "/**" not in script


def test_every_module_is_in_a_bundle() -> None:
    scripts = "".join(bundle(FOLDER / entry) for entry in ENTRIES)
    for path in MODULES:
        assert f'modules["{path.relative_to(FOLDER).as_posix()}"] = ' in scripts


def test_modules_follow_what_they_import() -> None:
    script = bundle(FOLDER / "decoder" / "worker.js")
    defined: set[str] = set()
    for line in script.splitlines():
        if found := re.search(r"= modules\[(.*?)\]", line):
            assert found[1] in defined, line
        elif found := re.match(r"modules\[(.*?)\] =", line):
            current = found[1]
        elif line == "})();":
            defined.add(current)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_a_module_is_short_and_says_what_it_is(path: Path) -> None:
    lines = path.read_text("utf-8").splitlines()
    assert len(lines) <= 300
    assert max(map(len, lines)) <= 100
    assert lines[0].startswith("/**")

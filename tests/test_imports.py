"""Floors: a module imports only from its own floor or a lower one, and torch stays asleep."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import imgnet

PACKAGE = Path(imgnet.__file__).parent

# A file's floor is its folder; a floor imports only from itself and from those above it here.
FLOORS = (
    "errors",
    "signals",
    "signature",
    "progress",
    "neighbourhood",
    "spec",
    "arrays",
    "image",
    "metrics",
    "compilation",
    "codec/entropy",
    "codec/priors",
    "codec/format",
    "codec/render",
    "codec/families",
    "figures",
    "request",
    "fit/device",
    "fit/layers",
    "fit/rounding",
    "fit/soap",
    "fit/meter",
    "fit/kernels",
    "fit/engine",
    "fit/grid",
    "fit/coordinate",
    "encoder",
    "api",
    "batch",
    "pillow",
    "research",
    "bench",
    "viewer",
    "cli",
    "__init__",
    "__main__",
)
ALLOWED = {
    **{name: set[str]() for name in FLOORS[:6]},
    "arrays": {"numpy"},
    "image": {"numpy", "PIL"},
    "metrics": {"numpy", "PIL"},
    "compilation": {"numba", "numpy"},
    "codec": {"numpy", "PIL", "safetensors"},
    "figures": {"numpy"},
    "request": {"numpy"},
}
HEAVY = {"numba", "numpy", "PIL", "rich", "safetensors", "torch"}


def _imported(path: Path) -> Iterator[str]:
    """Yield the full name of everything that a file imports, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} imports relatively"
            yield from (f"{node.module}.{name.name}" for name in node.names)


def _place(path: Path) -> str:
    """Return the place of a file in the package, such as codec/format/header."""
    return path.relative_to(PACKAGE).with_suffix("").as_posix()


def _file_of(name: str) -> Path | None:
    """Return the file that a dotted name of ours is in; None of the package itself."""
    parts = name.split(".")[1:]
    for end in range(len(parts), 0, -1):
        place = PACKAGE.joinpath(*parts[:end])
        for file in (place.with_suffix(".py"), place / "__init__.py"):
            if file.exists():
                return file
    return None


def _floor(path: Path) -> int:
    """Return which of FLOORS a file stands on."""
    place = _place(path)
    found = [i for i, name in enumerate(FLOORS) if f"{place}/".startswith(f"{name}/")]
    assert found, f"{place} stands on no floor: add its folder to FLOORS"
    return found[0]


FILES = sorted(PACKAGE.rglob("*.py"))
MODULES = [file for file in FILES if file.name != "__init__.py" or "import" in file.read_text()]


def test_imports_go_down() -> None:
    for path in MODULES:
        floor = _floor(path)
        for name in _imported(path):
            above = _file_of(name) if name.startswith("imgnet.") else None
            if above is not None:
                assert _floor(above) <= floor, (
                    f"{_place(path)} imports {name}, which stands above it"
                )


def test_a_decoder_needs_few_packages() -> None:
    for path in MODULES:
        allowed = ALLOWED.get(_place(path).partition("/")[0])
        for name in _imported(path):
            package = name.partition(".")[0]
            if allowed is not None and package != "imgnet":
                assert package in allowed | sys.stdlib_module_names, f"{_place(path)}: {name}"


def test_no_imports_go_in_circles() -> None:
    graph = {
        path: {file for name in _imported(path) if (file := _file_of(name)) not in (None, path)}
        for path in MODULES
        if "import" in path.read_text()
    }
    list(TopologicalSorter(graph).static_order())  # raises CycleError


@pytest.mark.parametrize(
    "folder", sorted({file.parent for file in FILES}), ids=lambda folder: folder.name
)
def test_folders_are_small_enough_to_read(folder: Path) -> None:
    files = [file for file in folder.glob("*.py") if not file.name.startswith("__")]
    folders = [entry for entry in folder.iterdir() if (entry / "__init__.py").exists()]
    assert len(files) <= (9 if folder == PACKAGE else 13)
    assert folder == PACKAGE or len(files) + len(folders) <= 13


def _loaded_by(*arguments: str) -> set[str]:
    """Run the command line in a new process; return the modules that it loaded."""
    code = (
        "import sys; from imgnet.cli.app import run; code = run(sys.argv[1:]);"
        "print('', *sys.modules, sep='\\n', file=sys.stderr);"
        "sys.exit(code)"
    )
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(done.stderr.split())


def test_the_version_is_said_without_typer() -> None:
    code = "import sys; from imgnet.cli import main; main(); assert 'typer' not in sys.modules"
    command = [sys.executable, "-c", code, "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("imgnet ")


def test_this_file_sees_what_is_loaded() -> None:
    assert {"sys", "imgnet", "typer"} <= _loaded_by("--version")


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["encode", "--help"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    assert not _loaded_by(*arguments) & HEAVY


@pytest.mark.parametrize(
    "command",
    [
        ["info"],
        ["info", "--dot"],
        ["info", "--map", "map.png", "--pyramid", "pyramid.png"],
        ["decode", "-o", "drawn.png"],
        ["resample", "--scale", "2"],
        ["view", "-o", "page.html"],
    ],
)
def test_reading_a_file_loads_nothing_of_fits(
    command: list[str], encoded_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(encoded_file.parent)
    loaded = _loaded_by(*command, str(encoded_file))
    assert "numpy" in loaded
    assert not loaded & {"torch", "numba", "rich", "pydantic", "imgnet.encoder.grid"}


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = "import imgnet, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & HEAVY

"""Floors: a module imports only from its own floor or a lower one, and torch stays asleep."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import imgnet

PACKAGE = Path(imgnet.__file__).parent

FLOORS = {
    0: {
        "codec/render/threads",
        "errors",
        "image/geometry",
        "progress",
        "request/efforts",
        "request/request",
        "request/secant",
        "signals",
        "spec",
    },
    1: {
        "codec/entropy/context",
        "codec/entropy/distributions",
        "codec/entropy/escapes",
        "codec/entropy/fixed_point",
        "codec/entropy/integers",
        "codec/entropy/rans",
        "codec/entropy/weights",
        "codec/format/container",
        "codec/format/coordinate_stream",
        "codec/format/grid_stream",
        "codec/format/header",
        "codec/format/tensors",
        "codec/priors/loader",
        "codec/render/coordinate",
        "codec/render/cosine",
        "codec/render/grid",
        "codec/render/resize",
        "codec/render/zoom",
        "codec/render/zoom_network",
        "encoder/levels",
        "image/alpha",
        "image/files",
        "image/formats",
        "image/load",
        "image/masks",
        "image/metadata",
        "image/picture",
        "image/sixteen_bit",
        "metrics/comparison",
        "metrics/psnr",
        "metrics/ssim",
        "metrics/ssim_weights",
        "request/aim",
        "request/options",
        "request/rate_control",
        "request/target",
        "request/trim",
    },
    2: {
        "encoder/prior",
        "encoder/trial",
        "fit/coordinate/autograd",
        "fit/coordinate/network",
        "fit/coordinate/sampler",
        "fit/coordinate/schedule",
        "fit/device",
        "fit/engine/autograd",
        "fit/engine/compiled",
        "fit/engine/compiled_distortion",
        "fit/engine/compiled_rate",
        "fit/engine/compiled_task",
        "fit/engine/latents",
        "fit/engine/network",
        "fit/engine/reference",
        "fit/engine/tasks",
        "fit/engine/tiling",
        "fit/grid/analysis_network",
        "fit/grid/correction",
        "fit/grid/curvature",
        "fit/grid/fit",
        "fit/grid/latent_rdoq",
        "fit/grid/schedule",
        "fit/grid/start",
        "fit/grid/state",
        "fit/grid/weight_rdoq",
        "fit/grid/weight_steps",
        "fit/grid/weights",
        "fit/kernels/blocks",
        "fit/kernels/laplace",
        "fit/kernels/latents",
        "fit/kernels/rate",
        "fit/kernels/soap",
        "fit/kernels/synthesis",
        "fit/kernels/upsampling",
        "fit/rounding",
        "fit/soap",
        "research/ablation",
        "research/pictures",
        "research/prior_networks",
        "research/published",
        "research/zoom_model",
        "research/zoom_pairs",
    },
    3: {
        "api",
        "codec/format/byte_counts",
        "codec/format/description",
        "encoder/grid",
        "encoder/psnr_search",
    },
    4: {
        "__init__",
        "__main__",
        "anchors",
        "batch/cluster",
        "batch/processes",
        "batch/task",
        "bench",
        "cli",
        "costs",
        "curves",
        "peers",
        "pillow/hook",
        "pillow/plugin",
        "plot",
        "research/measure_zoom",
        "research/runs",
        "research/train_analysis",
        "research/train_prior",
        "research/train_zoom",
        "results",
    },
}
FLOOR_OF = {module: floor for floor, modules in FLOORS.items() for module in modules}
ALLOWED = {0: set(), 1: {"numpy", "PIL", "safetensors"}}
HEAVY = {"numba", "numpy", "PIL", "rich", "safetensors", "torch"}


def _imported(path: Path) -> Iterator[str]:
    """Yield the full name of everything that a file imports, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} imports relatively"
            yield from (f"{node.module}.{name.name}" for name in node.names)


def _place(name: str) -> str:
    """Return the longest part of a dotted name that has a floor."""
    parts = name.split(".")[1:]
    places = ["/".join(parts[:end]) for end in range(len(parts), 0, -1)]
    return next((place for place in places if place in FLOOR_OF), "")


FILES = [p for p in sorted(PACKAGE.rglob("*.py")) if "import" in p.read_text()]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down(path: Path) -> None:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    module = _place(".".join(("imgnet", *parts)))
    assert module in FLOOR_OF, f"give {'/'.join(parts)} a floor in this test"
    floor = FLOOR_OF[module]
    for name in _imported(path):
        if name.startswith("imgnet."):
            above = FLOOR_OF.get(_place(name), 0) - floor
            assert above <= 0, f"{module} (floor {floor}) imports {name}"
        elif floor in ALLOWED:
            package = name.partition(".")[0]
            assert package in ALLOWED[floor] | sys.stdlib_module_names, f"{module}: {name}"


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
    [["info"], ["info", "--dot"], ["decode", "-o", "drawn.png"], ["resample", "--scale", "2"]],
)
def test_reading_a_file_loads_nothing_of_fits(
    command: list[str], encoded_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(encoded_file.parent)
    loaded = _loaded_by(*command, str(encoded_file))
    assert "numpy" in loaded
    assert not loaded & {"torch", "rich", "pydantic", "imgnet.encoder.grid"}


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = "import imgnet, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & HEAVY

"""Small files that claim much are refused before memory or time is spent on them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from support.hostile_files import FILES

resource = pytest.importorskip("resource", reason="limits of POSIX")

MEMORY_BYTES = 200 << 20
CPU_S = 40  # of all files and commands together, on a slow machine

# `info` does not read the stream. `resample` takes what is no .inr file for an image, and may not
# double a side.
ALLOWED = {"info": {"0", "4"}, "resample": {"2", "3", "4"}}

# Runs every command on every file of a folder in one process, whose memory may grow by so much.
PROGRAM = """
import contextlib, io, resource, sys
from pathlib import Path
from PIL import Image
import imgnet.pillow.plugin, imgnet.codec.families, imgnet.cli.commands.resample
from imgnet.cli.app import run

Image.MAX_IMAGE_PIXELS = None  # the limit of Pillow would hide ours

folder, memory_bytes, cpu_s = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
pages = int(Path("/proc/self/statm").read_text().split()[0])
limit = pages * resource.getpagesize() + memory_bytes
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s))
for path in sorted(folder.glob("*.inr")):
    for command in (["info"], ["verify"], ["decode", "-o", "o.png"], ["resample", "-o", "o.png",
                    "--scale", "2"], ["decode", "-o", "o.png", "--size", "64"],
                    ["decode", "-o", "o.png", "--partial"]):
        message = io.StringIO()
        with contextlib.redirect_stderr(message), contextlib.redirect_stdout(io.StringIO()):
            code = run([command[0], str(path), *command[1:]])
        print(path.stem, command[0], code, message.getvalue().strip(), sep="|")
    try:
        Image.open(path).load()
        print(path.stem, "Pillow", 0, "", sep="|")
    except OSError as error:
        print(path.stem, "Pillow", 4, error, sep="|")
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_small_files_that_claim_much_are_refused_within_little_memory(tmp_path: Path) -> None:
    for name, data in FILES.items():
        (tmp_path / f"{name}.inr").write_bytes(data)
    command = [sys.executable, "-c", PROGRAM, str(tmp_path), str(MEMORY_BYTES), str(CPU_S)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    lines = [line.split("|", 3) for line in done.stdout.splitlines()]
    assert done.returncode == 0, done.stderr
    assert {name for name, *_ in lines} == set(FILES)
    for name, command_name, code, message in lines:
        told = f"{name}, {command_name}: {code} {message}"
        assert code in ALLOWED.get(command_name, {"4"}), told
        assert "\n" not in message, told
        assert "Traceback" not in message, told
    assert not (tmp_path / "o.png").exists()


def test_hostile_files_are_small() -> None:
    assert sorted(len(data) for data in FILES.values())[len(FILES) // 2] < 300

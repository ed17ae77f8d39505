"""Small files that claim much are refused before memory or time is spent on them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from imgnet.codec.format.header import checksum, claims_of, to_header
from imgnet.codec.format.tensors import BYTE, entries_of, join
from imgnet.image.geometry import MAX_SIDE
from imgnet.spec import Spec
from support.networks import encoded, grid_spec, prior_spec, random_tensors

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


def forged(spec: Spec, mode: str = "RGB", body: bytes = bytes(150), **tensors: int) -> bytes:
    """Return a file whose checksum is right: of a stream, or of tensors of claimed lengths."""
    lengths = tensors or {"w": len(body)}
    entries = entries_of({name: ((length,), BYTE) for name, length in lengths.items()})
    claims = claims_of(spec, mode, 8)
    return join(to_header(claims, checksum(claims, body)) | entries, body, 1)


def with_entries(entries: object) -> bytes:
    """Return a file with a header of any text behind the right claims."""
    claims, body = claims_of(grid_spec(8, 8), "RGB", 8), bytes(60)
    text = json.dumps(to_header(claims, checksum(claims, body)))[:-1] + f",{entries}}}"
    return len(text).to_bytes(8, "little") + text.encode() + body


VALID = encoded(grid_spec(8, 8), random_tensors(grid_spec(8, 8)))
STREAM = VALID.tensors["w"].tobytes()
WIDEST = {"dim_hidden": 256, "dim_context": 256, "num_layers": 64, "dim_coarse": 32}
DEEPEST = {"num_levels": 12, "chroma_level": 0, "finest": 0}

FILES = {
    "most-pixels": forged(grid_spec(1 << 14, 1 << 14)),
    "most-pixels-of-a-prior": forged(prior_spec(1 << 14, 1 << 14)),
    "longest": forged(grid_spec(MAX_SIDE, 1 << 12)),
    "most-levels": forged(grid_spec(1 << 14, 1 << 14, **DEEPEST)),
    "widest-layers": forged(grid_spec(8, 8, **WIDEST)),
    "widest-layers-of-most-levels": forged(grid_spec(8, 8, **WIDEST, **DEEPEST)),
    "widest-gated": forged(Spec("gated", 8, 8, 4096, 4096, 64)),
    "widest-mlp": forged(Spec("mlp", 1 << 14, 1 << 14, 0, 4096, 64)),
    "random-stream-of-many-latents": forged(grid_spec(1300, 1000), body=bytes(range(150))),
    "zero-stream-of-many-latents": forged(grid_spec(1300, 1000)),
    "stream-of-another-picture": forged(grid_spec(1300, 1000), body=STREAM[:150]),
    "stream-longer-than-the-file": forged(grid_spec(8, 8), w=1 << 40),
    "start-of-most-pixels": forged(grid_spec(1 << 14, 1 << 14), body=bytes(900), w=1 << 40),
    "metadata-longer-than-the-file": forged(grid_spec(8, 8), w=100, icc=1 << 24),
    "metadata-beyond-its-limit": forged(grid_spec(8, 8), w=100, xmp=1 << 30),
    "plain-tensors-of-most-pixels": with_entries(
        '"latents.0.0":{"dtype":"F32","shape":[16384,16384],"data_offsets":[0,1073741824]}'
    ),
    "shape-of-many-sides": with_entries(
        '"w":{"dtype":"U8","shape":[' + "1," * 60 + '1],"data_offsets":[0,60]}'
    ),
    "endless-number": with_entries(
        '"w":{"dtype":"U8","shape":[1' + "0" * 5000 + '],"data_offsets":[0,60]}'
    ),
    "infinite-number": with_entries(
        '"w":{"dtype":"U8","shape":[Infinity],"data_offsets":[0,1e999]}'
    ),
    "deep-json": with_entries('"w":' + "[" * 5000 + "]" * 5000),
    "header-longer-than-the-file": (1 << 20).to_bytes(8, "little") + b'{"__metadata__":',
    "header-of-all-memory": (1 << 63).to_bytes(8, "little") + b'{"__metadata__":{"inr":"1 ',
}


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

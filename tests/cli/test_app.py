"""The command line from outside: results, exit codes, messages, and what it must leave alone."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from safetensors.numpy import save_file

from imgnet import __version__
from imgnet.cli.app import run
from imgnet.codec.format.container import from_bytes
from support.shell import FAST, Shell
from support.terminal import in_terminal

Capture = pytest.CaptureFixture[str]


def size_of(image: Path | bytes) -> tuple[int, int]:
    with Image.open(BytesIO(image) if isinstance(image, bytes) else image) as opened:
        return opened.size


def format_of(image: Path | bytes) -> str | None:
    with Image.open(BytesIO(image) if isinstance(image, bytes) else image) as opened:
        return opened.format


def pixels_of(image: Path) -> NDArray[np.float64]:
    with Image.open(image) as opened:
        return np.asarray(opened).astype(float)


def spoil(folder: Path) -> None:
    """Write one file of every kind that imgnet must refuse."""
    (folder / "text.png").write_text("This is no picture.\n")
    (folder / "void.png").touch()
    (folder / "empty.inr").touch()
    (folder / "half.png").write_bytes((folder / "photo.png").read_bytes()[:-40])
    (folder / "cut.inr").write_bytes((folder / "encoded.inr").read_bytes()[:-5])
    save_file({"weights": np.zeros(4, np.float32)}, folder / "foreign.inr")


BAD_INPUT = [
    ("encode missing.png", 3, "missing.png"),
    ("encode text.png", 3, "text.png"),
    ("encode half.png", 3, "half.png"),
    ("encode void.png", 3, "void.png"),
    ("encode .", 3, "."),
    ("decode missing.inr", 3, "missing.inr"),
    ("decode photo.png -o x.png", 4, "photo.png"),
    ("decode cut.inr -o x.png", 4, "cut.inr"),
    ("decode empty.inr -o x.png", 4, "empty.inr"),
    ("decode foreign.inr", 4, "safetensors"),
    ("info cut.inr", 4, "cut.inr"),
    ("info missing.inr", 3, "missing.inr"),
    ("decode encoded.inr --format gif", 2, "gif"),
    ("decode encoded.inr -o x.png --size 0", 2, "size 0"),
    ("decode encoded.inr -o x.png --size 1e9", 2, "1e9"),
    ("decode encoded.inr -o x.png --size 999999999", 2, "999999999"),
    ("decode encoded.inr -o x.png --crop 20,0,9,9", 2, "20,0,9,9"),
    ("decode encoded.inr -o x.png --crop all", 2, "all"),
    ("decode encoded.inr -o x.unknown", 2, "x.unknown"),
    ("decode encoded.inr -o photo.png/x.png", 6, "photo.png"),
    ("decode encoded.inr -o missing/x.png", 6, "missing"),
    ("decode encoded.inr -o /proc/x.png", 6, "/proc"),
    ("encode photo.png -o /proc/new/", 6, "/proc/new"),
    ("encode photo.png -o missing/x.inr", 6, "missing"),
    ("encode photo.png -o photo.png", 2, "photo.png"),
    ("encode photo.png encoded.inr -o x.inr", 2, "x.inr/"),
    ("encode photo.png --target-size many", 2, "many"),
    ("encode photo.png --effort 12", 2, "--effort"),
    ("encode photo.png --json -o -", 2, "stdout"),
    ("encode photo.png --device tpu", 2, "--device"),
    ("encode photo.png --snapshot-every 0 x", 2, "--snapshot-every"),
    ("encode photo.png --snapshot-every 5 photo.png/x", 6, "photo.png/x"),
    ("encode photo.png --dim-hidden 0", 2, "--dim-hidden"),
    ("encode photo.png --num-layers 99", 2, "--num-layers"),
    ("encode photo.png --keep 2", 2, "keep"),
    ("encode photo.png --mask missing.png", 3, "missing.png"),
    ("encode", 2, "IMAGE"),
    ("encoed photo.png", 2, "'encode'"),
]


@pytest.mark.parametrize(("line", "code", "clue"), BAD_INPUT)
def test_fault_is_one_line_and_leaves_nothing(
    line: str,
    code: int,
    clue: str,
    photo: Path,
    encoded_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: Capture,
) -> None:
    spoil(photo.parent)
    monkeypatch.chdir(photo.parent)
    before = {path: path.read_bytes() for path in photo.parent.iterdir()}
    assert encoded_file in before
    assert run(line.split()) == code
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("imgnet: ")
    assert err.count("\n") == 1
    assert clue in err
    assert before == {path: path.read_bytes() for path in photo.parent.iterdir()}


@pytest.mark.parametrize("line", ["decode missing.inr", "encode text.png", "decode cut.inr"])
def test_fault_ends_the_process_with_its_code(
    line: str, photo: Path, encoded_file: Path, shell: Shell
) -> None:
    assert encoded_file.parent == photo.parent
    spoil(photo.parent)
    done = shell(*line.split(), cwd=photo.parent)
    assert done.returncode == (4 if "cut" in line else 3)
    assert done.stdout == b""
    assert done.stderr.count(b"\n") == 1


def test_no_command_shows_the_help(capsys: Capture) -> None:
    assert run([]) == 2
    assert "imgnet encode photo.png" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["encode", "decode", "info"])
def test_a_limit_that_is_no_number_is_one_line(
    command: str, photo: Path, monkeypatch: pytest.MonkeyPatch, capfd: Capture
) -> None:
    monkeypatch.setenv("IMGNET_MAX_PIXELS", "abc")
    several = [photo, photo] if command != "decode" else [photo]
    assert run([command, *map(str, several)]) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert "IMGNET_MAX_PIXELS='abc'" in line


def test_version(shell: Shell) -> None:
    assert shell("--version").stdout.decode() == f"imgnet {__version__}\n"


def test_installed_script_is_the_same_program() -> None:
    script = Path(sys.executable).with_name("imgnet")
    if not script.exists():
        pytest.skip("imgnet is not installed in this environment")
    done = subprocess.run([script, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"imgnet {__version__}\n"


def test_encode_writes_the_file_and_speaks_on_stderr(photo: Path, shell: Shell) -> None:
    target = photo.with_name("named.inr")
    done = shell("encode", photo, "-o", target, *FAST)
    assert done.returncode == 0, done.stderr
    assert done.stdout == b""
    assert b" dB" in done.stderr
    assert f"{target.stat().st_size:,} bytes" in done.stderr.decode()
    spec = from_bytes(target.read_bytes()).spec
    assert (spec.family, spec.width, spec.height) == ("grid", 24, 16)


def test_fault_on_stdin_is_called_so(shell: Shell) -> None:
    for command in (["encode", "-"], ["resample", "-", "--scale", "2"], ["info", "-"]):
        done = shell(*command, input=b"no picture")
        assert done.returncode == (4 if command[0] == "info" else 3)
        assert done.stderr.startswith(b"imgnet: <stdin>: ")
        assert done.stdout == b""


def test_quiet_says_nothing(photo: Path, capfd: Capture) -> None:
    assert run(["encode", str(photo), "--quiet", *FAST]) == 0
    assert capfd.readouterr() == ("", "")
    assert photo.with_suffix(".inr").exists()


def test_json_line(photo: Path, capfd: Capture) -> None:
    assert run(["encode", str(photo), "--json", "--keep", "0.5", *FAST]) == 0
    record = json.loads(capfd.readouterr().out)
    num_bytes = photo.with_suffix(".inr").stat().st_size
    assert record["input"] == str(photo)
    assert record["output"] == str(photo.with_suffix(".inr"))
    assert (record["bytes"], record["bpp"]) == (num_bytes, round(8 * num_bytes / (24 * 16), 4))
    assert (record["status"], record["error"]) == ("done", None)
    assert (record["model"], record["effort"]) == ("grid", 1)
    assert record["psnr_db"] > 10
    assert record["psnr_unseen_db"] > 5
    assert record["steps"] > 0


def test_a_failing_input_does_not_stop_the_others(photo: Path, capfd: Capture) -> None:
    folder = photo.parent / "out"
    inputs = ["missing.png", str(photo)]
    assert run(["encode", *inputs, "-o", f"{folder}/", "--json", *FAST]) == 1
    out, err = capfd.readouterr()
    failed, done = map(json.loads, out.splitlines())
    assert (failed["input"], failed["status"], failed["bytes"]) == ("missing.png", "failed", None)
    assert "missing.png" in failed["error"]
    assert (done["status"], done["output"]) == ("done", str(folder / "photo.inr"))
    assert err.startswith("imgnet: missing.png")


def test_options_reach_the_fit(photo: Path, capfd: Capture) -> None:
    target = photo.with_name("net.inr")
    shape = ["--dim-hidden", "12", "--num-layers", "2", "--weights", "float32"]
    line = ["encode", str(photo), "-o", str(target), "--model", "mlp", *shape, *FAST]
    assert run(line) == 0, capfd.readouterr().err
    encoded = from_bytes(target.read_bytes())
    assert encoded.spec.family == "mlp"
    assert (encoded.spec.dim_hidden, encoded.spec.num_layers) == (12, 2)
    assert encoded.weights == "float32"


@pytest.mark.parametrize("model", ["grid", "gated", "mlp"])
@pytest.mark.parametrize("target", ["size 9", "bpp 0.01", "psnr 90"])
def test_a_target_out_of_reach_is_a_fault_but_the_nearest_file_is_there(
    model: str, target: str, photo: Path, capfd: Capture
) -> None:
    path = photo.with_name("near.inr")
    name, _, value = target.partition(" ")
    line = ["encode", str(photo), "-o", str(path), "--model", model, f"--target-{name}", value]
    assert run([*line, *FAST]) == 5
    err = capfd.readouterr().err
    assert f"cannot reach {value} " in err
    assert "best found: " in err
    assert err.endswith(f"the best is written to {path}\n")
    assert from_bytes(path.read_bytes()).spec.family == model


def test_target_size_is_never_exceeded(photo: Path, capfd: Capture) -> None:
    target = photo.with_name("small.inr")
    line = ["encode", str(photo), "-o", str(target), "--target-size", "0.9k", *FAST]
    assert run(line) == 0, capfd.readouterr().err
    assert target.stat().st_size <= 900


def test_mask_and_snapshots(photo: Path, capfd: Capture) -> None:
    mask = photo.with_name("mask.png")
    stripes = np.tile(np.array([0, 255, 255], np.uint8), (16, 8))
    Image.fromarray(stripes).save(mask)
    previews = photo.with_name("previews")
    line = ["encode", str(photo), "--mask", str(mask), "--snapshot-every", "5", str(previews)]
    assert run([*line, "--json", *FAST]) == 0, capfd.readouterr().err
    assert json.loads(capfd.readouterr().out)["psnr_unseen_db"] is not None
    assert {size_of(preview) for preview in previews.iterdir()} == {(24, 16)}


def test_derived_name_never_replaces_a_file(photo: Path, capfd: Capture) -> None:
    taken = photo.with_suffix(".inr")
    taken.write_text("precious")
    assert run(["encode", str(photo), *FAST]) == 6
    assert "--force" in capfd.readouterr().err
    assert taken.read_text() == "precious"
    assert run(["encode", str(photo), "--force", *FAST]) == 0
    assert from_bytes(taken.read_bytes()).spec.width == 24


def test_decode_never_destroys_the_original(
    photo: Path, encoded_file: Path, capfd: Capture
) -> None:
    original = photo.read_bytes()
    beside = encoded_file.rename(photo.with_suffix(".inr"))
    assert run(["decode", str(beside)]) == 6
    assert run(["decode", str(beside), "-o", str(photo.parent)]) == 6
    assert "--force" in capfd.readouterr().err
    assert photo.read_bytes() == original
    assert run(["decode", str(beside), "-o", str(photo), "--size", "5x4"]) == 0
    assert size_of(photo) == (5, 4)


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ([], (24, 16)),
        (["--size", "48"], (48, 32)),
        (["--size", "7x9"], (7, 9)),
        (["--size", "50%"], (12, 8)),
        (["--crop", "3,4,10,5"], (10, 5)),
    ],
)
def test_decode_size(options: list[str], size: tuple[int, int], encoded_file: Path) -> None:
    target = encoded_file.with_name("drawn.png")
    assert run(["decode", str(encoded_file), "-o", str(target), *options]) == 0
    assert size_of(target) == size


def test_decoded_picture_looks_like_the_photo(photo: Path, encoded_file: Path) -> None:
    target = photo.with_name("drawn.png")
    assert run(["decode", str(encoded_file), "-o", str(target)]) == 0
    assert np.abs(pixels_of(target) - pixels_of(photo)).mean() < 25  # a flat picture is 62 away


def test_format_by_extension_and_by_option(encoded_file: Path) -> None:
    by_name, by_option = (encoded_file.with_name(name) for name in ("a.jpg", "encoded.webp"))
    assert run(["decode", str(encoded_file), "-o", str(by_name)]) == 0
    assert run(["decode", str(encoded_file), "--format", "webp"]) == 0
    assert format_of(by_name) == "JPEG"
    assert format_of(by_option) == "WEBP"


def test_pipes_in_both_directions(photo: Path, shell: Shell) -> None:
    encoded = shell("encode", "-", *FAST, input=photo.read_bytes())
    assert encoded.returncode == 0, encoded.stderr
    decoded = shell("decode", "-", "-o", "-", "--format", "bmp", input=encoded.stdout)
    assert decoded.returncode == 0, decoded.stderr
    assert format_of(decoded.stdout) == "BMP"
    assert size_of(decoded.stdout) == (24, 16)
    assert b"24x16 RGB" in shell("info", "-", input=encoded.stdout).stdout


def test_a_zoom_is_chosen(encoded_file: Path) -> None:
    drawn = {}
    for command in ("decode --size 200%", "resample --scale 2"):
        for zoom in ("", " --zoom neural", " --zoom lanczos"):
            path = encoded_file.with_name("zoomed.png")
            assert run([*(command + zoom).split(), str(encoded_file), "-o", str(path)]) == 0
            drawn[command, zoom] = pixels_of(path)
        assert np.array_equal(drawn[command, ""], drawn[command, " --zoom neural"])
        assert not np.array_equal(drawn[command, ""], drawn[command, " --zoom lanczos"])
    assert np.array_equal(drawn["decode --size 200%", ""], drawn["resample --scale 2", ""])


def test_info_forms(encoded_file: Path, capfd: Capture) -> None:
    assert run(["info", str(encoded_file)]) == 0
    assert "24x16 RGB" in capfd.readouterr().out
    assert run(["info", "--json", str(encoded_file), str(encoded_file)]) == 0
    first, second = map(json.loads, capfd.readouterr().out.splitlines())
    assert first == second
    assert (first["bytes"], first["model"]) == (encoded_file.stat().st_size, "grid")
    assert run(["info", "--dot", str(encoded_file)]) == 0
    assert capfd.readouterr().out.startswith("digraph")


def test_terminals(photo: Path, encoded_file: Path) -> None:
    """Binary data never goes to a terminal, and progress goes nowhere else."""
    terminal, far_end = pty.openpty()
    refused = subprocess.run(
        [sys.executable, "-m", "imgnet", "decode", encoded_file, "-o", "-"],
        stdout=far_end, stderr=subprocess.PIPE, check=False,
    )  # fmt: skip
    os.close(far_end)
    os.close(terminal)
    assert refused.returncode == 2
    assert b"terminal" in refused.stderr
    shown = in_terminal("encode", photo, *FAST, NO_COLOR="1", TERM="xterm", COLUMNS="200")
    assert b" left" in shown
    assert b"[3" not in shown  # a colour


def test_interrupt_leaves_nothing(photo: Path) -> None:
    previews = photo.with_name("previews")
    target = photo.with_suffix(".inr")
    command = [sys.executable, "-m", "imgnet", "encode", photo, "-o", target, "--effort", "9"]
    running = subprocess.Popen(
        [*command, "--snapshot-every", "1", previews], stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 60
    while not (previews.is_dir() and any(previews.iterdir())):
        assert running.poll() is None, running.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=30)
    assert running.returncode == 130
    assert err == b"imgnet: interrupted\n"
    assert {path.name for path in photo.parent.iterdir()} == {"photo.png", "previews"}


def without_reader(*arguments: object) -> subprocess.CompletedProcess[bytes]:
    """Run `imgnet` with a stdout that nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "imgnet", *map(str, arguments)]
    with os.fdopen(writer, "wb") as stdout:
        return subprocess.run(
            command, stdout=stdout, stderr=subprocess.PIPE, check=False, timeout=120
        )


@pytest.mark.skipif(os.name != "posix", reason="SIGPIPE of POSIX")
@pytest.mark.parametrize(
    "arguments",
    [
        ("info", "FILE", "FILE", "--json"),
        ("decode", "FILE", "-o", "-"),
        ("--help",),
        ("--version",),
    ],
)
def test_a_closed_stdout_ends_the_program_with_one_line(
    arguments: tuple[str, ...], encoded_file: Path
) -> None:
    done = without_reader(*(encoded_file if a == "FILE" else a for a in arguments))
    assert done.returncode == 141
    assert done.stderr.startswith(b"imgnet: <stdout>: ")
    assert done.stderr.count(b"\n") == 1


@pytest.mark.skipif(os.name != "posix", reason="SIGPIPE of POSIX")
def test_a_closed_stdout_ends_a_batch(photo: Path) -> None:
    other = photo.with_name("other.png")
    other.write_bytes(photo.read_bytes())
    done = without_reader("encode", photo, other, "--json", "--quiet", *FAST)
    assert done.returncode == 141
    assert photo.with_suffix(".inr").exists()
    assert not other.with_suffix(".inr").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_batch_goes_on_without_its_messages(photo: Path, tmp_path: Path) -> None:
    missing, other = tmp_path / "missing.png", tmp_path / "other.png"
    other.write_bytes(photo.read_bytes())
    command = [sys.executable, "-m", "imgnet", "encode", photo, missing, other, *FAST]
    with open("/dev/full", "wb") as full:
        done = subprocess.run(command, stderr=full, check=False, timeout=120)
    assert done.returncode == 1
    assert photo.with_suffix(".inr").exists()
    assert other.with_suffix(".inr").exists()

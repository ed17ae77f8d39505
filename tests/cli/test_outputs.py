"""Names of outputs, files that are not overwritten, stdout."""

from __future__ import annotations

import os
import sys
from io import BytesIO, TextIOWrapper
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imgnet.cli.outputs import (
    StdoutClosed,
    check_distinct,
    check_snapshots,
    choose_depth,
    name_output,
    print_result,
    resolve_output,
    resolve_picture,
    shared_output,
    write_picture,
    write_stdout,
)
from imgnet.errors import InputError, OutputError, UsageError
from imgnet.image.picture import NO_METADATA
from support.pictures import ramp


class Stdout(TextIOWrapper):
    """A stdout that is a terminal or not, and keeps what is written to it."""

    def __init__(self, is_terminal: bool = False) -> None:
        super().__init__(BytesIO(), encoding="utf-8")
        self.is_terminal = is_terminal

    def isatty(self) -> bool:
        return self.is_terminal

    def written(self) -> bytes:
        self.buffer.seek(0)
        return self.buffer.read()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: `a.png`, `taken.inr` and an empty folder `out`."""
    monkeypatch.chdir(tmp_path)
    Path("a.png").write_bytes(b"an image")
    Path("taken.png").write_bytes(b"another")
    Path("taken.inr").write_bytes(b"precious")
    Path("out").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("source", "output", "inside", "expected"),
    [
        ("a.png", None, "", "a.inr"),
        ("photos/a.b.png", None, "", "photos/a.b.inr"),
        ("photos/a", None, "", "photos/a.inr"),
        ("photos/a.png", "b.bin", "", "b.bin"),
        ("photos/a.png", "out", "", "out/a.inr"),
        ("photos/a.png", "new/", "", "new/a.inr"),
        ("photos/a.png", "new/", "x/y", "new/x/y/a.inr"),
        ("photos/a.png", "-", "", None),
        ("-", None, "", None),
        ("-", "b.bin", "", "b.bin"),
    ],
)
def test_names(source: str, output: str | None, inside: str, expected: str | None) -> None:
    path = name_output(source, output, ".inr", inside)
    assert path == (None if expected is None else Path(expected))


def test_stdin_has_no_name_for_a_folder() -> None:
    with pytest.raises(UsageError, match="<stdin>"):
        name_output("-", "out", ".inr")


def test_a_name_is_decided_before_anything_is_written() -> None:
    assert resolve_output("a.png", "new/", ".inr", inside="x/y") == Path("new/x/y/a.inr")
    assert Path("new/x/y").is_dir()
    assert not list(Path("new/x/y").iterdir())


@pytest.mark.parametrize("output", [None, "./"])
def test_a_derived_name_is_not_overwritten_unless_forced(output: str | None) -> None:
    with pytest.raises(OutputError, match=r"taken\.inr: exists"):
        resolve_output("taken.png", output, ".inr")
    assert resolve_output("taken.png", output, ".inr", force=True) == Path("taken.inr")


def test_a_name_that_was_given_may_be_overwritten() -> None:
    assert resolve_output("a.png", "taken.inr", ".inr") == Path("taken.inr")


@pytest.mark.parametrize("output", [None, "a.png", "./a.png", "link.png"])
def test_an_output_is_never_the_input(output: str | None) -> None:
    Path("link.png").symlink_to("a.png")
    with pytest.raises(UsageError, match="is the input as well"):
        resolve_output("a.png", output, ".png", force=True)


def test_other_files_are_distinct() -> None:
    for source, path in [("a.png", "taken.png"), ("a.png", "absent"), ("-", "a.png")]:
        check_distinct(source, Path(path))


def test_an_absent_input_comes_before_any_fault_of_its_output() -> None:
    with pytest.raises(InputError, match="absent"):
        resolve_output("absent.png", "nowhere/b.inr", ".inr")


@pytest.mark.parametrize("output", ["nowhere/b.inr", "a.png/b.inr", "nowhere/deeper/"])
def test_folders_that_are_not_there(output: str) -> None:
    with pytest.raises(OutputError, match=r"nowhere|a\.png"):
        resolve_output("taken.png", output, ".inr")


@pytest.mark.skipif(
    os.name == "nt" or not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write"
)
def test_a_folder_that_is_not_writable(folder: Path) -> None:
    (folder / "out").chmod(0o500)
    with pytest.raises(OutputError, match="cannot be written"):
        resolve_output("a.png", "out", ".inr")


@pytest.mark.skipif(os.name != "posix", reason="file descriptors are files on POSIX only")
def test_a_pipe_needs_no_folder_that_is_writable() -> None:
    reader, writer = os.pipe()
    path = Path(f"/dev/fd/{writer}")
    assert resolve_output("a.png", str(path), ".inr") == path
    write_picture(ramp(3), path, "ppm", NO_METADATA)
    os.close(writer)
    with open(reader, "rb") as file:
        assert file.read(2) == b"P6"


@pytest.mark.parametrize("output", ["long" * 99, "hanging.inr"])
def test_a_place_is_tried_before_anything_is_done(output: str, folder: Path) -> None:
    Path("hanging.inr").symlink_to("nowhere/a.inr")
    before = sorted(folder.iterdir())
    with pytest.raises(OutputError, match="cannot be written"):
        resolve_output("a.png", output, ".inr")
    assert sorted(folder.iterdir()) == before


def test_several_inputs_share_a_folder_and_nothing_else() -> None:
    for output, folder in ((None, None), ("out", "out"), ("new/", "new/"), ("new", "new/")):
        assert shared_output(output, ".inr") == folder
    assert not Path("new").exists()
    for output, clue in (("-", "<stdout>"), ("b.inr", "b.inr/"), ("a.png", r"a\.png: is a file")):
        with pytest.raises(UsageError, match=clue):
            shared_output(output, ".inr")


def test_previews_have_an_interval_and_a_folder() -> None:
    check_snapshots(1, Path("previews"))
    assert Path("previews").is_dir()
    with pytest.raises(UsageError, match="at least 1 step"):
        check_snapshots(0, Path("never"))
    assert not Path("never").exists()
    with pytest.raises(OutputError, match=r"a\.png"):
        check_snapshots(1, Path("a.png"))


# Formats


@pytest.mark.parametrize(
    ("output", "image_format", "depth", "clue"),
    [
        ("b.xyz", None, None, "xyz"),
        ("b", None, None, "b"),
        ("b.png", "xyz", None, "xyz"),
        ("b.jpg", None, "16", "16"),
    ],
)
def test_a_format_that_cannot_hold_the_picture_is_refused_early(
    output: str, image_format: str | None, depth: str | None, clue: str
) -> None:
    with pytest.raises(UsageError, match=clue):
        resolve_picture("taken.inr", output, image_format, depth)
    assert not Path(output).exists()


def test_a_picture_is_a_png_by_default_and_never_replaces_the_original() -> None:
    Path("b.inr").touch()
    assert resolve_picture("b.inr", None, None) == Path("b.png")
    assert resolve_picture("b.inr", None, "WEBP") == Path("b.webp")
    with pytest.raises(OutputError, match=r"taken\.png: exists"):
        resolve_picture("taken.inr", None, None)


@pytest.mark.parametrize(
    ("asked", "source", "output", "depth"),
    [
        (None, 16, "b.png", 16),
        (None, 16, "b.jpg", 8),
        (None, 8, "b.png", 8),
        ("16", 8, "b.png", 16),
    ],
)
def test_depth_is_what_source_and_format_have(
    asked: str | None, source: int, output: str, depth: int
) -> None:
    assert choose_depth(asked, source, Path(output), None) == depth


def test_a_failing_write_leaves_the_old_file() -> None:
    with pytest.raises(UsageError):
        write_picture(np.zeros((2, 2, 3), np.uint8), Path("taken.inr"), "xyz", NO_METADATA)
    assert Path("taken.inr").read_bytes() == b"precious"
    write_picture(ramp(3), Path("taken.png"), None, NO_METADATA)
    assert np.array_equal(np.asarray(Image.open("taken.png")), ramp(3))
    assert sorted(path.name for path in Path().iterdir()) == [
        "a.png",
        "out",
        "taken.inr",
        "taken.png",
    ]


# Stdout


def test_pictures_go_to_stdout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", stdout := Stdout())
    assert resolve_picture("taken.inr", "-", "bmp") is None
    write_picture(ramp(3), None, "bmp", NO_METADATA)
    assert np.array_equal(np.asarray(Image.open(BytesIO(stdout.written()))), ramp(3))


def test_binary_data_does_not_go_to_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", Stdout(is_terminal=True))
    with pytest.raises(UsageError, match="is a terminal"):
        resolve_output("a.png", "-", ".inr")
    with pytest.raises(UsageError, match="is a terminal"):
        resolve_output("-", None, ".inr")


def test_a_closed_stdout_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    for run in (
        lambda: resolve_output("a.png", "-", ".inr"),
        lambda: write_stdout(b"data"),
        lambda: print_result("text"),
    ):
        with pytest.raises(OutputError, match="<stdout>: is closed"):
            run()


def test_text_and_bytes_may_go_to_the_stdout_of_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", stdout := Stdout())
    before = Stdout()
    print_result("text", before)
    write_stdout(b"data", before)
    assert before.written() == b"text\ndata"
    assert stdout.written() == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_a_fault_and_a_reader_that_has_enough_is_none() -> None:
    with open("/dev/full", "w") as full, pytest.raises(OutputError, match="cannot be written"):
        write_stdout(b"data", full)
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w") as pipe, pytest.raises(StdoutClosed):
        write_stdout(b"data", pipe)

"""Inputs of the command line: files, stdin, and what a file is by its content."""

from __future__ import annotations

import sys
from io import BytesIO, TextIOWrapper
from pathlib import Path

import numpy as np
import pytest

from imgnet.cli.inputs import (
    check_input,
    for_each,
    image_file,
    load_either,
    load_encoded,
    naming,
    read_bytes,
)
from imgnet.codec.format.container import Encoded
from imgnet.errors import FormatError, ImgnetError, InputError, OutputError, UsageError
from support.paths import GOLDEN
from support.picture_files import as_image, stored
from support.pictures import ramp

Capture = pytest.CaptureFixture[str]

GIVEN = (GOLDEN / "v1-mlp.inr").read_bytes()


class Stdin(TextIOWrapper):
    """A stdin with some content, which may claim to be a terminal."""

    def __init__(self, data: bytes, is_terminal: bool = False) -> None:
        super().__init__(BytesIO(data), encoding="utf-8")
        self.is_terminal = is_terminal

    def isatty(self) -> bool:
        return self.is_terminal


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: an image and an .inr file, each with the extension of the other."""
    monkeypatch.chdir(tmp_path)
    Path("image.inr").write_bytes(stored(as_image(ramp(3))))
    Path("encoded.png").write_bytes(GIVEN)
    return tmp_path


@pytest.mark.parametrize(
    ("faults", "code"),
    [([], 0), ([None], 0), ([OutputError], 6), ([None, None], 0), ([FormatError, None], 1)],
)
def test_a_single_fault_keeps_its_code_and_several_inputs_give_1(
    faults: list[type[ImgnetError] | None], code: int, capfd: Capture
) -> None:
    tried, failed = [], []

    def work(source: str) -> None:
        tried.append(source)
        fault = faults[int(source)]
        if fault is not None:
            raise fault(f"{source}: is wrong")

    sources = [str(i) for i in range(len(faults))]
    assert for_each(sources, work, lambda source, _: failed.append(source)) == code
    assert tried == sources  # also those after a fault
    assert failed == [source for source in sources if faults[int(source)]]
    assert capfd.readouterr().err == "".join(f"imgnet: {source}: is wrong\n" for source in failed)


def test_stdin_is_read_as_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    for read in (read_bytes, lambda source: to_read(image_file(source))):
        monkeypatch.setattr(sys, "stdin", Stdin(b"\xff\r\n"))
        assert read("-") == b"\xff\r\n"
    assert image_file("a.png") == Path("a.png")


def to_read(file: Path | BytesIO) -> bytes:
    assert isinstance(file, BytesIO)
    assert file.name == "<stdin>"  # for messages
    return file.read()


def test_a_stdin_that_nobody_feeds_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Stdin(b"", is_terminal=True))
    with pytest.raises(UsageError, match="<stdin>: is a terminal"):
        read_bytes("-")
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(InputError, match="<stdin>: is closed"):
        read_bytes("-")


def test_a_file_that_is_missing_is_a_fault_of_the_input(folder: Path) -> None:
    for check in (check_input, read_bytes, load_encoded, load_either):
        with pytest.raises(InputError, match=r"gone\.png: cannot be read \(No such file"):
            check("gone.png")
    with pytest.raises(InputError, match="cannot be read"):
        read_bytes(str(folder))
    for source in ("-", "image.inr"):
        check_input(source)


def test_content_decides_and_not_the_extension(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels, profile = load_either("image.inr")
    assert np.array_equal(pixels, ramp(3))
    assert profile.mode == "RGB"
    assert isinstance(load_either("encoded.png"), Encoded)
    monkeypatch.setattr(sys, "stdin", Stdin(GIVEN))
    assert load_either("-") == load_encoded("encoded.png")


@pytest.mark.parametrize("quiet", [False, True])
def test_parts_that_are_not_read_are_told_unless_quiet(quiet: bool, capfd: Capture) -> None:
    frames = [as_image(ramp(3)), as_image(ramp(3)[::-1])]
    Path("two.gif").write_bytes(stored(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    load_either("two.gif", quiet=quiet)
    err = capfd.readouterr().err
    assert err.startswith("imgnet: two.gif: ") is not quiet
    assert err.count("\n") == (not quiet)


def test_messages_name_the_input_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for message in ("is damaged", "a.inr: is damaged"):
        with pytest.raises(FormatError) as fault, naming("a.inr"):
            raise FormatError(message)
        assert str(fault.value) == "a.inr: is damaged"
    monkeypatch.setattr(sys, "stdin", Stdin(GIVEN[:-1]))
    with pytest.raises(FormatError, match="<stdin>: cut short"):
        load_encoded("-")
    with pytest.raises(UsageError, match=r"^as it is$"), naming("a.inr"):
        raise UsageError("as it is")

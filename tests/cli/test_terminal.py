from __future__ import annotations

from pathlib import Path

import pytest

from imgnet.cli.app import run
from imgnet.cli.terminal import complain, is_terminal, printable, say, say_lines

Capture = pytest.CaptureFixture[str]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain words, caf\u00e9, \u65e5\u672c", "plain words, caf\u00e9, \u65e5\u672c"),
        ("two\nlines\tand\r", r"two\nlines\tand\r"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("\x7f\x9b\u2028\u202e", r"\x7f\x9b\u2028\u202e"),
        ("caf\udce9", r"caf\xe9"),
        ("\ud800", r"\ud800"),
        (r"C:\new", r"C:\new"),
    ],
)
def test_nothing_commands_the_terminal(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert printable(shown) == shown
    assert shown.encode()


def test_a_fault_is_one_line(capsys: Capture) -> None:
    complain("a\nb: is\x1b[31m missing")
    say("c\nd")
    say_lines("e\nf\x00")
    assert capsys.readouterr() == ("", "imgnet: a\\nb: is\\x1b[31m missing\nc\\nd\ne\nf\\x00\n")


def test_closed_streams(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    assert not is_terminal(None)
    monkeypatch.setattr("sys.stderr", None)
    say("nobody hears this")
    assert capsys.readouterr().out == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_of_messages_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    with open("/dev/full", "w", buffering=1) as full:
        monkeypatch.setattr("sys.stderr", full)
        say("nobody reads this")
        say("nor this")


@pytest.mark.parametrize("command", ["encode", "decode", "resample"])
def test_quiet_and_verbose_exclude_each_other(command: str, capsys: Capture) -> None:
    assert run([command, "a.inr", "--quiet", "-v"]) == 2
    assert "--quiet and --verbose" in capsys.readouterr().err

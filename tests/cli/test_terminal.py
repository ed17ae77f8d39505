from __future__ import annotations

from pathlib import Path

import pytest

from imgnet.cli.app import run
from imgnet.cli.terminal import complain, is_terminal, printable, say, say_lines, watch_all
from imgnet.progress import Progress

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


def report(elapsed_s: float, remaining_s: float, step: int = 30) -> Progress:
    return Progress(step, 100, 30.0, 0.5, elapsed_s, remaining_s)


def test_a_long_fit_is_announced_once(capsys: pytest.CaptureFixture[str]) -> None:
    with watch_all(["photo.jpg"]) as watcher:
        watcher.progress(0, report(0.2, 9000.0))  # too early to tell
        watcher.progress(0, report(6.0, 9000.0, step=2))
        watcher.progress(0, report(6.0, 594.0))
        watcher.progress(0, report(60.0, 540.0))
    said = capsys.readouterr().err
    assert said == "imgnet: photo.jpg takes about 10 minutes; --effort 1 takes the least time\n"


@pytest.mark.parametrize(
    ("names", "shown", "remaining_s"),
    [(["a.png"], True, 200.0), (["a.png"], False, 900.0), (["a.png", "b.png"], True, 900.0)],
)
def test_nothing_is_said_of_short_fits_batches_and_where_all_is_quiet(
    names: list[str], shown: bool, remaining_s: float, capsys: pytest.CaptureFixture[str]
) -> None:
    with watch_all(names, shown=shown) as watcher:
        watcher.progress(0, report(6.0, remaining_s))
    assert not capsys.readouterr().err

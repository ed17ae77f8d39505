"""`imgnet view --live`: its faults, its results and its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import webbrowser
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.request import urlopen

import pytest

from imgnet.api import verify
from imgnet.batch.task import Outcome, Result, Task, failed
from imgnet.cli import live
from imgnet.cli.app import run
from imgnet.errors import InputError
from imgnet.viewer.live import feed, fit

Capture = pytest.CaptureFixture[str]
Monkey = pytest.MonkeyPatch
Encode = Callable[[Task, Any], Outcome]

LEFT_S = 0.1
DONE = Result("photo.png", "-", 1, "grid", bytes=900, bpp=1.0, psnr_db=30.0, seconds=1.0, steps=9)


@pytest.fixture
def tasks(photo: Path, encoded_file: Path, monkeypatch: Monkey) -> list[Task]:
    """Tasks that were fitted, at once, to the content of `encoded_file`."""
    found: list[Task] = []

    def encode_one(task: Task, _on_progress: Any) -> Outcome:
        found.append(task)
        return Outcome(replace(DONE, input=task.source), data=encoded_file.read_bytes())

    monkeypatch.chdir(photo.parent)
    monkeypatch.setattr(fit, "encode_one", encode_one)
    monkeypatch.setattr(live, "LEFT_S", LEFT_S)
    monkeypatch.setattr(feed, "HEARTBEAT_S", LEFT_S / 5)
    return found


class Reader(Thread):
    """A browser that reads all events of a page, and can fetch the result."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self.address, self.result = address, b""
        self.is_connected = Event()
        self.start()

    def run(self) -> None:
        with urlopen(self.address.replace("/?", "/events?"), timeout=20) as events:
            self.is_connected.set()
            while not (line := events.readline()).startswith((b"event: done", b"event: failed")):
                assert line

    def fetch(self) -> None:
        self.join()
        time.sleep(5 * LEFT_S)  # the command waits, though no page is open
        with urlopen(self.address.replace("/?", "/result.inr?"), timeout=20) as answer:
            self.result = answer.read()


@pytest.fixture
def opened(monkeypatch: Monkey) -> list[Reader]:
    """Browsers that were opened."""
    readers: list[Reader] = []
    monkeypatch.setattr(webbrowser, "open", lambda address: not readers.append(Reader(address)))
    return readers


def test_without_a_file_the_result_is_downloaded(
    tasks: list[Task],
    opened: list[Reader],
    encoded_file: Path,
    monkeypatch: Monkey,
    capfd: Capture,
) -> None:
    before = {*Path().iterdir()}
    late = Thread(target=lambda: opened[0].fetch())
    monkeypatch.setattr(live, "say", lambda _line: late.start())
    assert run(["view", "--live", "photo.png", "-q", "30", "-e", "2"]) == 0
    late.join()
    (reader,) = opened
    assert reader.result == encoded_file.read_bytes()
    out, err = capfd.readouterr()
    assert out == ""
    assert err == "photo.png -> the page: 900 bytes, 1.000 bpp, 30.00 dB, 1.0 s\n"
    assert {*Path().iterdir()} == before
    (task,) = tasks
    assert (task.options.quality, task.options.effort) == (30, 2)


def test_a_named_file_is_written(
    tasks: list[Task], opened: list[Reader], encoded_file: Path, capfd: Capture
) -> None:
    assert run(["view", "--live", "photo.png", "-o", "./", "-q", "0"]) == 0
    opened[0].join()
    assert Path("photo.inr").read_bytes() == encoded_file.read_bytes()
    assert "photo.png -> photo.inr: 900 bytes" in capfd.readouterr().err
    assert (tasks[0].options.quality, tasks[0].options.effort) == (0, 3)
    Path("photo.inr").write_text("mine")
    assert run(["view", "--live", "photo.png", "-o", "./"]) == 6
    assert "photo.inr: exists; replace it with --force" in capfd.readouterr().err
    assert len(tasks) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="names are UTF-8")
def test_names_may_be_any_bytes(tasks: list[Task], opened: list[Reader]) -> None:
    name = os.fsdecode(b"caf\xe9 <'%.png")
    Path("photo.png").rename(name)
    assert run(["view", "--live", name, "-o", "a.inr"]) == 0
    opened[0].join()
    assert tasks[0].source == name


def test_the_result_on_stdout(
    tasks: list[Task],
    opened: list[Reader],
    encoded_file: Path,
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    assert run(["view", "--live", "photo.png", "-o", "-"]) == 0
    opened[0].join()
    assert capfdbinary.readouterr().out == encoded_file.read_bytes()
    assert len(tasks) == 1


def test_without_a_browser_the_address_is_said(
    tasks: list[Task], monkeypatch: Monkey, capfd: Capture
) -> None:
    monkeypatch.setattr(webbrowser, "open", lambda _address: False)
    assert run(["view", "--live", "photo.png", "-o", "a.inr"]) == 0
    assert "no browser opens the page; open http://127.0.0.1:" in capfd.readouterr().err
    assert run(["view", "--live", "photo.png", "-o", "a.inr", "--no-open"]) == 0
    assert capfd.readouterr().out.startswith("http://127.0.0.1:")
    assert len(tasks) == 2


def test_a_fit_that_fails(
    tasks: list[Task], monkeypatch: Monkey, opened: list[Reader], capfd: Capture
) -> None:
    def encode_one(task: Task, _on_progress: Any) -> Outcome:
        assert opened[0].is_connected.wait(20)
        return failed(task.source, task.options, InputError("photo.png: odd"))

    monkeypatch.setattr(fit, "encode_one", encode_one)
    assert run(["view", "--live", "photo.png", "-o", "a.inr"]) == 3
    opened[0].join()
    assert capfd.readouterr().err == "imgnet: photo.png: odd\n"
    assert not Path("a.inr").exists()
    assert not tasks


@pytest.mark.parametrize(
    ("line", "code", "clue"),
    [
        ("view encoded.inr -q 50", 2, "-q and -e are for a fit; add --live"),
        ("view encoded.inr -e 1", 2, "-q and -e are for a fit; add --live"),
        ("view --live", 2, "no FILE given"),
        ("view --live --module -o a.js", 2, "--module, --live and --fit contradict each other"),
        ("view --live photo.png --no-open -o -", 2, "both want stdout"),
        ("view --live photo.png -o photo.png", 2, "is the input as well"),
        ("view --live missing.png", 3, "missing.png: cannot be read"),
        ("view --live text.png", 3, "text.png: "),
        ("view --live encoded.inr", 3, "encoded.inr: "),
        ("view --live photo.png -o no/a.inr", 6, "no is not a folder"),
    ],
)
def test_a_fault_is_one_line_and_opens_nothing(
    line: str, code: int, clue: str, tasks: list[Task], opened: list[Reader], capfd: Capture
) -> None:
    Path("text.png").write_text("no picture")
    before = {path: path.read_bytes() for path in Path().iterdir()}
    assert run(line.split()) == code
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("imgnet: ")
    assert err.count("\n") == 1
    assert clue in err
    assert before == {path: path.read_bytes() for path in Path().iterdir()}
    assert not tasks
    assert not opened


def start(photo: Path, *arguments: str) -> tuple[subprocess.Popen[str], str]:
    """Start a live view; return it and the address of its page."""
    command = [sys.executable, "-m", "imgnet", "view", "--live", "--no-open", photo, *arguments]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert running.stdout is not None
    return running, running.stdout.readline().strip()


@pytest.mark.slow
def test_closing_the_page_does_not_stop_the_fit(photo: Path) -> None:
    target = photo.with_name("a.inr")
    running, address = start(photo, "-e", "1", "-o", str(target))
    with urlopen(address.replace("/?", "/events?"), timeout=60) as events:
        while not events.readline().startswith(b"event: snapshot"):
            assert running.poll() is None
    _, err = running.communicate(timeout=60)
    assert running.returncode == 0, err
    assert verify(target)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [b"event: snapshot", b"event: done"])
def test_an_interrupt_leaves_nothing(photo: Path, kind: bytes) -> None:
    effort = "9" if kind == b"event: snapshot" else "1"
    output = ["-o", str(photo.with_name("a.inr"))] if effort == "9" else []
    running, address = start(photo, "-e", effort, *output)
    with urlopen(address.replace("/?", "/events?"), timeout=60) as events:
        while not events.readline().startswith(kind):
            assert running.poll() is None
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=30)
    assert running.returncode == 130
    assert err.splitlines()[-1] == "imgnet: interrupted"
    assert [path.name for path in photo.parent.iterdir()] == ["photo.png"]

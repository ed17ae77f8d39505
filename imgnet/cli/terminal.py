"""Words and progress for the person watching, on stderr; stdout belongs to results."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from imgnet.progress import Progress

if TYPE_CHECKING:
    from rich.progress import Progress as Bars


def printable(text: str) -> str:
    r"""Escape what a line of text for people must not hold.

    These are control characters, which file names may contain and which could end the line or
    command the terminal, and the bytes of file names that are not UTF-8.

    >>> print(printable("caf\u00e9 \x1b[2J\n\udcff"))
    café \x1b[2J\n\xff
    """
    return "".join(c if c.isprintable() else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    if "\udc80" <= character <= "\udcff":  # how Python stands for a byte that it cannot decode
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()


def is_terminal(stream: TextIO | None) -> bool:
    """Tell whether a stream is a terminal; one that is closed is None."""
    return stream is not None and stream.isatty()


def say(line: str) -> None:
    """Print one line to stderr, escaped as by `printable`."""
    if sys.stderr is not None:  # closed; to `print`, None would be stdout
        print(printable(line), file=sys.stderr)


def say_lines(text: str) -> None:
    """Print several lines to stderr."""
    for line in text.splitlines():
        say(line)


def complain(fault: object) -> None:
    """Print a fault to stderr as one line, named as ours."""
    say(f"imgnet: {fault}")


def format_duration(seconds: float) -> str:
    """Write a time as minutes and seconds, with hours where there are any.

    >>> format_duration(75.4), format_duration(3675), format_duration(float("inf"))
    ('1:15', '1:01:15', '-:--')
    """
    if not seconds < 1e6:  # also true of not-a-number
        return "-:--"
    minutes, rest = divmod(round(max(seconds, 0)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def format_progress(progress: Progress) -> str:
    """Write what a fit has reached, in words.

    >>> format_progress(Progress(120, 900, 27.318, 0.3114, 12.0, 78.0))
    '120/900  27.32 dB  0.311 bpp  0:12, 1:18 left'
    """
    return (
        f"{progress.step}/{progress.steps}  {progress.psnr_db:.2f} dB  {progress.bpp:.3f} bpp  "
        f"{format_duration(progress.elapsed_s)}, {format_duration(progress.remaining_s)} left"
    )


def _bars() -> Bars:
    """Return what draws progress bars on stderr and takes them away at the end."""
    # Rich is imported here because it takes as long as all the rest of `imgnet --version`.
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        TextColumn("{task.fields[reached]}", markup=False),
    )
    # What goes to stdout must not come out on stderr, above the bar.
    return Bars(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False)


def format_batch(done: int, total: int, work_done: float, elapsed_s: float) -> str:
    """Write how far a batch is, in words.

    Args:
        done: Files that are done.
        total: Files.
        work_done: Files that are done, with the parts of those that are not.
        elapsed_s: Seconds since the beginning.

    >>> format_batch(3, 12, 4.0, 60.0), format_batch(0, 12, 0.0, 1.0)
    ('3/12 files  1:00, 2:00 left', '0/12 files  0:01, -:-- left')
    """
    left = elapsed_s * (total - work_done) / work_done if work_done else float("inf")
    return f"{done}/{total} files  {format_duration(elapsed_s)}, {format_duration(left)} left"


class Watcher:
    """Takes what is told of the files of a batch; this one shows it to nobody."""

    def progress(self, index: int, progress: Progress, /) -> None:
        """Take how far a file is."""

    def done(self, index: int) -> None:
        """Take that a file is done."""


class _FileWatcher(Watcher):
    """Shows the only file."""

    def __init__(self, bars: Bars, name: str) -> None:
        self.bars = bars
        self.bar = bars.add_task(printable(name), total=None, reached="starting")

    def progress(self, _index: int, progress: Progress, /) -> None:
        reached = format_progress(progress)
        self.bars.update(self.bar, completed=progress.step, total=progress.steps, reached=reached)


class _BatchWatcher(Watcher):
    """Shows how far all files together are."""

    def __init__(self, bars: Bars, total: int) -> None:
        self.bars, self.total, self.num_done = bars, total, 0
        self.parts: dict[int, float] = {}  # of the files that have begun
        self.started = time.monotonic()
        self.bar = bars.add_task("", total=total, reached="starting")

    def progress(self, index: int, progress: Progress, /) -> None:
        self._show(index, progress.step / progress.steps)

    def done(self, index: int) -> None:
        self.num_done += 1
        self._show(index, 1.0)

    def _show(self, index: int, part: float) -> None:
        self.parts[index] = part
        work = sum(self.parts.values())
        elapsed = time.monotonic() - self.started
        reached = format_batch(self.num_done, self.total, work, elapsed)
        self.bars.update(self.bar, completed=work, reached=reached)


@contextmanager
def watch_all(names: Sequence[str], *, shown: bool = True) -> Iterator[Watcher]:
    """Show a progress bar while a batch runs, if there is a terminal to show it on.

    Args:
        names: Files of the batch; the name of a single one heads the bar.
        shown: Whether anybody wants to see it.

    Yields:
        Who is to be told how far the files are.
    """
    if not (shown and names and is_terminal(sys.stderr)):
        yield Watcher()
        return
    with _bars() as bars:
        yield _FileWatcher(bars, names[0]) if len(names) == 1 else _BatchWatcher(bars, len(names))


@contextmanager
def watch(name: str, *, quiet: bool = False) -> Iterator[Callable[[Progress], None]]:
    """Show a progress bar while one fit runs; as `watch_all`.

    Yields:
        A function that takes each `Progress`.
    """
    with watch_all([name], shown=not quiet) as watcher:
        yield lambda progress: watcher.progress(0, progress)

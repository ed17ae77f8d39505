"""Messages and progress bars on stderr; stdout is for results."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TextIO

from imgnet.progress import Progress

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bars
    from rich.text import Text


# A fit that takes longer is announced, from its first estimate after so many seconds and steps. The
# first steps take longer than the others.
LONG_S, ESTIMATE_AFTER_S, ESTIMATE_AFTER_STEPS = 300.0, 5.0, 20


def printable(text: str) -> str:
    r"""Escape control characters and bytes that are not UTF-8, both of which file names may hold.

    A control character could end the line or control the terminal.

    >>> print(printable("caf\u00e9 \x1b[2J\n\udcff"))
    café \x1b[2J\n\xff
    """
    return "".join(c if c.isprintable() else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    if "\udc80" <= character <= "\udcff":  # the surrogate of a byte that is not UTF-8
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()


def is_terminal(stream: TextIO | None) -> bool:
    """Tell whether a stream is a terminal; a closed stream is None."""
    return stream is not None and stream.isatty()


def mute(stream: TextIO) -> None:
    """Discard all that is written to a stream from now on, and what its buffer still holds.

    Python would report the rest of the buffer again when the program ends.
    """
    with suppress(OSError):  # a stream that is no file
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def say(line: str) -> None:
    """Print one line to stderr, escaped as by `printable`; nothing if stderr cannot be written."""
    _print(printable(line))


def say_styled(console: Console, text: Text) -> None:
    """Print text of our own making, which may command the terminal, to stderr as `say` does."""
    with console.capture() as captured:
        console.print(text, soft_wrap=True)
    # Not by the console itself, which would write into a progress bar.
    _print(captured.get().removesuffix("\n"))


def _print(line: str) -> None:
    if sys.stderr is None:  # closed; `print` takes None for stdout
        return
    try:
        sys.stderr.write(f"{line}\n")  # in one piece, which a signal does not cut
    except OSError:  # a full disk must not end the work
        mute(sys.stderr)


def say_lines(text: str) -> None:
    """Print several lines to stderr."""
    for line in text.splitlines():
        say(line)


def complain(fault: object) -> None:
    """Print a fault to stderr as one line with the name of the program."""
    say(f"imgnet: {fault}")


def format_duration(seconds: float) -> str:
    """Format a time as minutes and seconds, with hours from one hour on.

    >>> format_duration(75.4), format_duration(3675), format_duration(float("inf"))
    ('1:15', '1:01:15', '-:--')
    """
    if not seconds < 1e6:  # also true of not-a-number
        return "-:--"
    minutes, rest = divmod(round(max(seconds, 0)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def format_progress(progress: Progress) -> str:
    """Format the progress of a fit.

    >>> format_progress(Progress(120, 900, 27.318, 0.3114, 12.0, 78.0))
    '120/900  27.32 dB  0.311 bpp  0:12, 1:18 left'
    """
    return (
        f"{progress.step}/{progress.steps}  {progress.psnr_db:.2f} dB  {progress.bpp:.3f} bpp  "
        f"{format_duration(progress.elapsed_s)}, {format_duration(progress.remaining_s)} left"
    )


def _bars() -> Bars:
    """Return progress bars on stderr that disappear at the end."""
    # Imported here because rich would double the start-up time.
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        TextColumn("{task.fields[reached]}", markup=False),
    )
    # Stdout must not be redirected to stderr, above the bar.
    return Bars(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False)


def format_batch(done: int, total: int, work_done: float, elapsed_s: float) -> str:
    """Format the progress of a batch.

    Args:
        done: Number of files that are done.
        total: Number of files.
        work_done: `done` and the fractions of the files in progress.
        elapsed_s: Seconds since the start.

    >>> format_batch(3, 12, 4.0, 60.0), format_batch(0, 12, 0.0, 1.0)
    ('3/12 files  1:00, 2:00 left', '0/12 files  0:01, -:-- left')
    """
    left = elapsed_s * (total - work_done) / work_done if work_done else float("inf")
    return f"{done}/{total} files  {format_duration(elapsed_s)}, {format_duration(left)} left"


class Watcher:
    """Watcher of the progress of a batch; this one shows nothing."""

    def progress(self, index: int, progress: Progress, /) -> None:
        """Show the progress of a file."""

    def done(self, index: int) -> None:
        """Show that a file is done."""


class _SingleWatcher(Watcher):
    """Watcher of a single file; it says once that a fit takes long, if it does."""

    def __init__(self, name: str) -> None:
        self.name, self.has_estimate = name, False

    def progress(self, _index: int, progress: Progress, /) -> None:
        is_early = progress.elapsed_s < ESTIMATE_AFTER_S or progress.step < ESTIMATE_AFTER_STEPS
        if self.has_estimate or is_early:
            return
        self.has_estimate = True
        seconds = progress.elapsed_s + progress.remaining_s
        if seconds > LONG_S:
            minutes = f"about {round(seconds / 60)} minutes"
            say(f"imgnet: {self.name} takes {minutes}; --effort 1 takes the least time")


class _FileWatcher(_SingleWatcher):
    """Progress bar of a single file."""

    def __init__(self, bars: Bars, name: str) -> None:
        super().__init__(name)
        self.bars = bars
        self.bar = bars.add_task(printable(name), total=None, reached="starting")

    def progress(self, index: int, progress: Progress, /) -> None:
        super().progress(index, progress)
        reached = format_progress(progress)
        self.bars.update(self.bar, completed=progress.step, total=progress.steps, reached=reached)


class _BatchWatcher(Watcher):
    """Progress bar of all files together."""

    def __init__(self, bars: Bars, total: int) -> None:
        self.bars, self.total, self.num_done = bars, total, 0
        self.parts: dict[int, float] = {}  # fractions done of the files that have started
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
    """Show a progress bar while a batch runs, if stderr is a terminal.

    Args:
        names: Files of the batch; the bar of a single file has its name.
        shown: Show the bar at all.

    Yields:
        The watcher, which takes progress.
    """
    if not (shown and names and is_terminal(sys.stderr)):
        yield _SingleWatcher(names[0]) if shown and len(names) == 1 else Watcher()
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

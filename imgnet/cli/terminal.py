"""Words and progress for the person watching, on stderr; stdout belongs to results."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from imgnet.progress import Progress

Watcher = Callable[[Progress], None]


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


@contextmanager
def watch(name: str, *, quiet: bool = False) -> Iterator[Watcher | None]:
    """Show a progress bar while a fit runs, if there is a terminal to show it on.

    Args:
        name: Heading of the bar, usually what `name_of` calls the input file.
        quiet: Show nothing.

    Yields:
        A function that takes each `Progress`, or None when nobody watches.
    """
    if quiet or sys.stderr is None or not sys.stderr.isatty():
        yield None
        return
    # Rich is imported here because it takes as long as all the rest of `imgnet --version`.
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        TextColumn("{task.fields[reached]}", markup=False),
    )
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        bar = bars.add_task(name, total=None, reached="starting")

        def show(progress: Progress) -> None:
            reached = format_progress(progress)
            bars.update(bar, completed=progress.step, total=progress.steps, reached=reached)

        yield show

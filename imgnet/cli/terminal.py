"""Words and progress for the person watching, on stderr; stdout belongs to results."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from imgnet.progress import Progress

Watcher = Callable[[Progress], None]


def say(text: str) -> None:
    """Print one line to stderr."""
    print(text, file=sys.stderr)


def complain(fault: object) -> None:
    """Print a fault to stderr, named as ours."""
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
        name: Heading of the bar, usually the input file.
        quiet: Show nothing.

    Yields:
        A function that takes each `Progress`, or None when nobody watches.
    """
    if quiet or not sys.stderr.isatty():
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

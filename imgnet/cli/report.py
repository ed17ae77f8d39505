"""A batch under way: results in order, faults, the end of it, and how to go on after a signal."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from imgnet.batch.order import in_order
from imgnet.batch.task import Outcome, Task, name_of
from imgnet.cli.details import detail_lines
from imgnet.cli.inputs import SOME_FAILED
from imgnet.cli.outputs import print_result, write_stdout
from imgnet.cli.terminal import complain, say, watch_all
from imgnet.progress import Progress
from imgnet.signals import EndRequest, Interrupted

Engine = Callable[
    [Sequence[Task], Callable[[int, Progress], None], EndRequest], Iterator[tuple[int, Outcome]]
]


class Reporter:
    """Tells people and programs what becomes of each image, and counts it.

    Args:
        total: How many images there are.
        as_json: Print lines of JSON.
        quiet: Say nothing but faults.
        verbose: Say more of every file.
    """

    def __init__(
        self, total: int, *, as_json: bool, quiet: bool = False, verbose: bool = False
    ) -> None:
        self.stdout = sys.stdout  # an engine may redirect what others print
        self.total, self.as_json, self.quiet, self.verbose = total, as_json, quiet, verbose
        self.counts: Counter[str] = Counter()
        self.codes: list[int] = []

    def show(self, outcome: Outcome) -> None:
        """Tell of one image; a result without a file of its own goes to stdout.

        Raises:
            OutputError: Stdout cannot be written.
        """
        result = outcome.result
        if outcome.data is not None:
            write_stdout(outcome.data, self.stdout)
        if outcome.exit_code:
            self.codes.append(outcome.exit_code)
            complain(result.error)
        else:
            self.counts[result.status] += 1
            self._say(outcome)
        if self.as_json:
            print_result(result.as_json(), self.stdout)

    def _say(self, outcome: Outcome) -> None:
        if self.quiet:
            return
        result = outcome.result
        for note in outcome.notes:
            complain(f"{name_of(result.input)}: {note}")
        say(result.as_text())
        if self.verbose and result.status == "done":
            for line in detail_lines(outcome):
                say(line)

    def finish(self) -> int:
        """Sum up where some failed; return the exit code of the program."""
        if not self.codes or self.total == 1:
            return self.codes[0] if self.codes else 0
        complain(f"{len(self.codes)} of {self.total} files failed; {self._rest()}")
        return SOME_FAILED

    def say_how_to_resume(self, *, skips: bool) -> None:
        """Tell how to go on with a batch that a signal has ended.

        Args:
            skips: The command already skips what exists.
        """
        if self.total > 1:
            how = "the same command" if skips else "the same command with --skip-existing"
            complain(f"{self._rest()} of {self.total} files; {how} goes on from here")

    def _rest(self) -> str:
        kinds = [kind for kind in ("done", "skipped") if self.counts[kind]] or ["done"]
        return ", ".join(f"{self.counts[kind]} {kind}" for kind in kinds)


def carry_out(
    entries: Sequence[Task | Outcome],
    engine: Engine,
    request: EndRequest,
    show: Callable[[Outcome], None],
    *,
    ordered: bool = True,
    watched: bool = True,
) -> None:
    """Run the tasks of a batch and show every outcome.

    Args:
        entries: Tasks, and outcomes that are known before.
        engine: Runs tasks.
        request: Whether a signal has asked for the end.
        show: Takes the outcomes.
        ordered: In the order of the entries; else as they come.
        watched: Draw a progress bar where there is a terminal.

    Raises:
        Interrupted: A signal has ended the batch.
    """
    places = [place for place, entry in enumerate(entries) if isinstance(entry, Task)]
    tasks = [entry for entry in entries if isinstance(entry, Task)]
    known = {i: entry for i, entry in enumerate(entries) if isinstance(entry, Outcome)}
    with watch_all([task.source for task in tasks], shown=watched) as watcher:

        def run() -> Iterator[tuple[int, Outcome]]:
            for index, outcome in engine(tasks, watcher.progress, request):
                watcher.done(index)
                yield places[index], outcome

        for outcome in in_order(known, run()) if ordered else as_they_come(known, run()):
            show(outcome)
    if request.signum is not None:
        raise Interrupted(request.signum)


def as_they_come(
    known: Mapping[int, Outcome], coming: Iterable[tuple[int, Outcome]]
) -> Iterator[Outcome]:
    """Yield the outcomes that are known, then the others as they come."""
    yield from known.values()
    for _, outcome in coming:
        yield outcome

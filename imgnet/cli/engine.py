"""A batch: the engine that runs its tasks, and the order in which outcomes are shown."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from imgnet.batch.order import in_order
from imgnet.batch.task import Outcome, Task
from imgnet.cli.terminal import watch_all
from imgnet.errors import UsageError
from imgnet.progress import Progress
from imgnet.signals import EndRequest, Interrupted, receiving

ENDING = b"imgnet: writing the best so far; a second signal quits at once\n"

OnProgress = Callable[[int, Progress], None]
Run = Callable[[Sequence[Task], OnProgress, EndRequest], Iterator[tuple[int, Outcome]]]


@dataclass(frozen=True)
class Engine:
    """The engine of a batch: this process, a pool of processes, or a Ray cluster.

    Attributes:
        name: "local" or "ray".
        jobs: Tasks at the same time; 0 for one a core, None for the default of the engine.
        address: Address of the Ray cluster.
        ship_bytes: Send files to the cluster instead of paths.
        keep_partial: End fits early on a first signal, and keep their best so far.
    """

    name: str
    jobs: int | None
    address: str
    ship_bytes: bool
    keep_partial: bool

    @property
    def keeps_order(self) -> bool:
        """Whether results come in the order of the inputs."""
        return self.name == "local"

    def check(self) -> None:
        """Check that the options fit the engine, and that the engine is installed.

        Raises:
            UsageError: An option is for the other engine, or Ray is not installed.
        """
        if self.name == "local":
            if self.ship_bytes or self.address != "auto":
                raise UsageError("--address and --ship-bytes are for a cluster; add --engine ray")
            return
        from imgnet.batch.cluster import check_installed

        if self.keep_partial:
            raise UsageError("--keep-partial does not reach a cluster; leave out --engine ray")
        check_installed()

    @contextmanager
    def request(self) -> Iterator[EndRequest]:
        """Turn signals into a request to end, for the engines that can end early."""
        request = EndRequest(_say_ending if self.keep_partial else lambda: None)
        if not (self.keep_partial or self.name == "ray"):
            yield request
            return
        with receiving(request.receive):
            yield request

    def run(
        self,
        tasks: Sequence[Task],
        on_progress: OnProgress,
        request: EndRequest,
    ) -> Iterator[tuple[int, Outcome]]:
        """Run tasks.

        Yields:
            The index of each task and its outcome, as they are done.

        Raises:
            UsageError: No cluster answers at the address.
        """
        if not tasks:
            return iter(())
        if self.name == "ray":
            from imgnet.batch.cluster import encode_on_cluster

            return encode_on_cluster(
                tasks, self.address, request, most=self.jobs, ship_bytes=self.ship_bytes
            )
        from imgnet.batch.processes import encode_here, encode_in_processes

        num_workers = 1 if self.jobs is None else self.jobs or os.cpu_count() or 1
        if min(num_workers, len(tasks)) == 1:
            return encode_here(tasks, on_progress, request)
        return encode_in_processes(
            tasks, num_workers, on_progress, request, graceful=self.keep_partial
        )


def _say_ending() -> None:
    with suppress(OSError):
        os.write(2, ENDING)  # by the number of stderr: a signal may interrupt a print


def carry_out(
    entries: Sequence[Task | Outcome],
    run: Run,
    request: EndRequest,
    show: Callable[[Outcome], None],
    *,
    ordered: bool = True,
    watched: bool = True,
) -> None:
    """Run the tasks of a batch and show every outcome.

    Args:
        entries: Tasks, and outcomes that are known already.
        run: `Engine.run`.
        request: Request of a signal to end.
        show: Takes each outcome.
        ordered: Show outcomes in the order of the entries; else as they come.
        watched: Show a progress bar if stderr is a terminal.

    Raises:
        Interrupted: A signal has ended the batch.
    """
    places = [place for place, entry in enumerate(entries) if isinstance(entry, Task)]
    tasks = [entry for entry in entries if isinstance(entry, Task)]
    known = {i: entry for i, entry in enumerate(entries) if isinstance(entry, Outcome)}
    with watch_all([task.source for task in tasks], shown=watched) as watcher:

        def coming() -> Iterator[tuple[int, Outcome]]:
            for index, outcome in run(tasks, watcher.progress, request):
                watcher.done(index)
                yield places[index], outcome

        for outcome in in_order(known, coming()) if ordered else as_they_come(known, coming()):
            show(outcome)
    if request.signum is not None:
        raise Interrupted(request.signum)


def as_they_come(
    known: Mapping[int, Outcome], coming: Iterable[tuple[int, Outcome]]
) -> Iterator[Outcome]:
    """Yield the known outcomes, then the others as they come."""
    yield from known.values()
    for _, outcome in coming:
        yield outcome

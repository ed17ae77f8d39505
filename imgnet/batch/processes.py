"""Tasks on this machine: one after the other here, or side by side in processes of their own.

Each worker process loads torch once and then takes one task at a time through a pipe. The pipe also
brings back how far the fit is. A worker whose pipe closes ends, so that none outlives this process.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import connection, resource_tracker
from multiprocessing.connection import Connection

from imgnet.batch.task import Outcome, Task, encode_one, failed
from imgnet.errors import ImgnetError
from imgnet.progress import Progress
from imgnet.signals import SIGNALS, EndRequest, Interrupted, end_at_once, holding_back, receiving

OnProgress = Callable[[int, Progress], None]
ShouldStop = Callable[[], bool]
Done = Iterator[tuple[int, Outcome]]

POLL_S = 0.1
GRACE_S = 3.0  # in which a worker that was asked to end must do so

_CONTEXT = multiprocessing.get_context("spawn")


def encode_here(tasks: Sequence[Task], on_progress: OnProgress, should_stop: ShouldStop) -> Done:
    """Do tasks one after the other in this process; none is begun once the end is asked for.

    Args:
        tasks: What to do.
        on_progress: Told the place of a task and how far it is.
        should_stop: Whether the end is asked for; a fit then ends with what it has.

    Yields:
        The place of each task and its outcome.
    """
    for index, task in enumerate(tasks):
        if should_stop():
            return

        def tell(progress: Progress, index: int = index) -> None:
            on_progress(index, progress)

        yield index, encode_one(task, tell, should_stop)


def encode_in_processes(
    tasks: Sequence[Task],
    num_workers: int,
    on_progress: OnProgress,
    should_stop: ShouldStop,
    *,
    gently: bool = False,
) -> Done:
    """Do tasks in worker processes that share the cores; otherwise as `encode_here`.

    A worker that dies fails its task only. The workers are gone when this ends in whatever way.

    Args:
        tasks: What to do.
        num_workers: Processes at the same time.
        on_progress: Told the place of a task and how far it is.
        should_stop: Whether the end is asked for.
        gently: A SIGTERM that reaches a worker too means the same as `should_stop`.

    Yields:
        The place of each task and its outcome, as they are done.
    """
    num_workers = min(num_workers, len(tasks))
    crew = _Crew(tasks, lambda: _Worker(num_workers, gently), num_workers, on_progress, should_stop)
    try:
        yield from crew.run()
    except BaseException:
        crew.terminate()
        raise
    finally:
        crew.disband()


class _Crew:
    """Some workers and the tasks that they have not begun."""

    def __init__(
        self,
        tasks: Sequence[Task],
        hire: Callable[[], _Worker],
        num_workers: int,
        on_progress: OnProgress,
        should_stop: ShouldStop,
    ) -> None:
        self.waiting = deque(enumerate(tasks))
        self.hire, self.num_workers = hire, num_workers
        self.on_progress, self.should_stop = on_progress, should_stop
        self.stopping = False
        self.workers: list[_Worker] = []

    def run(self) -> Done:
        self._hand_out()
        while busy := {worker.line: worker for worker in self.workers if worker.current}:
            for line in connection.wait(list(busy), POLL_S):
                assert isinstance(line, Connection)
                yield from self._receive(busy[line])
            if self.should_stop() and not self.stopping:
                self._stop()
            self._hand_out()

    def _hand_out(self) -> None:
        """Give every idle worker a task, and hire where some have died."""
        while self.waiting and len(self.workers) < self.num_workers:
            self.workers.append(self.hire())
            self.workers[-1].begin(*self.waiting.popleft())
        for worker in self.workers:
            if self.waiting and not worker.current:
                worker.begin(*self.waiting.popleft())

    def _receive(self, worker: _Worker) -> Done:
        assert worker.current is not None
        index, task = worker.current
        try:
            message = worker.line.recv()
        except (EOFError, OSError):
            self.workers.remove(worker)
            yield index, failed(task.source, task.options, worker.cause_of_death())
            return
        if isinstance(message, Progress):
            self.on_progress(index, message)
        else:
            worker.current = None
            yield index, message

    def _stop(self) -> None:
        """End the fits that run with what they have, and begin no other."""
        self.stopping = True
        self.waiting.clear()
        for worker in self.workers:
            worker.ask_to_stop()

    def terminate(self) -> None:
        for worker in self.workers:
            worker.process.terminate()

    def disband(self) -> None:
        for worker in self.workers:
            worker.line.close()
        for worker in self.workers:
            worker.end()


class _Worker:
    """A process, our end of the pipe to it, and the task that it is at."""

    def __init__(self, num_workers: int, gently: bool) -> None:
        self.line, theirs = _CONTEXT.Pipe()
        # A daemon, so that Python ends it should we be stopped from doing so.
        self.process = _CONTEXT.Process(
            target=serve, args=(theirs, num_workers, gently), daemon=True
        )
        resource_tracker.ensure_running()  # which would release signals in the middle of a start
        with _holding_signals():
            self.process.start()
        theirs.close()
        self.current: tuple[int, Task] | None = None

    def begin(self, index: int, task: Task) -> None:
        self.current = index, task
        with suppress(OSError):  # a dead worker is noticed where its answer is awaited
            self.line.send(task)

    def ask_to_stop(self) -> None:
        with suppress(OSError):
            self.line.send(None)

    def cause_of_death(self) -> ImgnetError:
        self.process.join(GRACE_S)
        return ImgnetError(
            f"its worker process died (exit code {self.process.exitcode}), perhaps for lack of "
            "memory; try again with fewer --jobs"
        )

    def end(self) -> None:
        """Wait until the process has ended, with more and more emphasis."""
        for urge in (self.process.terminate, self.process.kill):
            self.process.join(GRACE_S)
            if self.process.is_alive():
                urge()
        self.process.join()
        self.process.close()


@contextmanager
def _holding_signals() -> Iterator[None]:
    """Hold signals back; a process started meanwhile is born so and not disturbed by Ctrl-C."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def serve(line: Connection, num_workers: int, gently: bool) -> None:
    """Do the tasks that come through a pipe, until it closes or a SIGTERM comes.

    Ctrl-C, which a terminal sends to all processes, is left to the one that hands out the tasks.

    Args:
        line: Brings tasks and, to end a fit early, None; takes progress and outcomes.
        num_workers: Processes that share the cores.
        gently: A first SIGTERM ends the fit early instead of the process.
    """
    request = EndRequest()
    handler = request.receive if gently else end_at_once
    with suppress(Interrupted, EOFError, OSError), receiving(handler):
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
        _serve(line, num_workers, request)


def _serve(line: Connection, num_workers: int, request: EndRequest) -> None:
    with holding_back():
        from imgnet.fit.device import share_threads

    def asked_to_stop() -> bool:
        try:
            if line.poll() and line.recv() is None:
                request.signum = signal.SIGTERM
        except (EOFError, OSError):  # nobody waits for the outcome any more
            end_at_once(signal.SIGTERM, None)
        return request()

    share_threads(num_workers)
    while True:
        task = line.recv()
        if task is not None:  # else it was asked to stop a fit that had just ended
            line.send(encode_one(task, line.send, asked_to_stop))

"""A pool of worker processes, each of which does one task at a time.

A worker takes tasks through a pipe, which also brings back the progress of a task and its result.
A worker whose pipe closes ends, so that none outlives this process.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import connection, resource_tracker
from multiprocessing.connection import Connection
from traceback import format_exc
from typing import Any

from imgnet.signals import SIGNALS, EndRequest, Interrupted, end_at_once, receiving

Report = Callable[[Any], None]
ShouldStop = Callable[[], bool]

POLL_S = 0.1
GRACE_S = 3.0  # in which a worker that was asked to end must do so

_CONTEXT = multiprocessing.get_context("spawn")


class WorkerDied(Exception):
    """The process of a task died.

    Attributes:
        exit_code: Of the process; minus the number of the signal that killed it.
    """

    def __init__(self, exit_code: int | None) -> None:
        super().__init__(f"a worker process died (exit code {exit_code})")
        self.exit_code = exit_code


@dataclass(frozen=True)
class Program:
    """The program of a worker process. It is pickled, so its functions must be those of a module.

    Attributes:
        work: Takes a task, a function that takes its progress, and a function that tells whether to
            end early; returns the result.
        initialize: Called once in every process.
        graceful: A first SIGTERM requests an early end of the task instead of ending the process.
        one_task_each: Start a new process for every task.
    """

    work: Callable[[Any, Report, ShouldStop], Any]
    initialize: Callable[[], object] | None = None
    graceful: bool = False
    one_task_each: bool = False


@dataclass(frozen=True)
class _Progress:
    value: Any


@dataclass(frozen=True)
class _Result:
    value: Any


def run_in_pool(
    program: Program,
    tasks: Sequence[Any],
    num_workers: int,
    on_progress: Callable[[int, Any], None] = lambda _index, _progress: None,
    should_stop: ShouldStop = lambda: False,
) -> Generator[tuple[int, Any], None, None]:
    """Do tasks in worker processes. No worker outlives this generator.

    Args:
        program: Program of the workers.
        tasks: Tasks, which are pickled.
        num_workers: Processes at the same time.
        on_progress: Takes the index of a task and its progress.
        should_stop: Tells whether an end is requested; then no task starts, and running tasks are
            asked to end early.

    Yields:
        The index of each task and, as they are done, its result, the exception that it raised, or
        `WorkerDied`.
    """
    pool = _Pool(program, tasks, num_workers, on_progress, should_stop)
    try:
        yield from pool.run()
    except BaseException:
        pool.terminate()
        raise
    finally:
        pool.close()


class _Pool:
    """The workers, and the tasks that have not started."""

    def __init__(
        self,
        program: Program,
        tasks: Sequence[Any],
        num_workers: int,
        on_progress: Callable[[int, Any], None],
        should_stop: ShouldStop,
    ) -> None:
        self.program, self.num_workers = program, num_workers
        self.waiting = deque(enumerate(tasks))
        self.on_progress, self.should_stop = on_progress, should_stop
        self.stopping = False
        self.workers: list[_Worker] = []

    def run(self) -> Iterator[tuple[int, Any]]:
        self._hand_out()
        while busy := {w.line: w for w in self.workers if w.index is not None}:
            for line in connection.wait(list(busy), POLL_S):
                assert isinstance(line, Connection)
                yield from self._receive(busy[line])
            if self.should_stop() and not self.stopping:
                self._stop()
            self._hand_out()

    def _hand_out(self) -> None:
        """Give every idle worker a task, and start workers up to their number."""
        while self.waiting and len(self.workers) < self.num_workers:
            self.workers.append(_Worker(self.program))
            self.workers[-1].begin(*self.waiting.popleft())
        for worker in self.workers:
            if self.waiting and worker.index is None:
                worker.begin(*self.waiting.popleft())

    def _receive(self, worker: _Worker) -> Iterator[tuple[int, Any]]:
        index = worker.index
        assert index is not None
        try:
            message = worker.line.recv()
        except (EOFError, OSError):
            self.workers.remove(worker)
            yield index, WorkerDied(worker.end())
            return
        if isinstance(message, _Progress):
            self.on_progress(index, message.value)
            return
        worker.index = None
        if self.program.one_task_each:
            self.workers.remove(worker)
            worker.end()
        yield index, message.value

    def _stop(self) -> None:
        """Ask running tasks to end early, and drop the others."""
        self.stopping = True
        self.waiting.clear()
        for worker in self.workers:
            worker.ask_to_stop()

    def terminate(self) -> None:
        for worker in self.workers:
            worker.process.terminate()

    def close(self) -> None:
        for worker in self.workers:
            worker.line.close()
        for worker in self.workers:
            worker.end()


class _Worker:
    """A process, our end of the pipe to it, and the index of its task."""

    def __init__(self, program: Program) -> None:
        self.line, theirs = _CONTEXT.Pipe()
        # A daemon, so that Python ends it if this process exits without `close`.
        self.process = _CONTEXT.Process(target=_serve, args=(theirs, program), daemon=True)
        resource_tracker.ensure_running()  # its own start would unblock signals
        with _blocking_signals():
            self.process.start()
        theirs.close()
        self.index: int | None = None

    def begin(self, index: int, task: Any) -> None:
        self.index = index
        with suppress(OSError):  # a dead worker is noticed where its result is awaited
            self.line.send(task)

    def ask_to_stop(self) -> None:
        with suppress(OSError):
            self.line.send(None)

    def end(self) -> int | None:
        """Wait for the process, terminate it, kill it, until it has ended; return its exit code."""
        self.line.close()
        for signal_process in (self.process.terminate, self.process.kill):
            self.process.join(GRACE_S)
            if self.process.is_alive():
                signal_process()
        self.process.join()
        exit_code = self.process.exitcode
        self.process.close()
        return exit_code


@contextmanager
def _blocking_signals() -> Iterator[None]:
    """Block signals within the block; a process started there inherits that and ignores Ctrl-C."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(line: Connection, program: Program) -> None:
    """Do the tasks that come through a pipe until it closes or SIGTERM arrives.

    Ctrl-C, which a terminal sends to all processes, stays blocked; the parent process handles it.

    Args:
        line: Pipe that brings tasks, and None to end one early, and takes progress and results.
        program: Program of the worker.
    """
    request = EndRequest()
    handler = request.receive if program.graceful else end_at_once
    with suppress(Interrupted, EOFError, OSError), receiving(handler):
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
        if program.initialize is not None:
            program.initialize()
        while True:
            task = line.recv()
            if task is not None:  # else None for a task that has just ended
                line.send(_Result(_result(task, line, program, request)))


def _result(task: Any, line: Connection, program: Program, request: EndRequest) -> Any:
    def report(progress: Any) -> None:
        line.send(_Progress(progress))

    def asked_to_stop() -> bool:
        try:
            if line.poll() and line.recv() is None:
                request.signum = signal.SIGTERM
        except (EOFError, OSError):  # the parent process is gone
            end_at_once(signal.SIGTERM, None)
        return request()

    try:
        return program.work(task, report, asked_to_stop)
    except Exception as error:
        error.add_note(f"In a worker process:\n{format_exc()}")
        return error

"""A pool of worker processes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable

import pytest

from imgnet.batch.pool import Program, WorkerDied, run_in_pool
from imgnet.signals import Interrupted

Report = Callable[[object], None]
ShouldStop = Callable[[], bool]


def work(task: str, report: Report, should_stop: ShouldStop) -> object:
    """Do what a word says."""
    if task == "pid":
        return os.getpid()
    if task == "raise":
        raise ValueError("no such task")
    if task == "die":
        os._exit(7)
    if task == "terminate":
        os.kill(os.getpid(), signal.SIGTERM)
    report("begun")
    while task in ("wait", "terminate") and not should_stop():
        time.sleep(0.01)
    return task


def run(program: Program, tasks: list[str], num_workers: int = 2) -> dict[int, object]:
    return dict(run_in_pool(program, tasks, num_workers))


def test_a_fault_or_a_death_ends_one_task_only() -> None:
    results = run(Program(work), ["raise", "die", "a", "b"])
    assert isinstance(results[0], ValueError)
    assert "work" in results[0].__notes__[0]  # the traceback of the other process
    assert isinstance(results[1], WorkerDied)
    assert results[1].exit_code == 7
    assert (results[2], results[3]) == ("a", "b")
    assert not multiprocessing.active_children()


def test_processes_are_kept_unless_every_task_has_its_own() -> None:
    assert len({os.getpid(), *run(Program(work), ["pid"] * 3, 1).values()}) == 2
    alone = Program(work, one_task_each=True)
    assert len({os.getpid(), *run(alone, ["pid"] * 3, 2).values()}) == 4


def test_progress_is_that_of_its_task() -> None:
    seen: list[tuple[int, object]] = []
    pool = run_in_pool(Program(work), ["a", "b"], 2, lambda *progress: seen.append(progress))
    assert dict(pool) == {0: "a", 1: "b"}
    assert sorted(seen) == [(0, "begun"), (1, "begun")]  # type: ignore[type-var]


def test_the_end_reaches_what_runs_and_nothing_else_begins() -> None:
    begun: list[int] = []
    tasks = ["wait", "wait", "a"]
    pool = run_in_pool(
        Program(work), tasks, 2, lambda index, _: begun.append(index), lambda: len(begun) == 2
    )
    assert dict(pool) == {0: "wait", 1: "wait"}


@pytest.mark.parametrize("graceful", [False, True])
def test_sigterm_ends_a_worker_or_its_task(graceful: bool) -> None:
    (result,) = run(Program(work, graceful=graceful), ["terminate"]).values()
    assert result == "terminate" if graceful else isinstance(result, WorkerDied)


def test_no_process_outlives_an_interrupt() -> None:
    def interrupt(_index: int, _progress: object) -> None:
        raise Interrupted(signal.SIGINT)

    with pytest.raises(Interrupted):
        list(run_in_pool(Program(work), ["wait"], 1, interrupt))
    assert not multiprocessing.active_children()

"""Images one after the other in this process, or side by side in a pool of processes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from imgnet.batch.pool import Program, WorkerDied, run_in_pool
from imgnet.batch.task import Outcome, Task, encode_one, failed
from imgnet.errors import ImgnetError
from imgnet.progress import Progress
from imgnet.signals import holding_back

OnProgress = Callable[[int, Progress], None]
ShouldStop = Callable[[], bool]
Outcomes = Iterator[tuple[int, Outcome]]


def encode_here(
    tasks: Sequence[Task], on_progress: OnProgress, should_stop: ShouldStop
) -> Outcomes:
    """Do tasks one after the other in this process; none starts once an end is requested.

    Args:
        tasks: Images to encode.
        on_progress: Takes the index of a task and its progress.
        should_stop: Tells whether an end is requested; a fit then ends with the best so far.

    Yields:
        The index of each task and its outcome.
    """
    for index, task in enumerate(tasks):
        if should_stop():
            return
        yield index, encode_one(task, partial(on_progress, index), should_stop)


def encode_in_processes(
    tasks: Sequence[Task],
    num_workers: int,
    on_progress: OnProgress,
    should_stop: ShouldStop,
    *,
    graceful: bool = False,
) -> Outcomes:
    """Do tasks in worker processes that share the cores; otherwise as `encode_here`.

    A worker that dies fails its task only. No worker outlives this generator.

    Args:
        tasks: Images to encode.
        num_workers: Processes at the same time.
        on_progress: Takes the index of a task and its progress.
        should_stop: Tells whether an end is requested.
        graceful: A first SIGTERM to a worker requests an early end of its fit.

    Yields:
        The index of each task and its outcome, as they are done.
    """
    num_workers = min(num_workers, len(tasks))
    level = logging.getLogger("imgnet").level
    program = Program(encode_one, partial(_prepare, num_workers, level), graceful=graceful)
    for index, result in run_in_pool(program, tasks, num_workers, on_progress, should_stop):
        if isinstance(result, WorkerDied):
            fault = ImgnetError(
                f"its worker process died (exit code {result.exit_code}), perhaps for lack of "
                "memory; try again with fewer --jobs"
            )
            yield index, failed(tasks[index].source, tasks[index].options, fault)
        else:
            yield index, result


def share_cores(num_processes: int) -> None:
    """Load torch and give it the share of the cores of one of `num_processes` processes."""
    with holding_back():
        from imgnet.fit.device import share_threads
    share_threads(num_processes)


def _prepare(num_workers: int, log_level: int) -> None:
    """Give a worker its share of the cores, and the log level of the process that began it."""
    logging.getLogger("imgnet").setLevel(log_level)
    share_cores(num_workers)

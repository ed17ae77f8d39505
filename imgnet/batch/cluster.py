"""Tasks on an existing Ray cluster.

Ray repeats the tasks of a lost worker, which write the same file again. Workers read and write the
paths of a shared folder or, without one, receive the image and return the .inr file through Ray.
"""

from __future__ import annotations

import errno
import logging
import os
import signal
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from imgnet.batch.task import NamedBytes, Outcome, Task, encode_one, failed
from imgnet.errors import ImgnetError, InputError, OutputError, UsageError

RETRIES = 3  # of the task of a lost worker
QUEUED = 2  # tasks submitted for each core of the cluster, so that none is idle
POLL_S = 0.2
PROBE_S = 10.0  # timeout of a connection to the cluster
GRACE_S = 5.0  # time for cancelled tasks to end
ARRIVAL_S = 10.0  # time for a written file to appear in the shared folder

NOT_SHARED = "if the cluster does not share this folder, use --ship-bytes"


def check_installed() -> None:
    """Make sure that Ray is installed.

    Raises:
        UsageError: Ray is not installed.
    """
    if find_spec("ray") is None:
        raise UsageError('--engine ray needs Ray; install it with: pip install "imgnet[ray]"')


def encode_on_cluster(
    tasks: Sequence[Task],
    address: str,
    should_stop: Callable[[], bool],
    *,
    most: int | None = None,
    ship_bytes: bool = False,
) -> Iterator[tuple[int, Outcome]]:
    """Do tasks on a cluster; when an end is requested, running tasks are cancelled.

    Args:
        tasks: Images to encode.
        address: Address of the cluster, or "auto" for the one of this machine.
        should_stop: Tells whether an end is requested.
        most: Tasks on the cluster at the same time; by default two for each of its cores.
        ship_bytes: Send the files instead of letting workers read and write their paths.

    Yields:
        The index of each task and its outcome, as they are done.

    Raises:
        UsageError: Ray is not installed, or no cluster answers.
    """
    check_installed()
    with redirect_stdout(sys.stderr):  # Ray prints to stdout, which is for results
        ray = _connect(address)
        try:
            yield from _flow(ray, tasks, should_stop, most, ship_bytes)
        finally:
            ray.shutdown()


def _connect(address: str) -> Any:
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # else Ray prints a warning
    import ray

    handler = signal.getsignal(signal.SIGTERM)
    try:
        _probe(address)
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, RuntimeError, ValueError) as error:
        raise UsageError(
            f"no Ray cluster answers at {address!r}; start one with `ray start --head` or name "
            "another with --address"
        ) from error
    finally:
        signal.signal(signal.SIGTERM, handler)  # Ray installs its own
    return ray


def _probe(address: str) -> None:
    """Connect to HOST:PORT once; Ray itself would try for minutes or, with "auto", forever.

    Raises:
        OSError: The connection fails.
    """
    host, _, port = (_last_started() if address == "auto" else address).rpartition(":")
    if port.isdecimal() and "/" not in host:
        socket.create_connection((host.strip("[]"), int(port)), PROBE_S).close()


def _last_started() -> str:
    """Return the address that Ray uses for "auto", or ""; its cluster may be gone."""
    folder = os.environ.get("RAY_TMPDIR") or os.environ.get("TMPDIR") or "/tmp"
    noted = Path(folder, "ray", "ray_current_cluster")
    return os.environ.get("RAY_ADDRESS") or (noted.read_text() if noted.exists() else "")


def _flow(
    ray: Any,
    tasks: Sequence[Task],
    should_stop: Callable[[], bool],
    most: int | None,
    ship_bytes: bool,
) -> Iterator[tuple[int, Outcome]]:
    most = most or max(1, QUEUED * int(ray.cluster_resources().get("CPU", 1)))
    waiting, running = deque(range(len(tasks))), dict[Any, int]()
    try:
        while (waiting or running) and not should_stop():
            while waiting and len(running) < most:
                index = waiting.popleft()
                try:
                    running[_submit(ray, tasks[index], ship_bytes)] = index
                except ImgnetError as error:
                    yield index, failed(tasks[index].source, tasks[index].options, error)
            if running:
                done, _ = ray.wait(list(running), num_returns=1, timeout=POLL_S)
                for reference in done:
                    index = running.pop(reference)
                    yield index, _received(ray, reference, tasks[index])
    finally:
        _cancel(ray, list(running))


def _submit(ray: Any, task: Task, ship_bytes: bool) -> Any:
    num_gpus = 1 if task.options.device == "cuda" else 0
    remote = ray.remote(num_cpus=1, num_gpus=num_gpus, max_retries=RETRIES)(encode_one)
    return remote.remote(_shipped(task) if ship_bytes else _absolute(task))


def _shipped(task: Task) -> Task:
    """Return a task that holds its image and returns its file."""
    image = task.image
    if isinstance(image, Path):
        image = NamedBytes(_read(image), str(image))
    options = task.options
    if isinstance(options.mask, Path):
        mask = NamedBytes(_read(options.mask), str(options.mask))
        options = replace(options, mask=mask)
    return Task(task.source, image, None, options)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error


def _absolute(task: Task) -> Task:
    """Return a task with absolute paths."""
    image = task.image.absolute() if isinstance(task.image, Path) else task.image
    output = None if task.output is None else task.output.absolute()
    options = task.options
    if isinstance(options.mask, Path):
        options = replace(options, mask=options.mask.absolute())
    return Task(task.source, image, output, options)


def _received(ray: Any, reference: Any, task: Task) -> Outcome:
    """Return the outcome of a task, after its file has arrived."""
    try:
        outcome: Outcome = ray.get(reference)
        return _stored(outcome, task)
    except ray.exceptions.RayError as error:
        reason = str(error).strip().splitlines()[-1]
        fault = ImgnetError(f"the cluster could not do it ({type(error).__name__}: {reason})")
    except ImgnetError as error:
        fault = error
    return failed(task.source, task.options, fault)


def _stored(outcome: Outcome, task: Task) -> Outcome:
    from imgnet.image.atomic import write_atomically

    result = outcome.result
    if task.output is None or outcome.exit_code:
        return _explained(outcome)
    if outcome.data is not None:
        write_atomically(task.output, outcome.data)
    elif not _arrived(task.output, result.bytes):
        raise OutputError(f"{task.output}: was written elsewhere; {NOT_SHARED}")
    return Outcome(replace(result, output=str(task.output)))


def _explained(outcome: Outcome) -> Outcome:
    """Add a hint to the fault of a file that a worker does not find, since it exists here."""
    error = outcome.result.error or ""
    if os.strerror(errno.ENOENT) in error:
        return replace(outcome, result=replace(outcome.result, error=f"{error}; {NOT_SHARED}"))
    return outcome


def _arrived(path: Path, num_bytes: int | None) -> bool:
    """Wait for a file of this size, which a network file system may show with a delay."""
    deadline = time.monotonic() + ARRIVAL_S
    while not (path.name in os.listdir(path.parent) and path.stat().st_size == num_bytes):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True


def _cancel(ray: Any, running: list[Any]) -> None:
    """Cancel tasks so that they remove their partial files."""
    for reference in running:
        ray.cancel(reference, force=False)  # KeyboardInterrupt, not kill
    if running:
        ray.wait(running, num_returns=len(running), timeout=GRACE_S)

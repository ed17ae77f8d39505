"""Tasks here and in worker processes."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from imgnet.batch.processes import Outcomes, encode_here, encode_in_processes
from imgnet.batch.task import Task
from imgnet.progress import Progress
from imgnet.request.encode_options import EncodeOptions
from imgnet.signals import Interrupted

OPTIONS = EncodeOptions(effort=1, time_limit=0.2)


def tasks_of(photo: Path, count: int) -> list[Task]:
    names = [photo.with_name(f"{i}.inr") for i in range(count)]
    return [Task(f"{i}.png", photo, name, OPTIONS) for i, name in enumerate(names)]


def silent(_index: int, _progress: Progress) -> None:
    pass


def here(tasks: list[Task], should_stop: Callable[[], bool]) -> Outcomes:
    return encode_here(tasks, silent, should_stop)


def in_processes(tasks: list[Task], should_stop: Callable[[], bool]) -> Outcomes:
    return encode_in_processes(tasks, 2, silent, should_stop)


@pytest.mark.parametrize("engine", [here, in_processes])
def test_every_task_is_done_and_a_fault_stops_nothing(
    engine: Callable[[list[Task], Callable[[], bool]], Outcomes], photo: Path
) -> None:
    tasks = [*tasks_of(photo, 2), Task("no.png", Path("no.png"), None, OPTIONS)]
    outcomes = dict(engine(tasks, lambda: False))
    assert {i: outcomes[i].result.status for i in range(3)} == {0: "done", 1: "done", 2: "failed"}
    assert photo.with_name("1.inr").exists()
    assert not multiprocessing.active_children()


def test_nothing_begins_once_the_end_is_asked_for(photo: Path) -> None:
    done = photo.with_name("0.inr")
    assert len(list(encode_here(tasks_of(photo, 3), silent, done.exists))) == 1


def test_workers_go_when_their_batch_breaks_off(photo: Path) -> None:
    def interrupt(_index: int, _progress: Progress) -> None:
        raise Interrupted(2)

    options = replace(OPTIONS, effort=9, time_limit=9.0)
    tasks = [Task(t.source, t.image, t.output, options) for t in tasks_of(photo, 2)]
    with pytest.raises(Interrupted):
        list(encode_in_processes(tasks, 2, interrupt, lambda: False))
    assert not multiprocessing.active_children()
    assert list(photo.parent.iterdir()) == [photo]

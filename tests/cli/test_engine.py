"""Who runs a batch."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from imgnet.batch import processes
from imgnet.batch.task import Task, skipped
from imgnet.cli.engine import Engine, as_they_come
from imgnet.errors import UsageError
from imgnet.request.encode_options import EncodeOptions
from imgnet.signals import EndRequest, Interrupted, end_at_once, receiving


def engine(
    name: str = "local", jobs: int | None = None, address: str = "auto", **kinds: bool
) -> Engine:
    return Engine(name, jobs, address, **({"ship_bytes": False, "keep_partial": False} | kinds))


@pytest.mark.parametrize(
    "wrong",
    [
        engine(ship_bytes=True),
        engine(address="10.0.0.1:6379"),
        engine("ray", keep_partial=True),
    ],
)
def test_what_does_not_go_together_is_refused(wrong: Engine) -> None:
    with pytest.raises(UsageError, match="--engine ray"):
        wrong.check()


def test_a_signal_ends_at_once_unless_the_best_so_far_is_kept(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with receiving(end_at_once):
        with pytest.raises(Interrupted), engine().request():
            signal.raise_signal(signal.SIGINT)
        with engine(keep_partial=True).request() as request:
            signal.raise_signal(signal.SIGINT)
            assert request.signum == signal.SIGINT
    assert "a second signal quits" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("jobs", "count", "workers_used"), [(None, 5, 1), (3, 5, 3), (0, 5, 4), (3, 1, 1)]
)
def test_how_many_workers(
    jobs: int | None, count: int, workers_used: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[int] = []

    def in_processes(_tasks: list[Task], number: int, *_: object, graceful: bool) -> None:
        assert not graceful
        used.append(number)

    monkeypatch.setattr("os.cpu_count", lambda: 4)
    monkeypatch.setattr(processes, "encode_here", lambda *_: used.append(1))
    monkeypatch.setattr(processes, "encode_in_processes", in_processes)
    tasks = [Task("a.png", Path("a.png"), None)] * count
    engine(jobs=jobs).run(tasks, lambda _index, _progress: None, EndRequest())
    assert used == [workers_used]


def test_no_tasks_need_nobody() -> None:
    assert list(engine("ray").run([], lambda _index, _progress: None, EndRequest())) == []


def test_outcomes_are_shown_as_they_come() -> None:
    options = EncodeOptions(model="grid", effort=1)
    outcomes = [skipped(f"{i}.png", Path(f"{i}.inr"), options) for i in range(3)]
    coming = [(2, outcomes[2]), (0, outcomes[0])]
    assert list(as_they_come({1: outcomes[1]}, coming)) == [outcomes[i] for i in (1, 2, 0)]

"""A real Ray cluster of two workers, one of which is killed while it works."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from PIL import Image

from imgnet.batch import cluster
from imgnet.batch.task import Task
from imgnet.codec.format.container import from_bytes
from imgnet.errors import UsageError
from imgnet.request.encode_options import EncodeOptions
from support.shell import Shell

pytestmark = pytest.mark.xdist_group("ray")  # one cluster for all

COUNT = 4
EFFORT = ("--effort", "1")


def status(pid: str) -> tuple[int, str]:
    """Return the parent and the command line of a process."""
    folder = Path("/proc", pid)
    after_name = (folder / "stat").read_text().rpartition(")")[2]
    return int(after_name.split()[1]), (folder / "cmdline").read_bytes().decode(errors="replace")


def descendants(pid: int) -> dict[int, str]:
    """Return the command lines of all processes that a process has started, by their ids."""
    processes = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):  # ended meanwhile
            processes[int(name)] = status(name)
    found = {pid}
    while more := {child for child, (parent, _) in processes.items() if parent in found} - found:
        found |= more
    return {child: processes[child][1] for child in found - {pid}}


def at_work(pid: int) -> list[int]:
    """Return the workers of a cluster that run a task of ours."""
    return [child for child, line in descendants(pid).items() if "ray::encode_one" in line]


def wait_until(what: Callable[[], object], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def ray_cluster() -> Iterator[tuple[str, int]]:
    """Start a cluster with two workers; yield its address and the process that started it."""
    pytest.importorskip("ray", reason="needs Ray: pip install 'imgnet[ray]'")
    if not Path("/proc/self/stat").exists():
        pytest.skip("finds the workers in /proc, which this system lacks")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tempfile.mkdtemp(prefix="ray-")  # a short name: it is part of the name of a socket
    command = [
        *(Path(sys.executable).with_name("ray"), "start", "--head", "--block", "--num-cpus=2"),
        *(f"--port={port}", "--node-ip-address=127.0.0.1", f"--temp-dir={folder}"),
        *("--include-dashboard=false", "--disable-usage-stats"),
    ]
    started = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
    try:
        wait_until(
            lambda: answers(port) and any("raylet" in x for x in descendants(started.pid).values())
        )
        yield f"127.0.0.1:{port}", started.pid
    finally:
        for pid in descendants(started.pid):
            os.kill(pid, signal.SIGKILL)
        started.kill()
        started.wait()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def photos(photo: Path) -> list[Path]:
    """Some pictures, each of another size."""
    with Image.open(photo) as image:
        names = [photo.with_name(f"{i}.png") for i in range(COUNT)]
        for i, name in enumerate(names):
            image.resize((24 + i, 16)).save(name)
    return names


def begin(photos: list[Path], address: str, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "imgnet", "encode", *map(str, photos), "-o", "out/", *EFFORT]
    engine = ["--engine", "ray", "--address", address]
    return subprocess.Popen(
        [*command, *engine, *options], cwd=photos[0].parent,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.mark.slow
def test_files_are_read_and_written_where_the_workers_are(
    ray_cluster: tuple[str, int], photos: list[Path]
) -> None:
    running = begin(photos[:1], ray_cluster[0], "--json")
    out, err = running.communicate(timeout=300)
    assert running.returncode == 0, err
    assert json.loads(out)["status"] == "done"
    assert [path.name for path in photos[0].with_name("out").iterdir()] == ["0.inr"]


@pytest.mark.slow
def test_every_file_arrives_once_though_a_worker_is_killed(
    ray_cluster: tuple[str, int], photos: list[Path]
) -> None:
    address, pid = ray_cluster
    running = begin(photos, address, "--json", "--ship-bytes")
    assert running.stdout is not None
    first = running.stdout.readline()
    wait_until(lambda: at_work(pid))
    os.kill(at_work(pid)[0], signal.SIGKILL)
    out, err = running.communicate(timeout=300)
    assert running.returncode == 0, err
    rows = [json.loads(line) for line in [first, *out.splitlines()]]
    assert sorted(row["input"] for row in rows) == [str(path) for path in photos]
    assert {row["status"] for row in rows} == {"done"}
    folder = photos[0].with_name("out")
    assert sorted(path.name for path in folder.iterdir()) == [f"{i}.inr" for i in range(COUNT)]
    widths = [from_bytes((folder / f"{i}.inr").read_bytes()).spec.width for i in range(COUNT)]
    assert widths == [24 + i for i in range(COUNT)]


@pytest.mark.slow
def test_an_interrupt_ends_the_tasks(ray_cluster: tuple[str, int], photos: list[Path]) -> None:
    address, pid = ray_cluster
    running = begin(photos, address)
    wait_until(lambda: at_work(pid))
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=120)
    assert running.returncode == 130, err
    assert "--skip-existing" in err
    wait_until(lambda: not at_work(pid))
    assert all(path.suffix == ".inr" for path in photos[0].with_name("out").iterdir())


@pytest.mark.slow
def test_a_folder_that_is_not_shared(ray_cluster: tuple[str, int], photos: list[Path]) -> None:
    """What is not where the workers look is said to be so, with the way out."""
    address, _ = ray_cluster
    missing = Task("gone.png", photos[0].with_name("gone.png"), photos[0].with_name("gone.inr"))
    task = Task(missing.source, missing.image, missing.output, EncodeOptions(effort=1))
    ((place, outcome),) = cluster.encode_on_cluster([task], address, lambda: False)
    assert (place, outcome.exit_code) == (0, 3)
    assert "--ship-bytes" in str(outcome.result.error)


def test_without_the_extra_the_way_to_it_is_named(
    photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "find_spec", lambda _name: None)
    with pytest.raises(UsageError, match=r'pip install "imgnet\[ray\]"'):
        next(cluster.encode_on_cluster([Task("a", photo, None)], "auto", lambda: False))


@pytest.mark.slow
def test_without_a_cluster_the_way_to_one_is_named(photo: Path, shell: Shell) -> None:
    pytest.importorskip("ray", reason="needs Ray: pip install 'imgnet[ray]'")
    done = shell("encode", photo, "--engine", "ray", "--address", "127.0.0.1:1")
    assert done.returncode == 2
    assert b"ray start --head" in done.stderr

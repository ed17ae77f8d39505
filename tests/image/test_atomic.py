from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from imgnet.errors import OutputError
from imgnet.image.atomic import check_writable, sweep, write_atomically


@pytest.mark.parametrize("place", ["missing/a.inr", "file/a.inr", "folder", "long" * 99])
def test_places_that_cannot_be_written(place: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    for attempt in (check_writable, lambda path: write_atomically(path, b"new")):
        with pytest.raises(OutputError, match="cannot be written") as caught:
            attempt(tmp_path / place)
        assert str(caught.value).startswith(str(tmp_path / place))
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "folder"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    for attempt in (check_writable, lambda path: write_atomically(path, b"new")):
        with pytest.raises(OutputError, match="cannot be written"):
            attempt(tmp_path / "a.inr")


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failed_write_leaves_the_old_file_alone(
    failure: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        assert len(list(tmp_path.iterdir())) == 2  # written beside the target, not elsewhere
        raise failure

    (tmp_path / "a.inr").write_bytes(b"old")
    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OutputError if isinstance(failure, OSError) else KeyboardInterrupt):
        write_atomically(tmp_path / "a.inr", b"new")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


def test_writing_replaces_and_has_usual_permissions(tmp_path: Path) -> None:
    path = tmp_path / "a.inr"
    for data in (b"old", b"new"):
        write_atomically(path, data)
        assert path.read_bytes() == data
    (tmp_path / "usual").touch()
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE((tmp_path / "usual").stat().st_mode)
    assert len(list(tmp_path.iterdir())) == 2


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_atomically(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_other_hard_links_keep_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"old")
    (tmp_path / "other").hardlink_to(tmp_path / "one")
    write_atomically(tmp_path / "one", b"new")
    assert (tmp_path / "one").read_bytes() == b"new"
    assert (tmp_path / "other").read_bytes() == b"old"


@pytest.mark.skipif(os.name != "posix", reason="devices are files on POSIX only")
def test_a_pipe_is_written_into_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_atomically(pipe, b"new")
    assert os.read(reader, 10) == b"new"
    os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.skipif(os.name != "posix", reason="file descriptors are files on POSIX only")
def test_a_pipe_without_a_name_is_written_into() -> None:
    reader, writer = os.pipe()
    path = Path(f"/dev/fd/{writer}")
    check_writable(path)
    write_atomically(path, b"new")
    os.close(writer)
    with open(reader, "rb") as file:
        assert file.read() == b"new"


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444])
def test_a_file_that_is_replaced_keeps_its_permissions(mode: int, tmp_path: Path) -> None:
    path = tmp_path / "a.inr"
    path.touch()
    path.chmod(mode)
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_a_check_leaves_everything_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(b"old")
    for name in ("old", "new"):
        check_writable(tmp_path / name)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]
    (tmp_path / "link").symlink_to(tmp_path / "missing" / "a.inr")
    with pytest.raises(OutputError, match="cannot be written"):
        check_writable(tmp_path / "link")


# Files of killed processes

KILLED = """
import os, signal, sys
from pathlib import Path
from imgnet.image import atomic

def killed(*_):
    os.kill(os.getpid(), signal.SIGKILL)

os.replace = killed
atomic.write_atomically(Path(sys.argv[1]), b"new")
"""


@pytest.mark.skipif(os.name != "posix", reason="signals and locks of POSIX")
def test_what_a_killed_process_left_is_swept_and_the_old_file_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.inr"
    path.write_bytes(b"old")
    done = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == 2
    assert path.read_bytes() == b"old"
    write_atomically(path, b"newer")  # the first write of this process into this folder
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("a.inr", b"newer")]


@pytest.mark.skipif(os.name != "posix", reason="locks of POSIX")
def test_a_file_that_is_being_written_is_not_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = os.replace

    def swept(*paths: Path) -> None:
        sweep(tmp_path)
        replace(*paths)

    monkeypatch.setattr(os, "replace", swept)
    write_atomically(tmp_path / "a.inr", b"new")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"new"]


def test_files_of_others_are_not_swept(tmp_path: Path) -> None:
    for name in ("a.tmp", ".imgnet-a", "imgnet-0.tmp"):
        (tmp_path / name).touch()
    sweep(tmp_path)
    sweep(tmp_path / "missing")
    assert len(list(tmp_path.iterdir())) == 3


def test_a_file_swept_before_it_was_locked_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    swept = []

    def exists(path: Path) -> bool:
        if path.parent == tmp_path and not swept:
            swept.append(path)
            path.unlink()
        return os.path.exists(path)

    monkeypatch.setattr(Path, "exists", exists)
    write_atomically(tmp_path / "a.inr", b"new")
    assert swept
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"new"]


@pytest.mark.skipif(os.name != "posix", reason="limits of POSIX")
def test_a_full_disk_leaves_the_old_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.inr"
    path.write_bytes(b"old")
    code = (
        "import resource, sys; from pathlib import Path; from imgnet.image import atomic;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000));"
        "atomic.write_atomically(Path(sys.argv[1]), bytes(2000))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], check=False, capture_output=True, text=True
    )
    assert "OutputError" in done.stderr
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [b"old"]


@pytest.mark.parametrize("size", [1 << 10, 1 << 20])
def test_two_writers_of_one_file_leave_the_file_of_one_of_them(size: int, tmp_path: Path) -> None:
    path, contents = tmp_path / "a.inr", [bytes([i]) * size for i in range(8)]
    with ThreadPoolExecutor(4) as workers:
        list(workers.map(lambda data: write_atomically(path, data), contents * 4))
    (file,) = tmp_path.iterdir()
    assert file.read_bytes() in contents

"""Atomic writing of files, and a check beforehand that they can be written."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import BinaryIO

from imgnet.errors import OutputError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_PREFIX, _SUFFIX = ".imgnet-", ".tmp"  # of temporary files


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that other programs see the old content or the whole new one, never a part.

    A file that is replaced keeps its permissions. Pipes and devices are written into. The first
    call for a folder deletes the temporary files that killed processes left there.

    Raises:
        OutputError: The file cannot be written; no temporary file is left behind.
    """
    with _reporting(path):
        if _is_stream(path):
            path.write_bytes(data)
        else:
            target = _target(path)
            with _partial(target, data) as partial:
                os.replace(partial, target)


def check_writable(path: Path) -> None:
    """Check that `write_atomically` can write a file, as far as that is known beforehand.

    Raises:
        OutputError: The file or its folder cannot be written.
    """
    with _reporting(path):
        target = _target(path)
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not _is_stream(path):
            with _partial(target, b""):
                return
        # Not opened: the reader of a pipe would take its closing for the end of the data.
        if not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


@contextmanager
def _reporting(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be written ({error.strerror}); name another place"
        ) from error


def _is_stream(path: Path) -> bool:
    # By the path itself: the target of /dev/stdout or /dev/fd/63 has no path of its own.
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def _target(path: Path) -> Path:
    return Path(os.path.realpath(path))  # a symbolic link must stay one


@contextmanager
def _partial(target: Path, data: bytes) -> Iterator[Path]:
    """Write a temporary file beside another one, with its permissions; delete it in the end."""
    _sweep_once(target.parent)
    partial, file = _locked(target)
    try:
        with file:
            with suppress(FileNotFoundError, PermissionError):  # not every file system has them
                partial.chmod(stat.S_IMODE(target.stat().st_mode))
            file.write(data)
            file.flush()
            if fcntl is None:  # Windows does not rename an open file
                file.close()
            yield partial
    finally:  # also on Ctrl-C
        partial.unlink(missing_ok=True)


def _locked(target: Path) -> tuple[Path, BinaryIO]:
    """Create a temporary file beside another one, which `sweep` leaves alone while it is open."""
    while True:
        partial = target.with_name(f"{_PREFIX}{secrets.token_hex(8)}{_SUFFIX}")
        file = partial.open("xb")
        _lock(file, wait=True)
        if partial.exists():
            return partial, file
        file.close()  # swept before it was locked


def _lock(file: BinaryIO, *, wait: bool) -> bool:
    """Lock a file until it is closed, or its process dies; tell whether that was possible."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:  # locked by another process, or the file system has no locks
        return False
    return True


def sweep(folder: Path) -> None:
    """Delete the temporary files in a folder whose processes were killed."""
    with suppress(OSError):  # it does not exist, or cannot be read
        for partial in folder.glob(f"{_PREFIX}*{_SUFFIX}"):
            with suppress(OSError), partial.open("r+b") as file:
                if _lock(file, wait=False):
                    partial.unlink()


@cache
def _sweep_once(folder: Path) -> None:
    """Sweep a folder once a process, for a folder of many files takes time to list."""
    sweep(folder)

"""Atomic writing of files, and a check beforehand that they can be written."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from imgnet.errors import OutputError


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that other programs see the old content or the whole new one, never a part.

    A file that is replaced keeps its permissions. Pipes and devices are written into.

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
    partial = target.with_name(f".imgnet-{secrets.token_hex(8)}.tmp")
    try:
        with partial.open("xb") as file:
            with suppress(FileNotFoundError, PermissionError):  # not every file system has them
                partial.chmod(stat.S_IMODE(target.stat().st_mode))
            file.write(data)
        yield partial
    finally:  # also on Ctrl-C
        partial.unlink(missing_ok=True)

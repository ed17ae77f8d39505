"""Cache folder of last resort for compiled kernels, where Numba finds none that can be written."""

from __future__ import annotations

import logging
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numba


@contextmanager
def temporary_cache() -> Iterator[None]:
    """Let Numba cache in the temporary folder what is decorated inside a `with` block.

    If that folder cannot be used, nothing changes but for one line in the log, once a process.
    """
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = private_folder() or before
    try:
        yield
    finally:
        numba.config.CACHE_DIR = before


@cache
def private_folder() -> str | None:
    """Return the folder, created if need be; None, with a line in the log, if it cannot be used."""
    try:
        return str(_make_private_folder())
    except OSError as error:
        logging.getLogger("imgnet").warning(
            "imgnet: no folder for compiled code can be written (%s), so that every run compiles "
            "anew; name one in NUMBA_CACHE_DIR",
            error.strerror or error,
        )
        return None


def _make_private_folder() -> Path:
    """Create a folder that only this user can write, since Numba runs the code that it finds."""
    user = getattr(os, "getuid", int)()  # on Windows the temporary folder is the user's own
    folder = Path(tempfile.gettempdir()) / f"imgnet-numba-{user}"
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    is_private = status.st_uid == user and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    if not stat.S_ISDIR(status.st_mode) or (os.name == "posix" and not is_private):
        raise PermissionError(None, f"{folder} belongs to somebody else")
    tempfile.TemporaryFile(dir=folder).close()
    return folder

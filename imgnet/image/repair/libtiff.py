"""Silence of libtiff, which writes its own messages to stderr."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from PIL import Image

_STDERR = 2
_LOCK = Lock()  # two threads would each restore what the other has set


@contextmanager
def quiet_libtiff(image: Image.Image) -> Iterator[None]:
    """Discard what is written to stderr while a TIFF is decoded; other images change nothing.

    The failures that matter are raised as exceptions as well, and become one line.

    >>> with quiet_libtiff(Image.new("L", (1, 1))):
    ...     pass
    """
    if image.format != "TIFF":
        yield
        return
    with _LOCK:
        try:
            kept, sink = os.dup(_STDERR), os.open(os.devnull, os.O_WRONLY)
        except OSError:  # stderr is closed
            yield
            return
        os.dup2(sink, _STDERR)
        try:
            yield
        finally:
            os.dup2(kept, _STDERR)
            os.close(kept)
            os.close(sink)

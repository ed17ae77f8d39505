"""Parallel map over all cores, for work that NumPy does outside the GIL."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")


def on_all_cores(work: Callable[[Item], None], items: Iterable[Item]) -> None:
    """Call a function on each item in threads, and wait for all of them.

    An exception of a call is raised again.

    >>> lengths = [0, 0]
    >>> on_all_cores(lambda i: lengths.__setitem__(i, i + 1), range(2))
    >>> lengths
    [1, 2]
    """
    with ThreadPoolExecutor(os.cpu_count()) as workers:
        for _ in workers.map(work, items):  # raises the exceptions of the calls
            pass

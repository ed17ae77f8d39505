"""Work that NumPy does outside Python's lock, on all cores."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")


def on_all_cores(work: Callable[[Item], None], items: Iterable[Item]) -> None:
    """Do something with each item, several at a time; what it raises is raised here.

    >>> lengths = [0, 0]
    >>> on_all_cores(lambda i: lengths.__setitem__(i, i + 1), range(2))
    >>> lengths
    [1, 2]
    """
    with ThreadPoolExecutor(os.cpu_count()) as workers:
        for _ in workers.map(work, items):  # to see what they raise
            pass

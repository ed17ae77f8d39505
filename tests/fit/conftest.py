"""Fixtures: the threads of an evaluator."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch


@pytest.fixture
def workers() -> Iterator[ThreadPoolExecutor]:
    """Two threads, in each of which torch uses one core."""
    with ThreadPoolExecutor(2, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        yield pool

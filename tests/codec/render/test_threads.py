"""Work on all cores."""

from __future__ import annotations

import threading

import pytest

from imgnet.codec.render.threads import on_all_cores


def test_items_are_worked_on_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    both = threading.Barrier(2, timeout=10)
    on_all_cores(lambda _: both.wait() and None, range(2))  # alone, the first would wait in vain


def test_a_fault_is_raised() -> None:
    def fail(item: int) -> None:
        raise ValueError(item)

    with pytest.raises(ValueError, match="0"):
        on_all_cores(fail, range(3))

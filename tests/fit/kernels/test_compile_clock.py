from __future__ import annotations

from collections.abc import Iterator

import numba
import pytest

from imgnet.fit.kernels.compile_clock import stopped_by_compilation


def ticking() -> Iterator[float]:
    now = 0.0
    while True:
        now += 1.0
        yield now


@numba.njit
def inner(x: int) -> int:
    return x + 1


def test_the_clock_stands_still_while_functions_are_compiled(
    caplog: pytest.LogCaptureFixture,
) -> None:
    outer = numba.njit(lambda x: inner(x) * 2)
    with stopped_by_compilation(ticking().__next__) as clock:
        assert clock() == 1
        assert outer(3) == 8  # compiles both: looks at 2 s and at 3 s
        assert clock() == 3
        assert outer(4) == 10  # compiled already
        assert clock() == 4
    assert "time limit does not count it" in caplog.text
    assert len(caplog.records) == 1


def test_a_look_during_a_compilation_tells_its_start() -> None:
    with stopped_by_compilation(ticking().__next__) as clock:
        clock.on_start(None)  # at 1 s
        assert [clock(), clock()] == [1, 1]
        clock.on_end(None)  # at 2 s
        assert clock() == 2


def test_nothing_is_said_where_nothing_is_compiled(caplog: pytest.LogCaptureFixture) -> None:
    with stopped_by_compilation(ticking().__next__) as clock:
        clock()
    assert not caplog.records

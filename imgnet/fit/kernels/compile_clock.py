"""Clock that stands still while kernels are compiled, and says that they are."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from numba.core import event

_COMPILING = "numba:compile"


class CompileClock(event.Listener):
    """Clock that stands still while Numba compiles, which it does one function after another.

    Args:
        clock: Returns the current time in seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._depth, self._stopped_at, self._stopped_s = 0, 0.0, 0.0

    def __call__(self) -> float:
        """Return the time, less that of all compilations."""
        now = self._stopped_at if self._depth else self._clock()
        return now - self._stopped_s

    def on_start(self, event: Any) -> None:
        """Stop the clock; a function may compile others inside."""
        del event
        if not self._depth:
            self._stopped_at = self._clock()
            if not self._stopped_s:
                _say_so()
        self._depth += 1

    def on_end(self, event: Any) -> None:
        """Go on from where the clock stopped."""
        del event
        self._depth -= 1
        if not self._depth:
            self._stopped_s += self._clock() - self._stopped_at


@contextmanager
def stopped_by_compilation(clock: Callable[[], float]) -> Iterator[CompileClock]:
    """Yield a clock that stands still while Numba compiles inside a `with` block."""
    stopped = CompileClock(clock)
    with event.install_listener(_COMPILING, stopped):
        yield stopped


def _say_so() -> None:
    logging.getLogger("imgnet").warning(
        "imgnet: compiling for this machine, which happens once; a time limit does not count it"
    )

"""SIGINT (Ctrl-C) and SIGTERM: handlers that end at once, or request an early end."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)
Handler = Callable[[int, FrameType | None], object]


class Interrupted(BaseException):
    """A signal asks the program to end. Not an `Exception`, which handlers of faults catch.

    Attributes:
        signum: Number of the signal.

    >>> Interrupted(signal.SIGTERM).exit_code
    143
    """

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum

    @property
    def exit_code(self) -> int:
        """The exit code that a shell reports for a program that the signal ended."""
        return 128 + self.signum


class EndRequest:
    """A request for an early end by a first signal; a second signal ends at once.

    >>> request = EndRequest()
    >>> request()
    False
    >>> request.receive(signal.SIGINT, None)
    >>> request()
    True
    """

    def __init__(self, on_request: Callable[[], object] = lambda: None) -> None:
        self.signum: int | None = None
        self._on_request = on_request

    def __call__(self) -> bool:
        """Tell whether an end has been requested."""
        return self.signum is not None

    def receive(self, signum: int, frame: FrameType | None) -> None:
        """Handle a signal.

        Raises:
            Interrupted: The signal is not the first one.
        """
        if self.signum is not None:
            end_at_once(signum, frame)
        self.signum = signum
        self._on_request()


def end_at_once(signum: int, _frame: FrameType | None) -> None:
    """Handle a signal by raising `Interrupted`."""
    raise Interrupted(signum)


@contextmanager
def receiving(handler: Handler) -> Iterator[None]:
    """Let a handler receive SIGINT and SIGTERM within the block.

    A signal that was ignored before stays ignored. In a thread other than the main one, which
    receives no signals, this has no effect.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    taken = [number for number in SIGNALS if before[number] is not signal.SIG_IGN]
    for number in taken:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, before[number])


@contextmanager
def holding_back() -> Iterator[None]:
    """Delay signals until the end of the block, where the first of them is raised again.

    For the import of torch, whose C++ code aborts the program on an exception.
    """
    came: list[int] = []
    with receiving(lambda signum, _frame: came.append(signum)):
        yield
    if came:
        signal.raise_signal(came[0])

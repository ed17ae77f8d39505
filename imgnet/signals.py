"""SIGINT (Ctrl-C) and SIGTERM: immediate exit, or an early end of work that supports it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)
Handler = Callable[[int, FrameType | None], object]


class Interrupted(BaseException):
    """A signal asks the program to end.

    It is no `Exception`, so that handlers of failures do not catch it.

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
        """Exit code that a shell reports for a program killed by the signal."""
        return 128 + self.signum


class EndRequest:
    """A request for an early end, made by the first signal; the second one raises at once.

    Args:
        on_request: Called when the first signal is received.

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
        """Tell whether an early end has been requested."""
        return self.signum is not None

    def receive(self, signum: int, frame: FrameType | None) -> None:
        """Handle a signal.

        Raises:
            Interrupted: A signal was received before.
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
    """Handle SIGINT and SIGTERM with a handler inside a `with` block.

    A signal that was ignored when the program started stays ignored. In threads other than the main
    one, which receives all signals, this does nothing.
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
    """Defer signals to the end of a `with` block, where the first one is raised again.

    It protects the import of torch, whose C++ code aborts the program on an exception.
    """
    received: list[int] = []
    with receiving(lambda signum, _frame: received.append(signum)):
        yield
    if received:
        signal.raise_signal(received[0])

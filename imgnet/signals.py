"""SIGINT (Ctrl-C) and SIGTERM: an end at once, or, of work that can end early, on request."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)
Handler = Callable[[int, FrameType | None], object]


class Interrupted(BaseException):
    """A signal asks the program to end. No `Exception`: whatever is at work should let it pass.

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
        """What a shell reports of a program that the signal ended."""
        return 128 + self.signum


class EndRequest:
    """Whether a first signal has asked for an early end; the second one ends at once.

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
        """Tell whether the end has been asked for."""
        return self.signum is not None

    def receive(self, signum: int, frame: FrameType | None) -> None:
        """Take a signal.

        Raises:
            Interrupted: It is not the first one.
        """
        if self.signum is not None:
            end_at_once(signum, frame)
        self.signum = signum
        self._on_request()


def end_at_once(signum: int, _frame: FrameType | None) -> None:
    """Take a signal by raising `Interrupted`."""
    raise Interrupted(signum)


@contextmanager
def receiving(handler: Handler) -> Iterator[None]:
    """Give SIGINT and SIGTERM to a handler for a while.

    A signal that the program was told to ignore when it was started stays ignored, and a thread
    other than the main one, which gets no signals, changes nothing.
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
    """Hold signals back for a while; the first one is then received as if it came only now.

    For the loading of torch, whose C++ aborts the program where an exception breaks into it.
    """
    came: list[int] = []
    with receiving(lambda signum, _frame: came.append(signum)):
        yield
    if came:
        signal.raise_signal(came[0])

"""Signals: an end at once, or on request."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from imgnet.signals import SIGNALS, EndRequest, Interrupted, end_at_once, holding_back, receiving


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_at_once(number: signal.Signals, code: int) -> None:
    with pytest.raises(Interrupted) as caught, receiving(end_at_once):
        signal.raise_signal(number)
    assert caught.value.exit_code == code


def test_the_first_signal_requests_and_the_second_ends() -> None:
    told: list[str] = []
    request = EndRequest(lambda: told.append("ending"))
    with receiving(request.receive):
        assert not request()
        signal.raise_signal(signal.SIGTERM)
        assert request()
        assert (request.signum, told) == (signal.SIGTERM, ["ending"])
        with pytest.raises(Interrupted):
            signal.raise_signal(signal.SIGINT)


def test_handlers_are_put_back() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    with receiving(end_at_once):
        assert [signal.getsignal(number) for number in SIGNALS] == [end_at_once] * 2
    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_what_was_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with receiving(end_at_once):
            os.kill(os.getpid(), signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


def test_another_thread_changes_nothing() -> None:
    before = signal.getsignal(signal.SIGINT)
    seen: list[object] = []

    def look() -> None:
        with receiving(end_at_once):
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [before]


def test_nothing_that_catches_exceptions_catches_it() -> None:
    assert not issubclass(Interrupted, Exception)


def raise_inside(passed: list[str]) -> None:
    with holding_back():
        signal.raise_signal(signal.SIGTERM)
        passed.append("to the end")


def test_a_signal_that_is_held_back_comes_later() -> None:
    passed: list[str] = []
    with receiving(end_at_once), pytest.raises(Interrupted) as caught:
        raise_inside(passed)
    assert (passed, caught.value.exit_code) == (["to the end"], 143)

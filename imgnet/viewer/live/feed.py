"""Feed of a running fit: its events so far, for any number of readers in other threads."""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass
from threading import Condition
from typing import Any

HEARTBEAT_S = 0.5  # between two signs of life to a reader, which show whether it is still there


@dataclass(frozen=True)
class Event:
    """One thing that happened to a fit.

    Attributes:
        kind: "progress", "snapshot", "done" or "failed".
        facts: What is known of it, as JSON values.
    """

    kind: str
    facts: dict[str, Any]


class Feed:
    """Feed of one fit.

    Attributes:
        snapshot: PNG of the latest snapshot; None before the first.
        result: Content of the .inr file; None before the end of the fit.
        is_fetched: Whether a reader has fetched the result.
    """

    def __init__(self) -> None:
        self.snapshot: bytes | None = None
        self.result: bytes | None = None
        self.is_fetched = False
        self._events: list[Event] = []
        self._is_closed = False
        self._num_readers = 0
        self._last_read = time.monotonic()
        self._changed = Condition()

    def publish(self, kind: str, **facts: Any) -> None:
        """Add an event, which all readers get."""
        with self._changed:
            self._events.append(Event(kind, facts))
            self._changed.notify_all()

    def close(self, within_s: float) -> None:
        """End the feed; wait until its readers have the last event, but no longer than a time."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._num_readers, within_s)

    def follow(self) -> Generator[Event | None]:
        """Yield all events from the first one on, and None as a sign of life in between.

        The reader counts as gone when it closes the iterator.
        """
        self._count_reader(1)
        try:
            place = 0
            while (events := self._after(place)) is not None:
                yield from events
                place += len(events)
                if not events:
                    yield None
        finally:
            self._count_reader(-1)

    def is_left(self, seconds: float) -> bool:
        """Tell whether there has been no reader for so many seconds."""
        with self._changed:
            return not self._num_readers and time.monotonic() - self._last_read >= seconds

    def _after(self, place: int) -> list[Event] | None:
        """Return the events from a place on, perhaps none; None at the end of a closed feed."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._is_closed or len(self._events) > place, HEARTBEAT_S
            )
            events = self._events[place:]
            return None if self._is_closed and not events else events

    def _count_reader(self, change: int) -> None:
        with self._changed:
            self._num_readers += change
            self._last_read = time.monotonic()
            self._changed.notify_all()

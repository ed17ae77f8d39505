"""The feed of a fit: every reader gets every event, and the feed knows whether anybody reads."""

from __future__ import annotations

import time
from itertools import islice
from threading import Thread

from imgnet.viewer.live.feed import HEARTBEAT_S, Event, Feed


def test_a_late_reader_gets_all_events() -> None:
    feed = Feed()
    feed.publish("progress", step=1)
    early = feed.follow()
    assert next(early) == Event("progress", {"step": 1})
    feed.publish("snapshot", step=2)
    expected = [Event("progress", {"step": 1}), Event("snapshot", {"step": 2})]
    assert [next(early)] == expected[1:]
    assert list(islice(feed.follow(), 2)) == expected


def test_readers_wait_for_events_and_show_that_they_live() -> None:
    feed = Feed()
    began = time.monotonic()
    events = feed.follow()
    assert next(events) is None
    assert time.monotonic() - began >= HEARTBEAT_S
    sender = Thread(target=lambda: (time.sleep(0.05), feed.publish("done")))
    sender.start()
    assert next(events) == Event("done", {})
    assert time.monotonic() - began < 2 * HEARTBEAT_S
    sender.join()


def test_a_closed_feed_ends_after_its_last_event() -> None:
    feed = Feed()
    got: list[Event | None] = []
    reader = Thread(target=lambda: got.extend(feed.follow()))
    reader.start()
    feed.publish("failed", message="a.png: damaged")
    feed.close(5.0)
    reader.join(5.0)
    assert [event for event in got if event] == [Event("failed", {"message": "a.png: damaged"})]


def test_a_stuck_reader_does_not_keep_a_feed_open() -> None:
    feed = Feed()
    feed.publish("progress")
    stuck = feed.follow()
    next(stuck)
    began = time.monotonic()
    feed.close(0.1)
    assert time.monotonic() - began < 2
    stuck.close()


def test_a_feed_is_left_when_its_last_reader_has_gone() -> None:
    feed = Feed()
    assert feed.is_left(0.0)
    assert not feed.is_left(60.0)
    feed.publish("progress")
    first, second = feed.follow(), feed.follow()
    next(first)
    next(second)
    first.close()
    assert not feed.is_left(0.0)
    second.close()
    assert feed.is_left(0.0)
    assert not feed.is_left(60.0)

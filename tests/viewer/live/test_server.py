"""The server of the page: what it answers, and to whom."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest

from imgnet.viewer.live.feed import Feed
from imgnet.viewer.live.server import serving

PATHS = ["/", "/events", "/snapshot.png", "/result.inr"]


@pytest.fixture
def feed() -> Feed:
    return Feed()


@pytest.fixture
def address(feed: Feed) -> Iterator[str]:
    with serving(feed, "caf\u00e9 <b>.png", "caf\u00e9.inr") as address:
        yield address


def at(address: str, path: str) -> str:
    """Return the address of another path, with the token."""
    return address.replace("/?", f"{path}?")


def status(address: str) -> int:
    try:
        with urlopen(address, timeout=10) as answer:
            return int(answer.status)
    except HTTPError as error:
        error.close()
        return int(error.code)


@contextmanager
def following(address: str) -> Iterator[HTTPResponse]:
    with urlopen(at(address, "/events"), timeout=10) as answer:
        assert answer.headers["Content-Type"] == "text/event-stream"
        yield answer


def next_event(stream: HTTPResponse) -> tuple[str, Any]:
    """Return the kind and the facts of the next event, past signs of life."""
    while not (line := stream.readline()).startswith(b"event: "):
        assert line, "the stream has ended"
    kind = line.decode().removeprefix("event: ").strip()
    return kind, json.loads(stream.readline().decode().removeprefix("data: "))


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_page_is_for_this_machine(address: str) -> None:
    assert urlsplit(address).hostname == "127.0.0.1"
    assert len(urlsplit(address).query) >= 20
    with urlopen(address, timeout=10) as answer:
        page = answer.read().decode()
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "<title>caf\u00e9 &lt;b&gt;.png</title>" in page
    assert "default-src 'none'" in page
    assert "http:" not in page.replace("http://www.w3.org/2000/svg", "")


def test_it_listens_nowhere_else(address: str) -> None:
    other_place = "127.0.0.2", urlsplit(address).port or 0
    with pytest.raises(OSError, match=r"refused|assign|unreachable|timed out"):
        socket.create_connection(other_place, 1)


@pytest.mark.parametrize("path", [*PATHS, "/other"])
def test_nothing_without_the_token(feed: Feed, address: str, path: str) -> None:
    feed.snapshot = feed.result = b"secret"
    start, _, token = at(address, path).partition("?")
    wrong = ["", "?", "?x", f"?{token}x", f"?{token[:-1]}", f"?x&{token}", "?%C3%A9"]
    assert {status(start + query) for query in wrong} == {403}
    assert status(f"{start}?{token}&3") == (404 if path == "/other" else 200)


def test_every_address_has_another_token(feed: Feed, address: str) -> None:
    with serving(feed, "a.png", "a.inr") as other:
        assert urlsplit(other).query != urlsplit(address).query


def test_events_come_as_they_happen(feed: Feed, address: str) -> None:
    feed.publish("progress", step=1, psnr_db=20.5)
    with following(address) as stream:
        assert next_event(stream) == ("progress", {"step": 1, "psnr_db": 20.5})
        feed.publish("snapshot", step=2)
        assert next_event(stream) == ("snapshot", {"step": 2})
    with following(address) as again:
        assert next_event(again)[0] == "progress"


def test_a_page_that_is_closed_is_noticed(feed: Feed, address: str) -> None:
    feed.publish("progress", step=1)
    with following(address) as stream:
        next_event(stream)
        assert not feed.is_left(0.0)
    wait_until(lambda: feed.is_left(0.0))


def test_files_are_there_when_they_are_there(feed: Feed, address: str) -> None:
    picture, file = at(address, "/snapshot.png"), at(address, "/result.inr")
    assert status(picture) == status(file) == 404
    assert not feed.is_fetched
    feed.snapshot, feed.result = b"PNG", b"INR"
    with urlopen(picture, timeout=10) as answer:
        assert (answer.read(), answer.headers["Content-Type"]) == (b"PNG", "image/png")
    assert not feed.is_fetched
    with urlopen(file, timeout=10) as answer:
        assert answer.read() == b"INR"
        assert answer.headers["Content-Disposition"] == (
            "attachment; filename*=UTF-8''caf%C3%A9.inr"
        )
    wait_until(lambda: feed.is_fetched)


def test_in_the_end_nobody_answers(feed: Feed) -> None:
    with serving(feed, "a.png", "a.inr") as address:
        stream = urlopen(at(address, "/events"), timeout=10)
        idle = socket.create_connection(("127.0.0.1", urlsplit(address).port or 0))
        feed.publish("failed", message="a.png: damaged")
        began = time.monotonic()
    assert time.monotonic() - began < 3
    with stream:
        assert next_event(stream) == ("failed", {"message": "a.png: damaged"})
        assert stream.read() == b"\n"
    idle.close()
    with pytest.raises(URLError):
        urlopen(address, timeout=1)

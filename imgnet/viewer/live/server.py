"""Server of the page of a running fit, for this machine and for who knows its address."""

from __future__ import annotations

import json
import secrets
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from threading import Thread
from typing import Any
from urllib.parse import quote

from imgnet.viewer.live.feed import Event, Feed
from imgnet.viewer.template import filled

HOST = "127.0.0.1"
CLOSING_S = 2.0  # for readers to get the last event
HEARTBEAT = b":\n\n"
_ALWAYS = {
    "Cache_Control": "no-store",
    "Referrer_Policy": "no-referrer",
    "X_Content_Type_Options": "nosniff",
}
_FORBIDDEN = b"This address lacks its token; open the one that imgnet printed.\n"


@contextmanager
def serving(feed: Feed, name: str, result_name: str) -> Iterator[str]:
    """Serve the page of a fit in another thread.

    Args:
        feed: Feed of the fit.
        name: Name of the picture, which the page shows.
        result_name: Name of the file to download.

    Yields:
        The address of the page, with a random token; other addresses are forbidden.
    """
    token = secrets.token_urlsafe(16)
    page = filled("live", "live", name, {"name": name, "result": result_name})
    with _Server(feed, token, page, result_name) as server:
        thread = Thread(target=server.serve_forever, args=(0.1,), daemon=True)
        thread.start()
        try:
            yield f"http://{HOST}:{server.server_address[1]}/?{token}"
        finally:
            feed.close(CLOSING_S)
            server.shutdown()
            thread.join()


class _Server(ThreadingMixIn, TCPServer):  # an HTTPServer would ask the network for its name
    daemon_threads = True  # the browser keeps connections open that it may never use

    def __init__(self, feed: Feed, token: str, page: bytes, result_name: str) -> None:
        self.feed, self.token, self.page, self.result_name = feed, token, page, result_name
        super().__init__((HOST, 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a browser that has gone."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = 5.0  # of a browser that neither reads nor writes

    def do_GET(self) -> None:
        """Answer a request."""
        path, _, query = self.path.partition("?")
        token = query.partition("&")[0]
        if not secrets.compare_digest(token.encode(), self.server.token.encode()):
            self._send(_FORBIDDEN, "text/plain", 403)
        elif path in _ANSWERS:
            _ANSWERS[path](self)
        else:
            self._send(b"", "text/plain", 404)

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: stderr is for messages of the command."""

    def send_page(self) -> None:
        """Send the page."""
        self._send(self.server.page, "text/html; charset=utf-8")

    def send_snapshot(self) -> None:
        """Send the latest snapshot."""
        self._send_if_there(self.server.feed.snapshot, "image/png")

    def send_result(self) -> None:
        """Send the .inr file as a download."""
        data, name = self.server.feed.result, quote(self.server.result_name)
        disposition = f"attachment; filename*=UTF-8''{name}"
        self._send_if_there(data, "application/octet-stream", Content_Disposition=disposition)
        self.server.feed.is_fetched |= data is not None

    def send_events(self) -> None:
        """Send events as they come, until the browser goes or the feed ends."""
        self._start("text/event-stream")
        with closing(self.server.feed.follow()) as events:
            for event in events:
                self.wfile.write(_as_text(event))

    def _send_if_there(self, data: bytes | None, kind: str, **headers: str) -> None:
        self._send(data or b"", kind, 404 if data is None else 200, **headers)

    def _send(self, data: bytes, kind: str, status: int = 200, **headers: str) -> None:
        self._start(kind, status, Content_Length=str(len(data)), **headers)
        self.wfile.write(data)

    def _start(self, kind: str, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content_Type": kind, **headers, **_ALWAYS}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()


def _as_text(event: Event | None) -> bytes:
    r"""Return an event as a browser reads it; None is a comment.

    >>> _as_text(Event("snapshot", {"step": 3}))
    b'event: snapshot\ndata: {"step": 3}\n\n'
    """
    if event is None:
        return HEARTBEAT
    return f"event: {event.kind}\ndata: {json.dumps(event.facts)}\n\n".encode()


_ANSWERS: dict[str, Callable[[_Handler], None]] = {
    "/": _Handler.send_page,
    "/events": _Handler.send_events,
    "/snapshot.png": _Handler.send_snapshot,
    "/result.inr": _Handler.send_result,
}

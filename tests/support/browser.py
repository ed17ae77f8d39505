"""Chromium without a window, driven through a pair of pipes (the Chrome DevTools Protocol)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, _NAMES)), None)

EMULATED_GPU = "--enable-unsafe-webgpu --use-webgpu-adapter=swiftshader"  # for WebGPU

_PATIENCE_S = 15  # so that a page that does nothing ends a test

needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium")


class Browser:
    """One page of a running browser.

    Attributes:
        problems: Errors and warnings that the page wrote to its console.
    """

    def __init__(self, commands: BinaryIO, replies: BinaryIO) -> None:
        self._commands, self._replies = commands, replies
        self._count = 0
        self._session: str | None = None
        self.problems: list[str] = []
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        attached = self.send("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and return its result."""
        self._count += 1
        message = {"id": self._count, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._commands.write(json.dumps(message).encode() + b"\0")
        while True:
            reply = json.loads(self._next())
            if reply.get("id") == self._count:
                assert "error" not in reply, reply["error"]
                result: dict[str, Any] = reply["result"]
                return result
            self._note(reply)

    def open(self, address: str, until: str) -> None:
        """Open a page and wait until a condition holds in it."""
        mark = f"?{self._count}"  # tells this page from the one before, which may still be there
        self.send("Page.navigate", url=address + mark)
        self.wait(f"location.search === '{mark}' && document.readyState === 'complete'")
        self.wait(until)

    def wait(self, condition: str, patience_s: float = _PATIENCE_S) -> None:
        """Wait until a condition holds in the page."""
        code = f"""new Promise((resolve) => {{
            setTimeout(() => resolve(false), {1000 * patience_s});
            const check = () => ({condition}) ? resolve(true) : setTimeout(check, 20);
            check();
        }})"""
        assert self.run(code), f"never: {condition} {self.problems}"

    def run(self, code: str) -> Any:
        """Return the value of an expression, or of what it promises, as JSON."""
        result = self.send(
            "Runtime.evaluate", expression=code, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def screenshot(self) -> bytes:
        """Return the page as a PNG."""
        return b64decode(self.send("Page.captureScreenshot")["data"])

    def _next(self) -> bytes:
        message = bytearray()
        while (byte := self._replies.read(1)) != b"\0":
            assert byte, "the browser has ended"
            message += byte
        return bytes(message)

    def _note(self, event: dict[str, Any]) -> None:
        parameters = event.get("params", {})
        if event.get("method") == "Runtime.exceptionThrown":
            self.problems.append(json.dumps(parameters["exceptionDetails"]))
        elif event.get("method") == "Log.entryAdded":
            self.problems.append(parameters["entry"]["text"])
        elif event.get("method") == "Runtime.consoleAPICalled":
            self.problems.append(json.dumps(parameters["args"]))


@contextmanager
def browser(profile: Path, more: str = "") -> Iterator[Browser]:
    """Run a browser with a new profile, and with more options."""
    for_commands, commands = os.pipe()
    replies, for_replies = os.pipe()
    options = "--headless --no-sandbox --disable-gpu --no-first-run --remote-debugging-pipe"
    options += f" --enable-unsafe-swiftshader {more}"  # WebGL without a GPU
    # The browser reads commands from descriptor 3 and writes replies to descriptor 4.
    shell = f'exec "$0" "$@" 3<&{for_commands} 4>&{for_replies}'
    command = ["bash", "-c", shell, str(CHROMIUM), *options.split(), f"--user-data-dir={profile}"]
    process = subprocess.Popen(
        command, pass_fds=(for_commands, for_replies), stderr=subprocess.DEVNULL
    )
    os.close(for_commands)
    os.close(for_replies)
    try:
        with open(commands, "wb", buffering=0) as to, open(replies, "rb") as back:
            yield Browser(to, back)
    finally:
        process.terminate()
        process.wait()

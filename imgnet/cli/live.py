"""Live view: a fit that a page in the browser shows while it runs."""

from __future__ import annotations

import time
import webbrowser
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from imgnet.batch.task import STDIO, NamedBytes, Outcome, Task, name_of
from imgnet.cli.inputs import read_bytes
from imgnet.cli.outputs import print_result, resolve_output
from imgnet.cli.plan import SUFFIX
from imgnet.cli.report import Reporter
from imgnet.cli.terminal import complain, printable, say, watch
from imgnet.errors import UsageError
from imgnet.request.encode_options import EncodeOptions

if TYPE_CHECKING:
    from imgnet.viewer.live.feed import Feed

LEFT_S = 3.0  # without any page, as when one is loaded again, after which nobody looks


def view_live(
    source: str, output: str | None, options: EncodeOptions, *, no_open: bool, force: bool
) -> int:
    """Fit a network to an image, and show the fit on a page of this machine.

    Args:
        source: Image file, or "-" for stdin.
        output: File or folder to write, or "-" for stdout; None to keep the result for a download.
        options: Options of the encoder.
        no_open: Print the address of the page instead of opening it.
        force: Let a derived name replace an existing file.

    Returns:
        The exit code, once the result is kept and no page is open.

    Raises:
        UsageError: Address and result would both go to stdout; or as `resolve_output`.
        InputError: The image cannot be read.
        OutputError: The result cannot be written.
    """
    if no_open and output == STDIO:
        raise UsageError("--no-open and -o - both want stdout; choose one of them")
    path = None if output is None else resolve_output(source, output, SUFFIX, force=force)
    from imgnet.image.files import read_photo
    from imgnet.viewer.live.feed import Feed
    from imgnet.viewer.live.fit import encode_watched
    from imgnet.viewer.live.server import serving

    image = NamedBytes(read_bytes(source), name_of(source))
    photo = read_photo(image)
    image.seek(0)
    feed, reporter = Feed(), Reporter(1, as_json=False)
    with serving(feed, *_names(source)) as address:
        _announce(address, is_opened=not no_open)
        with watch(name_of(source)) as on_progress:
            outcome = encode_watched(Task(source, image, path, options), photo, feed, on_progress)
        reporter.show(_for_page(outcome) if output is None else outcome)
        if not outcome.exit_code:
            _wait(feed, address, is_kept=output is not None)
    return reporter.finish()


def _names(source: str) -> tuple[str, str]:
    """Return the name of an image, and of the file to download."""
    name = "stdin" if source == STDIO else printable(Path(source).name)
    return name, Path(name).stem + SUFFIX


def _announce(address: str, *, is_opened: bool) -> None:
    if not is_opened:
        print_result(address)
    elif not webbrowser.open(address):
        complain(f"no browser opens the page; open {address}")


def _for_page(outcome: Outcome) -> Outcome:
    """Return an outcome whose data is on the page, and nowhere else."""
    return replace(outcome, data=None, result=replace(outcome.result, output="the page"))


def _wait(feed: Feed, address: str, *, is_kept: bool) -> None:
    """Wait until the result is kept, by a file or a download, and no page is open."""
    if not is_kept:
        say(f"it waits for its download from {address}; Ctrl-C drops it")
    while not (feed.is_left(LEFT_S) and (is_kept or feed.is_fetched)):
        time.sleep(0.1)

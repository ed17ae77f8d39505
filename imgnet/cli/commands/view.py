"""`imgnet view`: a page that shows an .inr file."""

from __future__ import annotations

import tempfile
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from imgnet.batch.task import STDIO, name_of
from imgnet.cli import options
from imgnet.cli.inputs import read_bytes
from imgnet.cli.outputs import print_result, resolve_output, write_stdout
from imgnet.errors import OutputError
from imgnet.image.atomic import write_atomically


def view(
    source: Annotated[str, typer.Argument(metavar="FILE", help="Made by encode; - for stdin.")],
    output: options.Output = None,
    no_open: Annotated[
        bool, typer.Option("--no-open", help="Print the name of the page instead of opening it.")
    ] = False,
    force: options.Force = False,
) -> int:
    """Show an .inr file in a web browser.

    The page is one HTML file that holds the .inr file and a decoder in JavaScript, and needs no
    network. Without -o it is a temporary file, which is opened in the browser; with -o it is only
    written. The page shows the pixels of decode at any scale, the bytes of each part, and other
    .inr files that are dropped on it.
    """
    from imgnet.codec.format.container import from_bytes
    from imgnet.viewer.page import page_of

    path = None if output is None else resolve_output(source, output, ".html", force=force)
    data = read_bytes(source)
    spec = from_bytes(data, name_of(source)).spec
    page = page_of(spec, data, _title(source))
    if output is None:
        _show(page, source, is_opened=not no_open)
    elif path is None:
        write_stdout(page)
    else:
        write_atomically(path, page)
    return 0


def _title(source: str) -> str:
    return "stdin.inr" if source == STDIO else Path(source).name


def _show(page: bytes, source: str, *, is_opened: bool) -> None:
    """Open a page in the browser, as a temporary file, or print its name."""
    path = Path(tempfile.mkdtemp(prefix="imgnet-"), _title(source)).with_suffix(".html")
    write_atomically(path, page)
    if not is_opened:
        print_result(str(path))
    elif not webbrowser.open(path.as_uri()):
        raise OutputError(f"{path}: no browser opens it; open it yourself, or name a page with -o")

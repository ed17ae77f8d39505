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
from imgnet.cli.outputs import is_folder, print_result, resolve_output, write_stdout
from imgnet.errors import OutputError, UsageError
from imgnet.image.atomic import write_atomically


def view(
    source: Annotated[
        str | None,
        typer.Argument(metavar="FILE", help="Made by encode; - for stdin.", show_default=False),
    ] = None,
    output: options.Output = None,
    no_open: Annotated[
        bool, typer.Option("--no-open", help="Print the name of the page instead of opening it.")
    ] = False,
    as_module: Annotated[
        bool,
        typer.Option(
            "--module",
            help="Write the script of the element inr-image for web pages; takes no FILE.",
        ),
    ] = False,
    force: options.Force = False,
) -> int:
    """Show an .inr file in a web browser.

    The page is one HTML file that holds the .inr file and a decoder in JavaScript, and needs no
    network. It shows the pixels of decode at any scale, and the bytes of each part. Without -o it
    is a temporary file, which is opened in the browser; other .inr files can be dropped on it. With
    -o the page is only written, and is small: files dropped on it need the same network of the same
    prior, or none.
    """
    if as_module:
        _write_module(source, output)
    elif source is None:
        raise UsageError("no FILE given; name an .inr file, or - for stdin")
    else:
        _write_page(source, output, no_open=no_open, force=force)
    return 0


def _write_module(source: str | None, output: str | None) -> None:
    from imgnet.viewer.element import element_script

    if source is not None:
        raise UsageError(f"{source}: --module takes no FILE; leave it out")
    if output is None or is_folder(output):
        raise UsageError("--module: name the file to write with -o, such as imgnet.js")
    _write(resolve_output(STDIO, output, ".js"), element_script())


def _write_page(source: str, output: str | None, *, no_open: bool, force: bool) -> None:
    from imgnet.codec.format.container import from_bytes
    from imgnet.viewer.embedded_priors import every_prior, needed_by
    from imgnet.viewer.page import page_of

    path = None if output is None else resolve_output(source, output, ".html", force=force)
    data = read_bytes(source)
    spec = from_bytes(data, name_of(source)).spec
    # A page for this machine may be large, and takes whatever is dropped on it.
    page = page_of(data, _title(source), every_prior() if output is None else needed_by(spec))
    if output is None:
        _show(page, source, is_opened=not no_open)
    else:
        _write(path, page)


def _write(path: Path | None, content: bytes) -> None:
    if path is None:
        write_stdout(content)
    else:
        write_atomically(path, content)


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

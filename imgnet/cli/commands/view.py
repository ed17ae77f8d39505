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
from imgnet.cli.live import view_live
from imgnet.cli.outputs import is_folder, print_result, resolve_output, write_stdout
from imgnet.cli.terminal import printable
from imgnet.errors import OutputError, UsageError
from imgnet.image.atomic import write_atomically
from imgnet.request.efforts import EFFORTS
from imgnet.request.encode_options import EFFORT, QUALITY, EncodeOptions


def view(
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="FILE",
            help="Made by encode, or an image with --live; - for stdin.",
            show_default=False,
        ),
    ] = None,
    output: options.Output = None,
    zoom: options.Zoom = "neural",
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
    live: Annotated[
        bool, typer.Option("--live", help="Fit a network to an image and watch it get sharp.")
    ] = False,
    fit: Annotated[
        bool,
        typer.Option(
            "--fit", help="Fit a network in the browser to a picture dropped on the page."
        ),
    ] = False,
    quality: Annotated[
        int | None,
        typer.Option(
            "-q", "--quality", metavar="N", min=0, max=100, help="With --live, as of encode."
        ),
    ] = None,
    effort: Annotated[
        int | None,
        typer.Option(
            "-e",
            "--effort",
            metavar="N",
            min=EFFORTS[0],
            max=EFFORTS[-1],
            help="With --live, as of encode.",
        ),
    ] = None,
    force: options.Force = False,
) -> int:
    """Show an .inr file in a web browser.

    The page is one HTML file that holds the .inr file and a decoder in JavaScript, and needs no
    network. It shows the pixels of decode at any scale, the bytes of each part and, with grid, the
    bits of each pixel and the picture without some of its parts; WebGL2 enlarges grid by the zoom
    prior, as decode does, and a slider compares with bicubic. Without -o it is a temporary file,
    which is opened in the browser; other .inr files can be dropped on it. With -o the page is only
    written, and is small: files dropped on it need the same network of the same prior, or none.
    --zoom lanczos leaves out the zoom prior, 150 kB, and the page enlarges by bicubic alone.

    With --live, FILE is an image, and the page shows the picture and its PSNR and rate while encode
    fits a network. imgnet serves the page to this machine alone, at an address with a secret. In
    the end the page downloads the .inr file, which -o writes as well. Closing the page does not
    stop the fit. The command ends when the result is written or downloaded and no page is open.

    With --fit there is no FILE: the page fits a small network, mlp or gated, to a picture that is
    dropped on it, in the browser, and saves .inr files. It needs no network either.
    """
    if not live and (quality is not None or effort is not None):
        raise UsageError("-q and -e are for a fit; add --live")
    if [as_module, live, fit].count(True) > 1:
        raise UsageError("--module, --live and --fit contradict each other; give one of them")
    if zoom != "neural" and (as_module or live or fit):
        raise UsageError("--zoom is for the page of an .inr file; leave it out")
    if as_module:
        _write_module(source, output)
        return 0
    if fit:
        _write_fit_page(source, output, no_open=no_open)
        return 0
    if source is None:
        raise UsageError("no FILE given; name an .inr file, or - for stdin")
    if live:
        quality, effort = (QUALITY if quality is None else quality), effort or EFFORT
        wanted = EncodeOptions(quality=quality, effort=effort)
        return view_live(source, output, wanted, no_open=no_open, force=force)
    _write_page(source, output, zoom, no_open=no_open, force=force)
    return 0


def _write_module(source: str | None, output: str | None) -> None:
    from imgnet.viewer.element import element_script

    if source is not None:
        raise UsageError(f"{source}: --module takes no FILE; leave it out")
    if output is None or is_folder(output):
        raise UsageError("--module: name the file to write with -o, such as imgnet.js")
    _write(resolve_output(STDIO, output, ".js"), element_script())


def _write_fit_page(source: str | None, output: str | None, *, no_open: bool) -> None:
    from imgnet.viewer.fit_page import fit_page

    if source is not None:
        raise UsageError(f"{source}: --fit takes no FILE; drop it on the page")
    if output is None:
        _show(fit_page(), "fit", is_opened=not no_open)
    elif is_folder(output):
        raise UsageError("--fit: name the file to write with -o, such as fit.html")
    else:
        _write(resolve_output(STDIO, output, ".html"), fit_page())


def _write_page(source: str, output: str | None, zoom: str, *, no_open: bool, force: bool) -> None:
    from imgnet.codec.format.container import from_bytes
    from imgnet.codec.render.resize import NEURAL
    from imgnet.viewer.embedded_priors import every_prior, needed_by
    from imgnet.viewer.embedded_zoom import zoom_prior
    from imgnet.viewer.page import page_of

    path = None if output is None else resolve_output(source, output, ".html", force=force)
    data = read_bytes(source)
    spec = from_bytes(data, name_of(source)).spec
    # A page for this machine may be large, and takes whatever is dropped on it.
    priors = every_prior() if output is None else needed_by(spec)
    is_zoomed = zoom == NEURAL and (output is None or spec.family == "grid")
    page = page_of(data, _title(source), priors, zoom_prior() if is_zoomed else None)
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
    return "stdin.inr" if source == STDIO else printable(Path(source).name)


def _show(page: bytes, source: str, *, is_opened: bool) -> None:
    """Open a page in the browser, as a temporary file, or print its name."""
    path = Path(tempfile.mkdtemp(prefix="imgnet-"), _title(source)).with_suffix(".html")
    write_atomically(path, page)
    if not is_opened:
        print_result(str(path))
    elif not webbrowser.open(path.as_uri()):
        raise OutputError(f"{path}: no browser opens it; open it yourself, or name a page with -o")

"""`imgnet decode`: render an .inr file."""

from __future__ import annotations

from time import monotonic
from typing import Annotated

import typer

from imgnet.batch.task import name_of
from imgnet.cli import options
from imgnet.cli.half_blocks import show_pixels
from imgnet.cli.inputs import load_encoded, load_start, naming
from imgnet.cli.options import set_verbosity, size_within
from imgnet.cli.outputs import choose_depth, resolve_picture, write_picture
from imgnet.cli.report import drawn_line, network_line
from imgnet.cli.terminal import say


def decode(
    source: Annotated[str, typer.Argument(metavar="FILE", help="Made by encode; - for stdin.")],
    output: options.Output = None,
    size: options.Size = None,
    fit: options.Fit = None,
    crop: Annotated[
        str | None,
        typer.Option(
            metavar="X,Y,W,H",
            help="Render this part only, in native pixels from the top left corner.",
        ),
    ] = None,
    zoom: options.Zoom = "neural",
    partial: Annotated[
        bool,
        typer.Option(
            "--partial",
            help="Render what is there of a grid file that is cut short, such as a "
            "download that goes on.",
        ),
    ] = False,
    image_format: options.ImageFormat = None,
    depth: options.Depth = None,
    force: options.Force = False,
    preview: Annotated[
        bool,
        typer.Option(
            "--preview", help="Also show the picture in the terminal, where that has colours."
        ),
    ] = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> int:
    """Render an .inr file as an image of any size.

    Without -o the image goes beside the file, under the same name with the format's extension, and
    the image of stdin goes to stdout. Without --size a crop keeps its native size. A grid file that
    renders other pixels than its encoder did is refused with exit code 4; those of a crop are not
    compared. With --partial a grid file of which only the start is there is drawn from its levels,
    coarse ones first, and a line tells which are there; no checksum can tell whether they are
    damaged. With --verbose the command also prints the network and the seconds. --preview draws
    the picture on stderr in half blocks, at most 64 columns wide.
    """
    from imgnet import api
    from imgnet.image.geometry import Crop

    set_verbosity(quiet=quiet, verbose=verbose)
    started = monotonic()
    wanted = size_within(size, fit)
    area = None if crop is None else Crop.parse(crop)
    path = resolve_picture(source, output, image_format, depth, force=force)
    encoded = load_start(source, quiet=quiet) if partial else load_encoded(source)
    with naming(source):
        bits = choose_depth(depth, encoded.depth, path, image_format)
        pixels = api.decode(encoded, size=wanted, crop=area, depth=bits, zoom=zoom)
    write_picture(pixels, path, image_format, encoded.metadata)
    if preview and not quiet:
        show_pixels(pixels)
    if verbose:
        say(network_line(encoded))
        say(drawn_line(name_of(source), pixels.shape, monotonic() - started))
    return 0

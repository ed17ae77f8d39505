"""`imgnet resample`: an image or an .inr file at another size."""

from __future__ import annotations

from time import monotonic
from typing import Annotated

import typer

from imgnet.batch.task import name_of
from imgnet.cli import options
from imgnet.cli.inputs import load_either, naming
from imgnet.cli.options import set_verbosity
from imgnet.cli.outputs import choose_depth, resolve_picture, write_picture
from imgnet.cli.report import drawn_line
from imgnet.cli.terminal import say, watch
from imgnet.errors import UsageError
from imgnet.request.encode_options import EFFORT, MODEL, QUALITY, EncodeOptions


def resample(
    source: Annotated[
        str, typer.Argument(metavar="IN", help="An .inr file or any image; - for stdin.")
    ],
    output: options.Output = None,
    size: options.Size = None,
    scale: Annotated[
        float | None,
        typer.Option(
            metavar="FACTOR", min=0.001, max=1000, help="Times the native size, such as 4."
        ),
    ] = None,
    zoom: options.Zoom = "neural",
    image_format: options.ImageFormat = None,
    depth: options.Depth = None,
    model: options.Model = MODEL,
    quality: options.Quality = QUALITY,
    effort: options.Effort = EFFORT,
    time_limit: options.TimeLimit = None,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    force: options.Force = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> int:
    """Render an .inr file or an image at another size.

    Give either --size or --scale. An image first gets a network fitted to it, with the options of
    encode; the network is not kept. Without -o the result goes beside the input, under the same
    name with the format's extension, and the result of stdin goes to stdout. With --verbose the
    command also prints the seconds.
    """
    from imgnet import api
    from imgnet.codec.format.container import Encoded
    from imgnet.image.geometry import resolve_size

    set_verbosity(quiet=quiet, verbose=verbose)
    started = monotonic()
    resolve_size((1, 1), size)  # what no picture can have is not worth a fit
    if (size is None) == (scale is None):
        raise UsageError("give either a --size or a --scale to resample to")
    path = resolve_picture(source, output, image_format, depth, force=force)
    image = load_either(source, quiet=quiet)
    with naming(source), watch(name_of(source), quiet=quiet) as on_progress:
        wanted = EncodeOptions(
            model=model,
            quality=quality,
            effort=effort,
            time_limit=time_limit,
            seed=seed,
            device=device,
            on_progress=on_progress,
        )
        encoded = image if isinstance(image, Encoded) else api.encode_with(image, wanted)
        bits = choose_depth(depth, encoded.depth, path, image_format)
        pixels = api.resample(encoded, size=size, scale=scale, depth=bits, zoom=zoom)
    write_picture(pixels, path, image_format, encoded.metadata)
    if verbose:
        say(drawn_line(name_of(source), pixels.shape, monotonic() - started))
    return 0

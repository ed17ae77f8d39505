"""`imgnet compare`: PSNR, SSIM and largest error between two pictures."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from imgnet.batch.task import STDIO, name_of
from imgnet.cli import options
from imgnet.cli.inputs import load_either, naming
from imgnet.cli.outputs import check_distinct, print_result, resolve_picture, write_picture
from imgnet.cli.terminal import say_lines
from imgnet.errors import UsageError

if TYPE_CHECKING:
    from imgnet.image.picture import Samples

MAX_GAIN = 65535  # makes the least difference white


def compare(
    first: Annotated[str, typer.Argument(metavar="A", help="An image or .inr file; - for stdin.")],
    second: Annotated[str, typer.Argument(metavar="B", help="An image or .inr file; - for stdin.")],
    output: Annotated[
        str | None,
        typer.Option(
            "-o",
            "--output",
            metavar="OUT",
            help="Picture to write: A, B and their absolute difference side by side; with - to "
            "stdout, and the numbers to stderr.",
        ),
    ] = None,
    gain: Annotated[
        int,
        typer.Option(metavar="N", min=1, max=MAX_GAIN, help="Multiply the difference by this."),
    ] = 8,
    image_format: options.ImageFormat = None,
    force: options.Force = False,
    as_json: options.Json = False,
) -> int:
    """Print how far apart two pictures of the same size are.

    An .inr file stands for the picture that it decodes to. The numbers are:

    PSNR, over the samples of all channels, in dB.

    SSIM of Wang et al. (2004), with Gaussian windows of 11x11 samples inside the picture, as the
    mean over the colour channels.

    MS-SSIM of Wang et al. (2003), with five scales, as the mean over the colour channels; papers on
    learned codecs use this form. It needs 161 pixels a side.

    Max error, the largest difference of two samples.

    A grey picture compared with a coloured one counts as three equal channels. Where either picture
    has transparent pixels, colours are multiplied by alpha, so that only visible differences count,
    and alpha is one more channel. Pictures of different sizes are refused with exit code 2;
    different pixels are no error.

    The fields of --json are a, b, width, height, channels, psnr_db (null for equal pixels), ssim,
    ms_ssim (null for a picture that is too small), max_error and depth.
    """
    if first == second == STDIO:
        raise UsageError("<stdin>: holds one picture; name a file for the other")
    if as_json and output == STDIO:
        raise UsageError("--json and -o - both want stdout; choose one of them")
    path = None
    if output is not None:
        named = second if first == STDIO else first
        path = resolve_picture(named, output, image_format, force=force)
    if path is not None:
        check_distinct(first, path)
        check_distinct(second, path)
    a, b = _pixels(first), _pixels(second)
    _check_sizes(first, a, second, b)
    from imgnet.image.picture import Metadata
    from imgnet.metrics.comparison import compare as measure
    from imgnet.metrics.comparison import side_by_side

    comparison = measure(a, b)
    if output is not None:
        write_picture(side_by_side(a, b, gain), path, image_format, Metadata())
    names = {"a": first, "b": second}
    text = json.dumps(names | comparison.as_json()) if as_json else comparison.as_text()
    (say_lines if output == STDIO else print_result)(text)
    return 0


def _pixels(source: str) -> Samples:
    """Return the pixels of an image or .inr file."""
    from imgnet import api

    image = load_either(source, quiet=True)
    if isinstance(image, tuple):
        return image[0]
    with naming(source):
        return api.decode(image, depth=image.depth)


def _check_sizes(first: str, a: Samples, second: str, b: Samples) -> None:
    """Refuse pictures of different sizes.

    Raises:
        UsageError: The width or the height differs.
    """
    if a.shape[:2] != b.shape[:2]:
        raise UsageError(
            f"{name_of(first)} has {_size(a)} pixels, {name_of(second)} {_size(b)}; "
            f"bring one to the size of the other with `imgnet resample --size {_size(a)}`"
        )


def _size(pixels: Samples) -> str:
    return f"{pixels.shape[1]}x{pixels.shape[0]}"

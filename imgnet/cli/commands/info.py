"""`imgnet info`: model, size, rate and parameters of .inr files."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from imgnet.batch.task import name_of
from imgnet.cli import options
from imgnet.cli.figures import Facts, draw_figures, figure_lines, resolve_figures
from imgnet.cli.inputs import for_each, naming, read_bytes
from imgnet.cli.outputs import print_result
from imgnet.cli.report import byte_lines
from imgnet.cli.terminal import printable
from imgnet.errors import UsageError

if TYPE_CHECKING:
    from imgnet.codec.format.container import Encoded


def info(
    inputs: Annotated[list[str], typer.Argument(metavar="FILE...", help="Files made by encode.")],
    as_json: options.Json = False,
    as_dot: Annotated[
        bool,
        typer.Option("--dot", help="Print the network as a graph in the language of Graphviz."),
    ] = False,
    rate_map: Annotated[
        str | None,
        typer.Option(
            "--map",
            metavar="OUT",
            help="Picture to write of one FILE of grid: the bits that each pixel takes.",
        ),
    ] = None,
    pyramid: Annotated[
        str | None,
        typer.Option(metavar="OUT", help="Picture to write of one FILE of grid: all its latents."),
    ] = None,
    force: options.Force = False,
    verbose: options.Verbose = False,
) -> int:
    """Print what each .inr file holds.

    The output has model, size, bytes and bits a pixel, and the parameters of each layer. With
    --verbose it also has the bytes of each part: header, network, and the latents of each level,
    where 1/1 is the level of full size. JSON has them in the field parts.

    --map writes the rate map of a file of grid: the code length of each latent, spread over the
    pixels that it covers. Dark blue is 0 bits a pixel; pale yellow is the rate that 1 % of the
    pixels exceed, which the output names. --pyramid writes all latents, blue below 0 and orange
    above, darkest where they are as large as the output says of their grid. Grids of a quarter of
    the size or less all have that size. JSON has these numbers in the fields map and pyramid. In a
    folder, the pictures of photo.inr are photo-map.png and photo-pyramid.png.
    """
    figures = {"map": rate_map, "pyramid": pyramid}
    if any(figures.values()) and (as_dot or len(inputs) > 1):
        raise UsageError("--map and --pyramid take one FILE, and no --dot")
    show = _dot if as_dot else partial(_json, verbose) if as_json else partial(_text, verbose)
    return for_each(inputs, lambda source: _print_file(source, show, figures, force=force))


def _print_file(
    source: str,
    show: Callable[[str, Encoded, int, Facts], str],
    figures: dict[str, str | None],
    *,
    force: bool,
) -> None:
    from imgnet.codec.format.container import from_bytes

    paths = resolve_figures(source, figures, force=force)
    data = read_bytes(source)
    with naming(source):
        encoded = from_bytes(data, name_of(source))
        facts = draw_figures(source, encoded, paths)
        print_result(show(source, encoded, len(data), facts))


def _text(verbose: bool, source: str, encoded: Encoded, num_bytes: int, facts: Facts) -> str:
    from imgnet.codec.format.description import describe

    lines = [printable(name_of(source)), describe(encoded, num_bytes).as_text()]
    lines += byte_lines(encoded, num_bytes) if verbose else []
    return "\n".join([*lines, *figure_lines(facts)])


def _json(verbose: bool, source: str, encoded: Encoded, num_bytes: int, facts: Facts) -> str:
    from imgnet.codec.format.byte_counts import bytes_by_part
    from imgnet.codec.format.description import describe

    record = {"input": source} | describe(encoded, num_bytes).as_json() | facts
    return json.dumps(record | ({"parts": bytes_by_part(encoded, num_bytes)} if verbose else {}))


def _dot(_source: str, encoded: Encoded, _num_bytes: int, _facts: Facts) -> str:
    from imgnet.codec.format.description import to_dot

    return to_dot(encoded.spec)

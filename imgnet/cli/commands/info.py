"""`imgnet info`: model, size, rate and parameters of .inr files."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from imgnet.batch.task import name_of
from imgnet.cli import options
from imgnet.cli.inputs import for_each, naming, read_bytes
from imgnet.cli.outputs import print_result
from imgnet.cli.report import byte_lines
from imgnet.cli.terminal import printable

if TYPE_CHECKING:
    from imgnet.codec.format.container import Encoded


def info(
    inputs: Annotated[list[str], typer.Argument(metavar="FILE...", help="Files made by encode.")],
    as_json: options.Json = False,
    as_dot: Annotated[
        bool,
        typer.Option("--dot", help="Print the network as a graph in the language of Graphviz."),
    ] = False,
    verbose: options.Verbose = False,
) -> int:
    """Print what each .inr file holds.

    The output has model, size, bytes and bits a pixel, and the parameters of each layer. With
    --verbose it also has the bytes of each part: header, network, and the latents of each level,
    where 1/1 is the level of full size. JSON has them in the field parts.
    """
    show = _dot if as_dot else _json if as_json else _text
    return for_each(inputs, lambda source: _print_file(source, show, verbose))


def _print_file(source: str, show: Callable[[str, Encoded, int, bool], str], verbose: bool) -> None:
    from imgnet.codec.format.container import from_bytes

    data = read_bytes(source)
    with naming(source):
        print_result(show(source, from_bytes(data, name_of(source)), len(data), verbose))


def _text(source: str, encoded: Encoded, num_bytes: int, verbose: bool) -> str:
    from imgnet.codec.format.description import describe

    lines = [printable(name_of(source)), describe(encoded, num_bytes).as_text()]
    return "\n".join(lines + (byte_lines(encoded, num_bytes) if verbose else []))


def _json(source: str, encoded: Encoded, num_bytes: int, verbose: bool) -> str:
    from imgnet.codec.format.byte_counts import bytes_by_part
    from imgnet.codec.format.description import describe

    record = {"input": source} | describe(encoded, num_bytes).as_json()
    return json.dumps(record | ({"parts": bytes_by_part(encoded, num_bytes)} if verbose else {}))


def _dot(_source: str, encoded: Encoded, _num_bytes: int, _verbose: bool) -> str:
    from imgnet.codec.format.description import to_dot

    return to_dot(encoded.spec)

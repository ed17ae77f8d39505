"""`imgnet info`: what a file holds."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from imgnet.batch import name_of
from imgnet.cli.inputs import for_each, read_bytes
from imgnet.cli.options import Json

if TYPE_CHECKING:
    from imgnet.container import Encoded


def info(
    inputs: Annotated[list[str], typer.Argument(metavar="FILE...", help="Files made by encode.")],
    as_json: Json = False,
    as_dot: Annotated[
        bool, typer.Option("--dot", help="Print the network as a Graphviz graph.")
    ] = False,
) -> int:
    """Print what each .inr file holds: model, size, bytes, parameters a layer."""
    show = _dot if as_dot else _json if as_json else _text
    return for_each(inputs, lambda source: _print_file(source, show))


def _print_file(source: str, show: Callable[[str, Encoded, int], str]) -> None:
    from imgnet.container import from_bytes

    data = read_bytes(source)
    typer.echo(show(source, from_bytes(data, name_of(source)), len(data)))


def _text(source: str, encoded: Encoded, num_bytes: int) -> str:
    from imgnet.describe import describe

    return f"{source}\n{describe(encoded, num_bytes).as_text()}"


def _json(source: str, encoded: Encoded, num_bytes: int) -> str:
    from imgnet.describe import describe

    return json.dumps({"input": source} | describe(encoded, num_bytes).as_json())


def _dot(_source: str, encoded: Encoded, _num_bytes: int) -> str:
    from imgnet.describe import to_dot

    return to_dot(encoded.spec)

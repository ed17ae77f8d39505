"""`imgnet verify`: does a file decode to the pixels that its encoder saw?"""

from __future__ import annotations

from typing import Annotated

import typer

from imgnet.batch import name_of
from imgnet.cli.inputs import for_each, load_encoded, naming
from imgnet.errors import FormatError


def verify(
    inputs: Annotated[list[str], typer.Argument(metavar="FILE...", help="Files made by encode.")],
) -> int:
    """Decode each .inr file and compare its pixels with the checksum that it holds."""
    return for_each(inputs, _verify)


def _verify(source: str) -> None:
    from imgnet import api

    with naming(source):
        exact = api.verify(load_encoded(source))
        if exact is False:
            raise FormatError(api.WRONG_PIXELS)
    verdict = "exact" if exact else "sound; says nothing about its pixels"
    typer.echo(f"{name_of(source)}: {verdict}")

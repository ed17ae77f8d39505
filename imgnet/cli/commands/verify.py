"""`imgnet verify`: check of decoded pixels against the checksum of the encoder."""

from __future__ import annotations

from typing import Annotated

import typer

from imgnet.batch.task import name_of
from imgnet.cli import options
from imgnet.cli.inputs import for_each, load_encoded, naming
from imgnet.cli.outputs import print_result
from imgnet.cli.terminal import printable
from imgnet.errors import FormatError


def verify(
    inputs: Annotated[list[str], typer.Argument(metavar="FILE...", help="Files made by encode.")],
    quiet: options.Quiet = False,
) -> int:
    """Check that each .inr file decodes to the pixels of its encoder.

    Files of the model grid hold a checksum of the pixels that their encoder rendered. The verdict
    is "exact" where the checksum agrees, and "sound" where the file is whole but holds no checksum,
    as with float weights and with the models gated and mlp. The exit code is 4 otherwise.
    """
    return for_each(inputs, lambda source: _verify(source, quiet=quiet))


def _verify(source: str, *, quiet: bool) -> None:
    from imgnet import api
    from imgnet.codec.families import WRONG_PIXELS

    with naming(source):
        exact = api.verify(load_encoded(source))
        if exact is False:
            raise FormatError(WRONG_PIXELS)
    verdict = "exact" if exact else "sound; says nothing about its pixels"
    if not quiet:
        print_result(f"{printable(name_of(source))}: {verdict}")

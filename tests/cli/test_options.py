"""Options and the constants of the package that they repeat, so that help loads no NumPy."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import get_args, get_type_hints

import pytest

from imgnet.cli.commands.decode import decode
from imgnet.cli.commands.encode import encode
from imgnet.cli.options import set_verbosity
from imgnet.codec.render.resize import ZOOMS
from imgnet.request.request import BITS_PER_WEIGHT, TUNES
from imgnet.spec import FAMILIES


@pytest.mark.parametrize(
    ("command", "option", "known"),
    [
        (encode, "model", FAMILIES),
        (encode, "tune", TUNES),
        (encode, "weights", BITS_PER_WEIGHT),
        (decode, "zoom", ZOOMS),
    ],
)
def test_choices_are_those_of_the_package(
    command: Callable[..., int], option: str, known: Iterable[str]
) -> None:
    assert get_args(get_type_hints(command)[option]) == tuple(known)


@pytest.mark.parametrize(("quiet", "said"), [(True, []), (False, ["compiling"])])
def test_quiet_silences_the_warnings_of_the_library(
    quiet: bool, said: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    set_verbosity(quiet=quiet, verbose=False)
    logging.getLogger("imgnet").warning("compiling")
    assert [record.message for record in caplog.records] == said

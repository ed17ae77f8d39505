from __future__ import annotations

import pytest

from imgnet.errors import (
    FormatError,
    ImgnetError,
    InputError,
    OutputError,
    TargetError,
    UsageError,
)


@pytest.mark.parametrize(
    ("kind", "exit_code"),
    [
        (ImgnetError, 1),
        (UsageError, 2),
        (InputError, 3),
        (FormatError, 4),
        (TargetError, 5),
        (OutputError, 6),
    ],
)
def test_exit_codes_are_those_that_scripts_rely_on(kind: type[ImgnetError], exit_code: int) -> None:
    assert kind("photo.png: gone").exit_code == exit_code
    assert str(kind("photo.png: gone")) == "photo.png: gone"


def test_one_handler_catches_all() -> None:
    kinds = ImgnetError.__subclasses__()
    assert len({kind.exit_code for kind in kinds}) == len(kinds)
    assert not issubclass(ImgnetError, OSError | ValueError)

"""Exceptions of imgnet, each with an exit code of the command line."""

from __future__ import annotations

from typing import Any, ClassVar


class ImgnetError(Exception):
    """A failure, described in one line that names the file, the fault and a remedy.

    Attributes:
        exit_code: Exit code of the command line.

    >>> UsageError("--size 0: a side must be at least 1 pixel").exit_code
    2
    """

    exit_code: ClassVar[int] = 1


class UsageError(ImgnetError):
    """An option or argument is invalid."""

    exit_code = 2


class InputError(ImgnetError):
    """An input cannot be read."""

    exit_code = 3


class FormatError(ImgnetError):
    """A file is not an .inr, is damaged, or was written by a newer version."""

    exit_code = 4


class TargetError(ImgnetError):
    """A target size, rate or PSNR was not reached.

    Attributes:
        best: The `Encoded` image nearest to the target; None if there is none.
    """

    exit_code = 5

    def __init__(self, message: str, best: Any = None) -> None:
        super().__init__(message)
        self.best = best


class OutputError(ImgnetError):
    """An output cannot be written."""

    exit_code = 6

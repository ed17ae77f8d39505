"""Every failure that imgnet reports on purpose, each with the exit code of the command line."""

from __future__ import annotations

from typing import Any, ClassVar


class ImgnetError(Exception):
    """Report a failure in one line that names the file, the fault and the way out.

    `exit_code` is what the command line returns.

    >>> UsageError("--size 0: a side must be at least 1 pixel").exit_code
    2
    """

    exit_code: ClassVar[int] = 1


class UsageError(ImgnetError):
    """An option or argument makes no sense."""

    exit_code = 2


class InputError(ImgnetError):
    """An input cannot be read."""

    exit_code = 3


class FormatError(ImgnetError):
    """A file is not an .inr, is damaged, or was written by a newer version."""

    exit_code = 4


class TargetError(ImgnetError):
    """A size, rate or quality that was asked for was not reached.

    Attributes:
        best: The `Encoded` image that comes nearest to it, if there is one.
    """

    exit_code = 5

    def __init__(self, message: str, best: Any = None) -> None:
        super().__init__(message)
        self.best = best


class OutputError(ImgnetError):
    """An output cannot be written."""

    exit_code = 6

"""Inputs: files, stdin, and the distinction of images and .inr files by their content."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from imgnet.batch.task import STDIO, NamedBytes, name_of
from imgnet.cli.terminal import complain
from imgnet.errors import FormatError, ImgnetError, InputError, UsageError

if TYPE_CHECKING:
    from imgnet.codec.format.container import Encoded
    from imgnet.image.load import Photo

SOME_FAILED = 1


def for_each(
    sources: Sequence[str],
    work: Callable[[str], None],
    failed: Callable[[str, ImgnetError], None] = lambda _source, _error: None,
) -> int:
    """Call a function for every input; one that fails does not stop the others.

    Args:
        sources: Input files.
        work: Function of an input.
        failed: Called, after the message, with an input that failed and its fault.

    Returns:
        The exit code: 0, that of the fault of a single input, or 1 if some of several failed.
    """
    codes = []
    for source in sources:
        try:
            work(source)
        except ImgnetError as error:
            complain(error)
            failed(source, error)
            codes.append(error.exit_code)
    if codes and len(sources) > 1:
        return SOME_FAILED
    return codes[0] if codes else 0


def read_bytes(source: str) -> bytes:
    """Return the content of a file, or of stdin for "-".

    Raises:
        UsageError: Stdin is a terminal.
        InputError: Reading fails.
    """
    if source == STDIO and sys.stdin is None:
        raise InputError("<stdin>: is closed; pipe a file into imgnet or name one")
    if source == STDIO and sys.stdin.isatty():
        raise UsageError("<stdin>: is a terminal; pipe a file into imgnet or name one")
    try:
        return sys.stdin.buffer.read() if source == STDIO else Path(source).read_bytes()
    except OSError as error:
        raise InputError(f"{name_of(source)}: cannot be read ({error.strerror})") from error


def check_input(source: str) -> None:
    """Refuse an input file that does not exist.

    Raises:
        InputError: The file does not exist, or its folder cannot be read.
    """
    try:
        if source != STDIO:
            os.stat(source)
    except OSError as error:
        raise InputError(f"{source}: cannot be read ({error.strerror})") from error


def load_encoded(source: str) -> Encoded:
    """Read an .inr file, or stdin for "-".

    Raises:
        InputError: Reading fails.
        FormatError: It is not an .inr file.
    """
    from imgnet.codec.format.container import from_bytes

    return from_bytes(read_bytes(source), name_of(source))


def load_start(source: str, *, quiet: bool = False) -> Encoded:
    """Read an .inr file that may be cut short, or stdin for "-".

    Args:
        source: Input file.
        quiet: Do not print how much of a cut file is there.

    Raises:
        InputError: Reading fails.
        FormatError: It is not an .inr file, is damaged, or too little of it is there.
    """
    from imgnet.codec.format.cut import from_start

    encoded, cut = from_start(read_bytes(source), name_of(source))
    if cut is not None and not quiet:
        complain(f"{name_of(source)} is {cut}")
    return encoded


@contextmanager
def naming(source: str) -> Iterator[None]:
    """Name the input in the message of a FormatError."""
    try:
        yield
    except FormatError as error:
        if str(error).startswith(name_of(source)):
            raise
        raise FormatError(f"{name_of(source)}: {error}") from None


def image_file(source: str) -> Path | NamedBytes:
    """Return an image file for the API; for "-", the content of stdin.

    Raises:
        UsageError: Stdin is a terminal.
        InputError: Reading fails.
    """
    return Path(source) if source != STDIO else NamedBytes(read_bytes(source), name_of(source))


def load_either(source: str, *, quiet: bool = False) -> Encoded | Photo:
    """Read an .inr file or an image from a file, or from stdin for "-".

    Args:
        source: Input file.
        quiet: Print no notes on parts of an image that are not read.

    Raises:
        InputError: The file is neither an image nor an .inr file, or cannot be read.
        FormatError: The .inr file is damaged.
    """
    from imgnet.codec.format.container import from_bytes
    from imgnet.signature import looks_encoded

    data = read_bytes(source)
    if looks_encoded(data):
        return from_bytes(data, name_of(source))
    return _read_photo(source, data, quiet=quiet)


def _read_photo(source: str, data: bytes, *, quiet: bool) -> Photo:
    from imgnet.image.files import read_photo

    pixels, profile = read_photo(NamedBytes(data, name_of(source)))
    if not quiet:
        for note in profile.notes:
            complain(f"{name_of(source)}: {note}")
    return pixels, profile

"""Outputs: file names derived from inputs, protection of existing files, stdout."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from imgnet.batch.task import STDIO, NamedBytes
from imgnet.cli.inputs import check_input
from imgnet.cli.terminal import mute
from imgnet.errors import OutputError, UsageError
from imgnet.image.atomic import check_writable

if TYPE_CHECKING:
    from imgnet.image.picture import Metadata, Samples

DEFAULT_FORMAT = "png"


class StdoutClosed(BaseException):
    """The program that reads stdout wants no more.

    It is no `Exception`, because it ends the command and not only the work on one input.
    """

    exit_code = 141  # that a shell reports for a program killed by SIGPIPE


def shared_output(output: str | None, suffix: str) -> str | None:
    """Return the output of several inputs: a folder, which need not exist or end in a slash.

    Args:
        output: Value of -o.
        suffix: Extension of a result; a name that ends in it is not taken for a folder.

    Raises:
        UsageError: The output is stdout or a file.

    >>> shared_output("small", ".inr"), shared_output(None, ".inr")
    ('small/', None)
    """
    if output == STDIO:
        raise UsageError("<stdout>: takes one result; name a folder with -o to write several")
    if output is None or is_folder(output):
        return output
    if os.path.lexists(output):
        raise UsageError(f"{output}: is a file; name a folder with -o to write several")
    if output.endswith(suffix):
        raise UsageError(f"{output}: several inputs need a folder; write -o {output}/")
    return os.path.join(output, "")


def check_snapshots(steps: int, folder: Path) -> None:
    """Check the interval of previews of a fit, and create their folder.

    Raises:
        UsageError: The interval is below one step.
        OutputError: The folder cannot be created.
    """
    if steps < 1:
        raise UsageError(f"--snapshot-every {steps} {folder}: the interval is at least 1 step")
    _make_folder(folder)


def resolve_output(
    source: str,
    output: str | None,
    suffix: str,
    *,
    inside: str = "",
    force: bool = False,
) -> Path | None:
    """Return the output file of `source` and check that it can be written.

    Args:
        source: Input file, or "-" for stdin.
        output: Value of -o: a file, a folder, "-" for stdout, or None for a name beside `source`.
        suffix: Extension of a derived name, with its dot.
        inside: Subfolder of the folder of -o; both are created if they do not exist.
        force: Let a derived name replace an existing file.

    Returns:
        The file, or None for stdout.

    Raises:
        UsageError: Binary data would go to a terminal, or the output is the input.
        InputError: The input does not exist.
        OutputError: The file cannot be created, or its name was derived and exists.
    """
    check_input(source)
    path = name_output(source, output, suffix, inside)
    if path is None:
        _check_stdout()
        return None
    derived = output is None or is_folder(output)
    if output is not None and derived:
        _make_folder(Path(output))
        _make_folder(path.parent, parents=True)
    taken = derived and os.path.exists(path) and not force
    check_distinct(source, path)
    if taken:
        raise OutputError(f"{path}: exists; replace it with --force or name another with -o")
    _check_place(path)
    return path


def name_output(
    source: str,
    output: str | None,
    suffix: str,
    inside: str = "",
) -> Path | None:
    """Return the output file of `source`, or None for stdout, without any check.

    Raises:
        UsageError: A name would be derived from stdin, which has none.

    >>> str(name_output("photos/a.png", "out/", ".inr", "summer"))
    'out/summer/a.inr'
    """
    if output == STDIO or (output is None and source == STDIO):
        return None
    if output is not None and not is_folder(output):
        return Path(output)
    folder = Path(source).parent if output is None else Path(output) / inside
    return folder / _derived_name(source, suffix)


def resolve_picture(
    source: str,
    output: str | None,
    image_format: str | None,
    depth: str | None = None,
    *,
    ending: str = "",
    force: bool = False,
) -> Path | None:
    """Return the output file of a picture as `resolve_output` does, and check its format.

    A derived name ends in `ending`, before its extension.

    Raises:
        UsageError: The format or the extension is unknown, or does not have that depth; picture
            data would go to a terminal, or the output is the input.
        InputError: The input does not exist.
        OutputError: The file cannot be created, or its name was derived and exists.
    """
    suffix = f"{ending}.{image_format or DEFAULT_FORMAT}".lower()
    path = resolve_output(source, output, suffix, force=force)
    _try_format(path, image_format, depth)
    return path


def choose_depth(
    asked: str | None, source: int, path: Path | None, image_format: str | None
) -> int:
    """Return the bits of a sample: as asked, else those of the source within the format."""
    from imgnet.image.formats import find_format

    most = find_format(_memory(path).name, _format(path, image_format)).depth
    return min(source, most) if asked is None else int(asked)


def _try_format(path: Path | None, image_format: str | None, depth: str | None) -> None:
    """Write one pixel to memory, so that a bad format fails before the work begins."""
    import numpy as np

    from imgnet.image.formats import write_image
    from imgnet.image.picture import DTYPES

    pixel = np.zeros((1, 1, 3), DTYPES[int(depth or 8)])
    write_image(pixel, _memory(path), _format(path, image_format))


def _memory(path: Path | None) -> NamedBytes:
    return NamedBytes(b"", "<stdout>" if path is None else str(path))


def _format(path: Path | None, image_format: str | None) -> str:
    return image_format or (DEFAULT_FORMAT if path is None else path.suffix)


def _check_stdout() -> None:
    _stdout()
    if sys.stdout.isatty():
        raise UsageError("<stdout>: is a terminal; name a file with -o or redirect the output")


def _stdout() -> TextIO:
    """Return stdout, unless it is closed."""
    if sys.stdout is None:
        raise OutputError("<stdout>: is closed; name a file with -o or redirect the output")
    return sys.stdout


def print_result(text: str, stdout: TextIO | None = None) -> None:
    """Print text and a newline to stdout; as `write_stdout`.

    Raises:
        OutputError: Stdout is closed or cannot be written.
        StdoutClosed: The reader has closed the pipe.
    """
    stream = stdout or _stdout()
    with _writing(stream):
        print(text, file=stream, flush=True)


def is_folder(output: str) -> bool:
    """Tell whether an output is a folder, which need not exist if it ends in a slash."""
    return output.endswith(("/", os.sep)) or os.path.isdir(output)


def _make_folder(folder: Path, *, parents: bool = False) -> None:
    try:
        folder.mkdir(exist_ok=True, parents=parents)
    except OSError as error:
        raise OutputError(f"{folder}: cannot create this folder ({error.strerror})") from error


def _derived_name(source: str, suffix: str) -> str:
    if source == STDIO:
        raise UsageError("<stdin>: has no name to derive one from; name a file with -o")
    return Path(source).stem + suffix


def check_distinct(source: str, path: Path) -> None:
    """Refuse an output that is an input.

    Raises:
        UsageError: The output is the input.
    """
    if _same_file(source, path):
        raise UsageError(f"{path}: is the input as well; name another output with -o")


def _same_file(source: str, path: Path) -> bool:
    try:
        return source != STDIO and os.path.samefile(source, path)
    except OSError:  # one of them does not exist, or its folder is a file
        return False


def _check_place(path: Path) -> None:
    folder = path.parent
    if not folder.is_dir():
        raise OutputError(f"{path}: {folder} is not a folder; create it or name another with -o")
    check_writable(path)


def write_picture(
    picture: Samples, path: Path | None, image_format: str | None, metadata: Metadata
) -> None:
    """Write (height, width, channel) pixels to a file, or to stdout if `path` is None.

    Raises:
        UsageError: The format is unknown.
        OutputError: Writing fails.
    """
    from imgnet.image.formats import write_image

    if path is not None:
        write_image(picture, path, image_format, metadata)
        return
    memory = _memory(path)  # the writers of some formats seek, which stdout cannot
    write_image(picture, memory, _format(path, image_format), metadata)
    write_stdout(memory.getvalue())


def write_stdout(data: bytes, stdout: TextIO | None = None) -> None:
    """Write binary data to stdout, or to an earlier stdout that has been redirected since.

    Raises:
        OutputError: Stdout is closed or cannot be written.
        StdoutClosed: The reader has closed the pipe.
    """
    stream = stdout or _stdout()
    with _writing(stream):
        stream.buffer.write(data)
        stream.buffer.flush()


@contextmanager
def _writing(stream: TextIO) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        mute(stream)
        if isinstance(error, BrokenPipeError):
            raise StdoutClosed from error
        raise OutputError(f"<stdout>: cannot be written ({error.strerror})") from error

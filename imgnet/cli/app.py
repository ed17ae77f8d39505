"""The `imgnet` program: its commands, and the message and exit code of every failure."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from io import TextIOWrapper
from typing import Annotated

import typer

from imgnet import __version__
from imgnet.cli.commands.bench import bench
from imgnet.cli.commands.compare import compare
from imgnet.cli.commands.decode import decode
from imgnet.cli.commands.encode import encode
from imgnet.cli.commands.info import info
from imgnet.cli.commands.resample import resample
from imgnet.cli.commands.verify import verify
from imgnet.cli.commands.view import view
from imgnet.cli.outputs import StdoutClosed
from imgnet.cli.terminal import complain, say_lines
from imgnet.errors import ImgnetError, OutputError, UsageError
from imgnet.image.geometry import max_pixels
from imgnet.signals import Interrupted, end_at_once, receiving

INTERRUPTED = 130

OVERVIEW = """Store a photo as a small neural network that decodes at any size.

\b
  imgnet encode photo.png -o photo.inr
  imgnet decode photo.inr -o photo.png --size 1024
  imgnet info photo.inr
"""

app = typer.Typer(
    help=OVERVIEW,
    # Plain help and plain errors: rich would double the time of --help.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
)
for command in (encode, decode, view, resample, info, verify, compare, bench):
    app.command()(command)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"imgnet {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def start(
    context: typer.Context,
    _version: Annotated[
        bool,
        # Eager, so that the program ends before Typer loads the types of other options.
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Refuse to run without a command, or with a limit that is no number."""
    if context.invoked_subcommand is None:
        say_lines(context.get_help())
        raise UsageError("no command given; the most used are encode, decode and info")
    max_pixels()  # one line now, not one for each image


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code.

    Args:
        arguments: Arguments after the name of the program; those of `sys.argv` if None.

    >>> run(["--version"])  # doctest: +ELLIPSIS
    imgnet ...
    0
    """
    try:
        with receiving(end_at_once):
            code = app(arguments, prog_name="imgnet", standalone_mode=False)
    except ImgnetError as error:
        complain(error)
        return error.exit_code
    except Interrupted as end:
        complain("interrupted")
        return end.exit_code
    except StdoutClosed:
        return _end_without_reader()
    except SystemExit as end:  # of Typer, if nobody reads its help
        if isinstance(end.__context__, BrokenPipeError):
            return _end_without_reader()
        raise
    except typer.TyperException as error:
        complain(f"{error.format_message()} (see {_command_path(error)} --help)")
        return error.exit_code
    except OSError as error:  # of stdout, while it prints help
        complain(f"{error.filename or '<stdout>'}: cannot be written ({error.strerror})")
        return OutputError.exit_code
    if code == INTERRUPTED:  # of a KeyboardInterrupt, which Typer catches
        complain("interrupted")
    return code or 0


def _end_without_reader() -> int:
    complain("<stdout>: was closed by the program that reads it")
    return StdoutClosed.exit_code


def _command_path(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    return context.command_path if context else "imgnet"


def main() -> None:
    """Run the command line of this process and leave with its exit code."""
    if isinstance(sys.stdout, TextIOWrapper):  # for names that stdout cannot encode
        sys.stdout.reconfigure(errors="backslashreplace")
    sys.exit(run())

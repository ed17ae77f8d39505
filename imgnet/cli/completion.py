"""Completion of the command line by bash, zsh and fish."""

from __future__ import annotations

import os
from typing import Annotated, Literal

import typer

from imgnet.errors import OutputError

PROGRAM = "imgnet"
VARIABLE = f"_{PROGRAM.upper()}_COMPLETE"  # by which the scripts of a shell ask us for words

Shell = Literal["bash", "zsh", "fish"]


def prepare() -> None:
    """Let Typer answer a shell that asks for words, where one does."""
    if VARIABLE in os.environ:
        from typer.completion import completion_init  # type: ignore[attr-defined]

        completion_init()


def _show(shell: str | None) -> None:
    if shell is not None:
        from typer.completion import get_completion_script  # type: ignore[attr-defined]

        script = get_completion_script(prog_name=PROGRAM, complete_var=VARIABLE, shell=shell)
        typer.echo(script)
        raise typer.Exit


def _install(shell: str | None) -> None:
    if shell is not None:
        from typer.completion import install  # type: ignore[attr-defined]

        try:
            _, path = install(shell, PROGRAM, VARIABLE)
        except OSError as error:
            raise OutputError(
                f"{error.filename}: cannot be written ({error.strerror}); "
                f"use --show-completion {shell} and put the script elsewhere"
            ) from error
        typer.echo(f"{path}: installed; it works in shells that you start from now on")
        raise typer.Exit


Show = Annotated[
    Shell | None,
    typer.Option(
        "--show-completion",
        callback=_show,
        is_eager=True,
        help="Print the completion script of a shell.",
    ),
]
Install = Annotated[
    Shell | None,
    typer.Option(
        "--install-completion", callback=_install, is_eager=True, help="Install it for the user."
    ),
]

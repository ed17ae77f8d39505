"""The reference is generated from the commands, and no command, option or default is missing."""

from __future__ import annotations

import re
from typing import Annotated, Literal

import pytest
import typer

from imgnet.cli.app import run
from imgnet.cli.reference import reference, section
from support.documents import DOCS

Capture = pytest.CaptureFixture[str]


def names(text: str) -> set[str]:
    """Return the long options in a text."""
    return set(re.findall(r"--[a-z][a-z-]+", text))


def listed_commands(capsys: Capture) -> list[str]:
    run(["--help"])
    _, _, listed = capsys.readouterr().out.partition("\nCommands:\n")
    return [line.split()[0] for line in listed.splitlines() if line.strip()]


def test_the_document_is_what_the_generator_gives() -> None:
    hint = "run: python -m imgnet.cli.reference > imgnet/docs/reference.md"
    assert (DOCS / "reference.md").read_text() == reference(), hint


def test_every_command_has_a_section_with_all_options_of_its_help(capsys: Capture) -> None:
    commands = listed_commands(capsys)
    sections = re.split(r"^## imgnet", reference(), flags=re.MULTILINE)[1:]
    assert [text.split("\n")[0].strip() for text in sections] == ["", *commands]
    for name, text in zip([[], *([name] for name in commands)], sections, strict=True):
        run([*name, "--help"])
        assert names(capsys.readouterr().out) <= names(text)


def test_a_section_has_synopsis_description_and_table() -> None:
    program = typer.Typer(rich_markup_mode=None, add_completion=False)

    @program.command()
    def draw(
        source: Annotated[str, typer.Argument(metavar="FILE", help="Picture; - for stdin.")],
        number: Annotated[
            int, typer.Option("-n", "--number", metavar="N", min=1, help="How many.")
        ] = 3,
        form: Annotated[Literal["round", "square"] | None, typer.Option(help="Shape.")] = None,
    ) -> None:
        """Draw a picture.

        Use --number for several.
        """

    command = typer.main.get_command(program)
    context = typer.Context(command, info_name="draw")
    assert section(command, context).splitlines() == [
        "## draw",
        "",
        "`draw [OPTION]... FILE`",
        "",
        "Draw a picture.",
        "",
        "Use `--number` for several.",
        "",
        "| option | default | meaning |",
        "|---|---|---|",
        "| `FILE` |  | Picture; `-` for stdin. |",
        "| `-n N`, `--number N` | 3 | How many. Range: at least 1. |",
        r"| `--form round\|square` |  | Shape. |",
        "| `--help` |  | Show this message and exit. |",
    ]

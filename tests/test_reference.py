"""The reference of README has every option that `--help` has, with its default, and no other."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest

from imgnet.cli.app import run
from support.paths import ROOT

README = (ROOT / "README.md").read_text()
COMMANDS = ("encode", "decode", "resample", "info", "verify", "compare", "bench")
USUAL_HELP = ["`-h`, `--help`"]  # which stands once, in the table of the program itself

Capture = pytest.CaptureFixture[str]


@dataclass(frozen=True)
class Option:
    """One row: the option as README writes it, its default, and whether something is said of it."""

    names: str
    default: str
    described: bool = True


def section(title: str) -> str:
    """Return a part of the reference."""
    found = re.search(rf"^### {title}\n(.*?)(?=^##)", README, re.DOTALL | re.MULTILINE)
    assert found, f"README has no section {title!r}"
    return found[1]


def rows(title: str) -> list[Option]:
    """Return the options in the table of a section."""
    lines = [line for line in section(title).splitlines() if line.startswith("| `")]
    cells = [[c.strip() for c in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    return [Option(a.replace("\\|", "|"), b, len(c) > 3) for a, b, c in cells]


def helped(text: str) -> list[Option]:
    """Return the options of a help text, as README should write them."""
    _, _, text = text.partition("\nOptions:\n")
    text, _, _ = text.partition("\n\n")
    entries = re.split(r"\n(?=  -)", text)
    return [_option(entry.strip()) for entry in entries]


def _option(entry: str) -> Option:
    spec, _, words = re.sub(r"\n\s+", "  ", entry).partition("  ")
    *names, last = spec.split(", ")
    last, _, value = last.partition(" ")
    value = re.sub(r"^<(.*)>$", r"\1", value)
    default = re.search(r"\[default:\s+([^;\]]+)", words)
    shown = ", ".join(f"`{name} {value}`" if value else f"`{name}`" for name in [*names, last])
    return Option(shown, default[1] if default else "")


def test_this_test_reads_help_as_people_do() -> None:
    text = """Usage: x

Options:
  -q, --quality N   0 smallest, 100
                    best.  [default:
                    75; 0<=x<=100]
  --weights <coded|float16>
                    Small file.  [default: coded]
  --force           Replace.

Commands:
  -no-option
"""
    assert helped(text) == [
        Option("`-q N`, `--quality N`", "75"),
        Option("`--weights coded|float16`", "coded"),
        Option("`--force`", ""),
    ]


@pytest.mark.parametrize("command", COMMANDS)
def test_options_of_a_command(command: str, capsys: Capture) -> None:
    assert run([command, "--help"]) == 0
    expected = helped(capsys.readouterr().out)
    assert [option.names for option in expected[-1:]] == USUAL_HELP
    assert rows(f"imgnet {command}") == expected[:-1]


def test_options_of_the_program(capsys: Capture) -> None:
    assert run(["--help"]) == 0
    assert rows("imgnet") == helped(capsys.readouterr().out)


def test_every_command_has_a_section(capsys: Capture) -> None:
    run(["--help"])
    _, _, listed = capsys.readouterr().out.partition("\nCommands:\n")
    assert tuple(line.split()[0] for line in listed.splitlines() if line.strip()) == COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_the_synopsis_has_the_arguments_of_the_usage(command: str, capsys: Capture) -> None:
    run([command, "--help"])
    usage = capsys.readouterr().out.splitlines()[0].removeprefix("Usage: ")
    arguments = re.sub(r"[{}]", "", usage).replace("[OPTIONS]", "[OPTION]...")
    assert f"`{arguments}`" in section(f"imgnet {command}")


@pytest.mark.parametrize("anchor", re.findall(r"\]\(#([^)]+)\)", README))
def test_every_place_that_is_linked_to_exists(anchor: str) -> None:
    titles = re.findall(r"^#+ (.*)$", README, re.MULTILINE)
    assert anchor in {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}

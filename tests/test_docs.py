"""The documents agree with the program: commands, modules, links and examples."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
import typer

from imgnet.cli.app import app
from support.documents import DOCUMENTS, README, anchors, blocks
from support.paths import ROOT
from support.shell import Shell

COMMANDS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
MOST_LINES = 250
ENDS_OF_A_COMMAND = ("|", "&&")
PATH_OF_OURS = r"`((?:imgnet|tests|samples)/[\w./-]+)`"
IN_A_LINE_OF_THEIR_PARENT = {"commands/"}
LINKING = (*DOCUMENTS, ROOT / "samples" / "README.md", ROOT / "imgnet" / "codec" / "format.md")


def shell_lines() -> list[str]:
    """Return the lines of all shell blocks; one that ends in a backslash holds the next, too."""
    text = "\n".join(block for document in DOCUMENTS for block in blocks(document, "sh"))
    return text.replace("\\\n", " ").splitlines()


def words_of_commands() -> list[list[str]]:
    """Return the words behind each `imgnet` in shell blocks, up to the next pipe or redirection."""
    found = []
    for line in shell_lines():
        words = shlex.split(line, comments=True)
        starts = [i for i, word in enumerate(words) if word.rpartition("/")[2] == "imgnet"]
        for start in starts:
            ended = takewhile(lambda word: word not in ENDS_OF_A_COMMAND, words[start + 1 :])
            found.append([*takewhile(lambda word: not re.match(r"\d?>", word), ended)])
    return found


LINKS = [
    (document, link)
    for document in LINKING
    for link in re.findall(r"\]\(([^):\s]+)\)", document.read_text())
]


def test_readme_is_short() -> None:
    assert len(README.read_text().splitlines()) <= MOST_LINES


def test_readme_shows_every_command() -> None:
    assert {words[0] for words in words_of_commands()} == set(COMMANDS)
    text = README.read_text()
    assert not [name for name in COMMANDS if f"| `{name} " not in text]


@pytest.mark.parametrize("words", words_of_commands(), ids=shlex.join)
def test_commands_of_the_documents_parse(words: list[str]) -> None:
    command = COMMANDS[words[0]]
    command.make_context(words[0], words[1:])


@pytest.mark.parametrize(
    "module",
    sorted({name for line in shell_lines() for name in re.findall(r"python -m (\S+)", line)}),
)
def test_modules_of_the_documents_exist(module: str) -> None:
    assert find_spec(module)


@pytest.mark.parametrize(
    ("document", "link"), LINKS, ids=[f"{document.stem}-{link}" for document, link in LINKS]
)
def test_links_lead_somewhere(document: Path, link: str) -> None:
    path, _, anchor = link.partition("#")
    target = document.parent / path if path else document
    assert target.exists()
    assert not anchor or anchor in anchors(target)


@pytest.mark.parametrize(
    "path",
    sorted({p for document in LINKING for p in re.findall(PATH_OF_OURS, document.read_text())}),
)
def test_paths_in_the_documents_exist(path: str) -> None:
    assert (ROOT / path).exists()


def test_the_tree_of_readme_is_that_of_the_package() -> None:
    (tree,) = blocks(README, "text")
    entries = [line.split()[0] for line in tree.splitlines()]
    package = ROOT / "imgnet"
    files = [path for path in package.glob("*.py") if not path.name.startswith("__")]
    folders = [path.parent for path in package.rglob("*/__init__.py")]
    assert {path.name for path in files} <= {*entries}
    assert {f"{path.name}/" for path in folders} - {*entries} <= IN_A_LINE_OF_THEIR_PARENT
    paths = list(paths_of(tree))
    assert len(paths) == len({*paths})


def paths_of(tree: str) -> Iterator[str]:
    """Yield the path of each line of a tree; two more spaces are one folder deeper."""
    folders: list[str] = []
    for line in tree.splitlines():
        del folders[(len(line) - len(line.lstrip())) // 2 :]
        folders.append(line.split()[0])
        yield "".join(folders)


@pytest.mark.parametrize("document", DOCUMENTS[1:], ids=lambda document: document.stem)
def test_readme_links_to_every_document(document: Path) -> None:
    assert f"({document.relative_to(ROOT).as_posix()})" in README.read_text()


@pytest.mark.slow
def test_the_python_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "samples").symlink_to(ROOT / "samples")
    monkeypatch.chdir(tmp_path)
    (example,) = [block for block in blocks(README, "python") if "target_size" in block]
    names: dict[str, Any] = {}
    exec(example, names)
    assert names["pixels"].shape == (599, 900, 3)
    assert (tmp_path / "chelsea.inr").stat().st_size <= 12_000


@pytest.mark.slow
def test_the_few_samples_example_runs(tmp_path: Path, shell: Shell) -> None:
    encode, decode = (words for words in words_of_commands() if "coffee.inr" in words)
    (tmp_path / "samples").symlink_to(ROOT / "samples")
    done = shell(*encode, "--time-limit", "1", cwd=tmp_path)
    assert b"unseen" in done.stderr
    assert shell(*decode, cwd=tmp_path).returncode == 0

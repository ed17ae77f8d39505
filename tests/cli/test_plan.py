"""What a batch has to do, and what it refuses as a whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgnet.batch.task import Outcome, Task
from imgnet.cli.plan import Plan
from imgnet.errors import UsageError
from imgnet.request.encode_options import EncodeOptions

OPTIONS = EncodeOptions(effort=1)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("a.png", "a.jpg", "tree/a.png", "tree/s/b.png", "out.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def outputs(*inputs: str, output: str | None = None, **kinds: bool) -> list[str]:
    entries = Plan(inputs, output, **kinds).entries(OPTIONS)
    return [str(e.output) if isinstance(e, Task) else e.result.status for e in entries]


def test_a_tree_is_mirrored_or_stays_where_it_is() -> None:
    assert outputs("tree", output="new", recursive=True) == ["new/a.inr", "new/s/b.inr"]
    assert Path("new/s").is_dir()
    assert outputs("tree", recursive=True) == ["tree/a.inr", "tree/s/b.inr"]


def test_a_folder_for_several_images_is_made(folder: Path) -> None:
    assert outputs("a.png", "tree/s/b.png", output="new") == ["new/a.inr", "new/b.inr"]
    assert (folder / "new").is_dir()


def test_what_exists_is_skipped_replaced_or_a_fault() -> None:
    Path("a.inr").touch()
    assert outputs("a.png", "gone.png", skip_existing=True) == ["skipped", "failed"]
    assert outputs("a.png", force=True) == ["a.inr"]
    assert outputs("a.png") == ["failed"]
    assert outputs("a.png", output="a.inr") == ["a.inr"]
    assert outputs("a.png", output="a.inr", skip_existing=True) == ["skipped"]


def test_faults_keep_their_codes() -> None:
    (outcome,) = Plan(["gone.png"], None).entries(OPTIONS)
    assert isinstance(outcome, Outcome)
    assert outcome.exit_code == 3


@pytest.mark.parametrize(
    ("inputs", "output", "clue"),
    [
        (["a.png", "a.jpg"], None, "a.png and a.jpg would both become a.inr"),
        (["a.png", "tree"], "new/", "would both become new"),
        (["a.png", "a.png"], None, "a.png and a.png"),
        (["a.jpg", "tree/s/b.png"], "out.inr", "out.inr/"),
        (["a.jpg", "tree/s/b.png"], "out.txt", "out.txt: is a file"),
    ],
)
def test_what_would_lose_a_file_is_refused_before_anything_is_done(
    inputs: list[str], output: str | None, clue: str, folder: Path
) -> None:
    before = sorted(folder.rglob("*"))
    for force in (False, True):
        with pytest.raises(UsageError, match=clue):
            Plan(inputs, output, recursive=True, force=force).entries(OPTIONS)
    assert sorted(folder.rglob("*")) == before

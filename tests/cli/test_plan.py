"""Images that a command line means, and the tasks of a batch or its refusal as a whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgnet.batch.task import Outcome, Task
from imgnet.cli.plan import Plan, find_sources, notes_on
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


@pytest.fixture
def photos(folder: Path) -> Path:
    """A folder with images at all depths, files that are none, and a link into itself."""
    photos = folder / "photos"
    for name in ("b.png", "A.JPEG", "notes.txt", ".x.png", ".h/y.png", "s/c.webp", "s/t/d.tif"):
        path = photos / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (photos / "again").symlink_to(photos / "s")
    return photos


def outputs(*inputs: str, output: str | None = None, **kinds: bool) -> list[str]:
    entries = Plan(inputs, output, **kinds).entries(OPTIONS)
    return [str(e.output) if isinstance(e, Task) else e.result.status for e in entries]


@pytest.mark.usefixtures("photos")
def test_a_folder_is_walked_in_order() -> None:
    found = find_sources(["-", "photos", "notes"], recursive=True)
    assert [(source.path, source.inside) for source in found] == [
        ("-", ""),
        ("photos/A.JPEG", "."),
        ("photos/b.png", "."),
        ("photos/s/c.webp", "s"),
        ("photos/s/t/d.tif", "s/t"),
        ("notes", ""),
    ]
    assert not any(source.fault for source in found)


@pytest.mark.parametrize(
    ("name", "recursive", "clue"), [("tree", False, "add -r"), ("empty", True, "no image")]
)
def test_what_gives_no_image_is_a_fault(name: str, recursive: bool, clue: str) -> None:
    Path("empty").mkdir()
    (source,) = find_sources([name], recursive=recursive)
    assert clue in str(source.fault)


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


def test_files_that_are_left_out_are_counted_by_extension(photos: Path) -> None:
    (photos.parent / "more" / "s").mkdir(parents=True)
    for name in ("a.HEIC", "s/b.heic", "s/c.tga", "n.txt", "b.inr", "README", ".d.jxl", "e.png"):
        (photos.parent / "more" / name).touch()
    (note,) = notes_on(["-", "more"])
    assert note.startswith("more: ")
    assert "1 without extension, 2 .heic, 1 .tga, 1 .txt;" in note

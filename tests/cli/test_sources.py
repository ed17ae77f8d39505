"""Which images a command line means."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgnet.cli.plan import find_sources, notes_on


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("b.png", "A.JPEG", "notes.txt", ".x.png", ".h/y.png", "s/c.webp", "s/t/d.tif"):
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "tree" / "again").symlink_to(tmp_path / "tree" / "s")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_folder_is_walked_in_order(tree: Path) -> None:
    assert tree.exists()
    found = find_sources(["-", "tree", "notes"], recursive=True)
    assert [(source.path, source.inside) for source in found] == [
        ("-", ""),
        ("tree/A.JPEG", "."),
        ("tree/b.png", "."),
        ("tree/s/c.webp", "s"),
        ("tree/s/t/d.tif", "s/t"),
        ("notes", ""),
    ]
    assert not any(source.fault for source in found)


@pytest.mark.parametrize(
    ("name", "recursive", "clue"), [("tree", False, "add -r"), ("empty", True, "no image")]
)
def test_what_gives_no_image_is_a_fault(name: str, recursive: bool, clue: str, tree: Path) -> None:
    assert tree.exists()
    (source,) = find_sources([name], recursive=recursive)
    assert clue in str(source.fault)


def test_files_that_are_left_out_are_counted_by_extension(tree: Path) -> None:
    for name in ("a.HEIC", "s/b.heic", "s/t/c.tga", "b.inr", "README", ".d.jxl"):
        (tree / "tree" / name).touch()
    (note,) = notes_on(["-", "tree", "empty"])
    assert note.startswith("tree: ")
    assert "1 without extension, 2 .heic, 1 .tga, 1 .txt;" in note

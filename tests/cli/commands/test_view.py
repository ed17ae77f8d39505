"""`imgnet view` writes a page, and opens it unless it is told where to."""

from __future__ import annotations

import io
import json
import os
import re
import sys
import tempfile
import webbrowser
from base64 import b64decode
from pathlib import Path
from typing import Any
from urllib.request import url2pathname
from zlib import decompress

import pytest

import imgnet
from imgnet.cli.app import run
from imgnet.codec.priors import loader as priors
from imgnet.codec.render.zoom_network import CURRENT, FOLDER
from support.paths import GOLDEN

Capture = pytest.CaptureFixture[str]
Monkey = pytest.MonkeyPatch


@pytest.fixture(autouse=True)
def _temporary_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: Monkey) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("temporary")))


@pytest.fixture
def opened(monkeypatch: Monkey) -> list[Path]:
    """Pages that a browser was to open."""
    pages: list[Path] = []

    def note(address: str) -> bool:
        pages.append(Path(url2pathname(address.removeprefix("file://"))))
        return True

    monkeypatch.setattr(webbrowser, "open", note)
    return pages


def data_of(page: bytes) -> dict[str, str]:
    """Return what a page holds."""
    found = re.search(rb'<script type="application/json" id="data">(.*?)</script>', page)
    assert found is not None
    data: dict[str, str] = json.loads(found[1])
    return data


def test_a_page_opens_in_the_browser(encoded_file: Path, opened: list[Path]) -> None:
    assert run(["view", str(encoded_file)]) == 0
    (page,) = opened
    data = data_of(page.read_bytes())
    assert data["name"] == page.with_suffix(".inr").name == encoded_file.name
    assert b64decode(data["file"]) == encoded_file.read_bytes()
    assert set(data["priors"]) == set(priors.names())
    assert [path.name for path in encoded_file.parent.iterdir()] == [encoded_file.name]


def test_a_named_page_is_only_written(encoded_file: Path, opened: list[Path]) -> None:
    page = encoded_file.with_name("page.html")
    page.write_text("replaced")
    assert run(["view", str(encoded_file), "-o", str(page)]) == 0
    data = data_of(page.read_bytes())
    assert b64decode(data["file"]) == encoded_file.read_bytes()
    assert set(data["priors"]) == {imgnet.open(encoded_file).spec.prior} - {""}
    assert not opened


def test_a_page_has_the_zoom_prior(encoded_file: Path, opened: list[Path]) -> None:
    for options in ([], ["-o", str(encoded_file.with_name("page.html"))]):
        assert run(["view", str(encoded_file), *options]) == 0
    for page in (*opened, encoded_file.with_name("page.html")):
        zoom: Any = data_of(page.read_bytes())["zoom"]
        network = decompress(b64decode(zoom["network"]))
        assert network == priors.prior_file(CURRENT, FOLDER).read_bytes()


def test_a_page_for_lanczos_or_another_model_has_no_zoom_prior(
    encoded_file: Path, tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    for arguments in ([str(encoded_file), "--zoom", "lanczos"], [str(GOLDEN / "v1-gated.inr")]):
        assert run(["view", *arguments, "-o", str(page)]) == 0
        assert data_of(page.read_bytes())["zoom"] is None
        assert len(page.read_bytes()) < 120_000


def test_a_derived_page_replaces_nothing(encoded_file: Path, capfd: Capture) -> None:
    page = encoded_file.with_suffix(".html")
    page.write_text("mine")
    folder = f"{encoded_file.parent}/"
    assert run(["view", str(encoded_file), "-o", folder]) == 6
    assert "encoded.html: exists; replace it with --force" in capfd.readouterr().err
    assert page.read_text() == "mine"
    assert run(["view", str(encoded_file), "-o", folder, "--force"]) == 0
    assert page.read_text() != "mine"


def test_the_name_of_a_temporary_page(
    encoded_file: Path, opened: list[Path], capfd: Capture
) -> None:
    assert run(["view", "--no-open", str(encoded_file)]) == 0
    out, err = capfd.readouterr()
    assert data_of(Path(out.strip()).read_bytes())["name"] == "encoded.inr"
    assert (err, opened) == ("", [])


def test_without_a_browser_the_page_is_named(
    encoded_file: Path, monkeypatch: Monkey, capfd: Capture
) -> None:
    monkeypatch.setattr(webbrowser, "open", lambda _address: False)
    assert run(["view", str(encoded_file)]) == 6
    assert "encoded.html: no browser opens it; open it yourself" in capfd.readouterr().err


def test_from_stdin_to_stdout(
    encoded_file: Path, monkeypatch: Monkey, capfdbinary: Capture
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(encoded_file.read_bytes())))
    assert run(["view", "-", "-o", "-"]) == 0
    page = capfdbinary.readouterr().out
    assert b64decode(data_of(page)["file"]) == encoded_file.read_bytes()  # type: ignore[arg-type]


@pytest.mark.skipif(sys.platform != "linux", reason="names are UTF-8")
def test_names_may_be_any_bytes(encoded_file: Path, opened: list[Path]) -> None:
    file = encoded_file.rename(encoded_file.with_name(os.fsdecode(b"caf\xe9.inr")))
    page = file.with_name("page.html")
    assert run(["view", str(file), "-o", str(page)]) == 0
    assert data_of(page.read_bytes())["name"] == r"caf\xe9.inr"
    assert run(["view", str(file)]) == 0
    assert len(opened) == 1


def test_damaged_files_are_refused(encoded_file: Path, opened: list[Path], capfd: Capture) -> None:
    encoded_file.write_bytes(encoded_file.read_bytes()[:-1])
    page = encoded_file.with_name("page.html")
    for arguments in ([], ["-o", str(page)]):
        assert run(["view", str(encoded_file), *arguments]) == 4
        message = capfd.readouterr().err
        assert message.startswith(f"imgnet: {encoded_file}: cut short or changed")
    assert not opened
    assert not page.exists()


def test_the_module_for_web_pages(tmp_path: Path, opened: list[Path]) -> None:
    script = tmp_path / "imgnet.js"
    assert run(["view", "--module", "-o", str(script)]) == 0
    text = script.read_text()
    assert all(f'"{name}": ' in text for name in priors.names())
    assert "customElements.define" in text
    assert not opened


def test_the_page_that_fits(tmp_path: Path, opened: list[Path]) -> None:
    page = tmp_path / "fit.html"
    assert run(["view", "--fit", "-o", str(page)]) == 0
    assert not opened
    assert run(["view", "--fit"]) == 0
    assert opened[0].read_bytes() == page.read_bytes()
    assert set(data_of(page.read_bytes())) == {"worker"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["view"], "no FILE given; name an .inr file, or - for stdin"),
        (["view", "--module"], "--module: name the file to write with -o, such as imgnet.js"),
        (["view", "--module", "-o", "./"], "--module: name the file to write with -o"),
        (["view", "--module", "a.inr", "-o", "a.js"], "a.inr: --module takes no FILE"),
        (["view", "--module", "--zoom", "lanczos"], "--zoom is for the page of an .inr file"),
        (["view", "--live", "a.png", "--zoom", "lanczos"], "--zoom is for the page of an .inr"),
        (["view", "--fit", "a.png"], "a.png: --fit takes no FILE; drop it on the page"),
        (["view", "--fit", "-o", "./"], "--fit: name the file to write with -o, such as fit.html"),
        (["view", "--fit", "--module"], "--module, --live and --fit contradict each other"),
    ],
)
def test_what_makes_no_sense(arguments: list[str], message: str, capfd: Capture) -> None:
    assert run(arguments) == 2
    assert capfd.readouterr().err.startswith(f"imgnet: {message}")

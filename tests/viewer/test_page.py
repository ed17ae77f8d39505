"""The page of a file: one small HTML file that loads nothing."""

from __future__ import annotations

import re
from base64 import b64encode
from html.parser import HTMLParser

import pytest

import imgnet
from imgnet.codec.format.container import Encoded, to_bytes
from imgnet.viewer.embedded_priors import needed_by
from imgnet.viewer.embedded_zoom import zoom_prior
from imgnet.viewer.page import page_of
from support.networks import encoded, grid_spec, prior_spec, random_tensors

FILE = encoded(grid_spec(21, 13), random_tensors(grid_spec(21, 13)))


def page(file: Encoded = FILE, name: str = "photo.inr") -> str:
    return page_of(to_bytes(file), name, needed_by(file.spec)).decode()


class Elements(HTMLParser):
    """The elements of a page and their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_a_page_loads_nothing() -> None:
    text = page()
    addresses = [
        value
        for _, attributes in Elements(text).found
        for key, value in attributes.items()
        if key in ("href", "src", "action")
    ]
    assert addresses == ["data:,"]
    assert not re.search(r"@import|url\(|fetch\(|https?:", text)
    assert "default-src 'none'" in text


def test_a_page_without_its_file_is_small() -> None:
    file = encoded(prior_spec(8, 8), random_tensors(prior_spec(8, 8)))
    # Base64 of 20 kB takes 27 kB, and a page of that has at most 120 kB.
    assert len(page(file)) - len(b64encode(to_bytes(file))) < 93_000


def test_the_zoom_prior_hardly_takes_more_than_its_network() -> None:
    zoom = zoom_prior()
    assert len(zoom["network"]) < 140_000
    assert len(zoom["script"]) < 14_000


@pytest.mark.parametrize("name", ["</script><b>.inr", '"&.inr', "{{data}}.inr"])
def test_a_name_is_only_text(name: str) -> None:
    before, after = Elements(page()).found, Elements(page(name=name)).found
    assert [tag for tag, _ in after] == [tag for tag, _ in before]
    labels = [attributes.get("aria-label") for tag, attributes in after if tag == "canvas"]
    assert labels == [name]


def test_equal_files_have_equal_pages() -> None:
    assert page() == page()
    assert f"imgnet {imgnet.__version__}" in page()

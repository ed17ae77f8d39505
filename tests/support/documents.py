"""The documents of the project, and what stands in them."""

from __future__ import annotations

import re
from pathlib import Path

import imgnet
from support.paths import ROOT

README = ROOT / "README.md"
DOCS = Path(imgnet.__file__).parent / "docs"
DOCUMENTS = (README, *sorted(DOCS.glob("*.md")))


def blocks(document: Path, language: str) -> list[str]:
    """Return the blocks of code in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", document.read_text(), re.DOTALL | re.MULTILINE)


def anchors(document: Path) -> set[str]:
    """Return the anchors that GitHub gives to the titles of a document."""
    titles = re.findall(r"^#+ (.*)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}

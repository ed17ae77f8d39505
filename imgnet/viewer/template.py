"""Template of a page: HTML with places for its style, its data and its script."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from imgnet import __version__
from imgnet.viewer.bundle import FOLDER, bundle

_PLACE = re.compile(r"\{\{(\w+)\}\}")
_HEAD = FOLDER / "page" / "head.html"
_THEME = FOLDER / "page" / "theme.css"


def filled(folder: str, stem: str, title: str, data: Any, also: str | None = None) -> bytes:
    """Return a page as one HTML file that loads nothing.

    Args:
        folder: Subfolder of this one that has the files of the page.
        stem: Their name without .html, .css and .js.
        title: Title of the page.
        data: What its script reads, as JSON.
        also: Style before that of the page, in this folder.
    """
    html, style, script = (FOLDER / folder / f"{stem}.{kind}" for kind in ("html", "css", "js"))
    styles = [_THEME, *([FOLDER / also] if also else []), style]
    parts = {
        "version": __version__,
        "title": escape(title),
        "style": "".join(path.read_text("utf-8") for path in styles),
        "data": _json(data),
        "script": f"(() => {{\n{bundle(script)}\n}})();",
    }
    parts["head"] = _placed(_HEAD, parts)
    return _placed(html, parts).encode()


def _placed(path: Path, parts: Mapping[str, str]) -> str:
    return _PLACE.sub(lambda match: parts[match[1]], path.read_text("utf-8"))


def _json(value: Any) -> str:
    # A name may hold "</script>", which would end the element.
    return json.dumps(value).replace("<", "\\u003c")

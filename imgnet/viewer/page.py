"""Page that shows one .inr file: a single HTML file that needs nothing else."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from html import escape
from pathlib import Path
from typing import Any
from zlib import compress

from imgnet import __version__
from imgnet.viewer.bundle import FOLDER, bundle
from imgnet.viewer.embedded_priors import Embedded

_PLACE = re.compile(r"\{\{(\w+)\}\}")


def page_of(data: bytes, name: str, priors: Embedded) -> bytes:
    """Return the page of a file.

    Args:
        data: Content of the file.
        name: Name of the file, which the page shows.
        priors: Networks that this file needs, or others that are dropped on the page.
    """
    embedded = {
        "name": name,
        "file": b64encode(data).decode(),
        "priors": priors,
        "worker": worker_script(),
    }
    parts = {
        "version": __version__,
        "title": escape(name),
        "style": _text("page", "view.css"),
        "data": _json(embedded),
        "script": _in_function(bundle(FOLDER / "page" / "view.js")),
    }
    return _PLACE.sub(lambda match: parts[match[1]], _text("page", "view.html")).encode()


def worker_script() -> str:
    """Return the script of the worker that decodes files, deflated, in base64."""
    script = bundle(FOLDER / "decoder" / "worker.js")
    return b64encode(compress(script.encode(), 9)).decode()


def _in_function(script: str) -> str:
    return f"(() => {{\n{script}\n}})();"


def _json(value: Any) -> str:
    # A name may hold "</script>", which would end the element.
    return json.dumps(value).replace("<", "\\u003c")


def _text(*parts: str) -> str:
    return Path(FOLDER, *parts).read_text("utf-8")

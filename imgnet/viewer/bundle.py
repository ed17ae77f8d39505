"""Bundles of JavaScript modules: scripts without imports."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from zlib import compress

FOLDER = Path(__file__).parent

_IMPORT = re.compile(r'^import (\{[^}]*\}) from "([^"]+)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:class|const|function) (\w+))", re.MULTILINE)
_INDENT = re.compile(r"^ +", re.MULTILINE)
_COMMENT = re.compile(r"(?:^ *)?/\*\*[\s\S]*?\*/(?: |\n+)?|^ *// .*\n", re.MULTILINE)


def bundle(*entries: Path) -> str:
    """Join modules and all that they import into one script, each in a function of its own.

    Modules import names by `import { a, b } from "./file.js";` and export declarations. Comments
    and indents are left out. What a module exports is in `modules`, by the path of its file from
    this folder.

    Args:
        entries: Files of the modules that are wanted.
    """
    modules = [_module(path) for path in _in_order(*entries)]
    return "\n".join(["const modules = {};", *modules])


def deflated_bundle(entry: Path) -> str:
    """Return the bundle of a module, as `deflated` does."""
    return deflated(bundle(entry).encode())


def deflated(data: bytes) -> str:
    """Return data in the format of zlib, in base64, as `base64.js` inflates it.

    >>> deflated(b"")
    'eNoDAAAAAAE='
    """
    return b64encode(compress(data, 9)).decode()


def _in_order(*entries: Path) -> list[Path]:
    """Return the modules that some modules need, each after its imports, and these modules."""
    found: dict[Path, None] = {}

    def visit(path: Path) -> None:
        if path not in found:
            for imported in _imports(path):
                visit(imported)
            found[path] = None

    for entry in entries:
        visit(entry)
    return list(found)


def _imports(path: Path) -> Iterator[Path]:
    for match in _IMPORT.finditer(path.read_text("utf-8")):
        yield (path.parent / match[2]).resolve()


def _module(path: Path) -> str:
    text = _COMMENT.sub("", path.read_text("utf-8"))
    exported = ", ".join(_EXPORT.findall(text))

    def bind(match: re.Match[str]) -> str:
        return f"const {match[1]} = modules[{_key(path.parent / match[2])}];\n"

    body = _INDENT.sub("", _EXPORT.sub("", _IMPORT.sub(bind, text))).strip()
    return f"modules[{_key(path)}] = (() => {{\n{body}\nreturn {{ {exported} }};\n}})();"


def _key(path: Path) -> str:
    return f'"{path.resolve().relative_to(FOLDER).as_posix()}"'

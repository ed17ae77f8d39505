"""The names that the package promises."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

import imgnet

NAMES = [
    "Crop",
    "Encoded",
    "FormatError",
    "ImgnetError",
    "InputError",
    "OutputError",
    "Progress",
    "Report",
    "TargetError",
    "UsageError",
    "__version__",
    "decode",
    "encode",
    "open",
    "resample",
    "save",
]


def names_for_type_checkers() -> dict[str, str]:
    """Return the module of each name under `if TYPE_CHECKING:`, but for typing's own."""
    tree = ast.parse(Path(imgnet.__file__).read_text("utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    return {name.asname or name.name: str(node.module) for node in imports for name in node.names}


def test_the_promised_names_are_there() -> None:
    assert sorted(imgnet.__all__) == NAMES
    namespace: dict[str, object] = {}
    exec("from imgnet import *", namespace)
    assert set(NAMES) <= set(namespace)


def test_type_checkers_see_the_same_names_of_the_same_modules() -> None:
    seen = names_for_type_checkers()
    assert sorted([*seen, "__version__"]) == NAMES
    for name, module in seen.items():
        assert getattr(imgnet, name) is getattr(importlib.import_module(module), name)
        assert getattr(imgnet, name).__module__ == module


def test_unknown_names_are_refused() -> None:
    with pytest.raises(AttributeError, match="quantum"):
        imgnet.quantum  # noqa: B018

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


def test_public_names() -> None:
    assert sorted(imgnet.__all__) == NAMES


def test_type_checkers_and_programs_see_the_same_names() -> None:
    module = ast.parse(Path(imgnet.__file__).read_text())
    (block,) = (node for node in module.body if isinstance(node, ast.If))
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    typed = {alias.asname: node.module for node in imports for alias in node.names}
    assert sorted([*typed, "__version__"]) == sorted(imgnet.__all__)
    for name, home in typed.items():
        assert getattr(imgnet, name) is getattr(importlib.import_module(home), name)


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_there(name: str) -> None:
    assert getattr(imgnet, name) is not None


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"__version__"}))
def test_names_come_from_where_they_are_defined(name: str) -> None:
    value = getattr(imgnet, name)
    assert value.__name__ == name
    assert value is getattr(importlib.import_module(value.__module__), name)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(AttributeError, match="quantum"):
        imgnet.quantum  # noqa: B018


def test_a_star_import_brings_them_all() -> None:
    namespace: dict[str, object] = {}
    exec("from imgnet import *", namespace)
    assert set(NAMES) <= set(namespace)

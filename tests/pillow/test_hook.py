"""Pillow learns of .inr files when it must, and `import imgnet` stays light."""

from __future__ import annotations

import subprocess
import sys

import pytest

from imgnet.pillow.hook import accept

CHECK = """
from PIL import Image
assert Image.OPEN["INR"] and Image.SAVE["INR"]
assert Image.registered_extensions()[".inr"] == "INR"
assert Image.MIME["INR"] == "image/x-inr"
assert Image.ID.count("INR") == 1
assert "imgnet.pillow.plugin" not in sys.modules
assert not [finder for finder in sys.meta_path if type(finder).__module__.startswith("imgnet")]
import importlib.machinery
assert type(Image.__loader__) is type(Image.__spec__.loader) is importlib.machinery.SourceFileLoader
"""
ORDERS = {
    "pillow first": "import sys; from PIL import Image; import imgnet",
    "pillow later": "import sys, imgnet; assert 'PIL' not in sys.modules",
    "pillow imported again": "import sys, imgnet, PIL; from PIL import Image; import PIL.Image",
    "imgnet imported again": """
import sys, imgnet, importlib
importlib.reload(imgnet)
import PIL.PngImagePlugin
importlib.reload(imgnet)
""",
    "a failed import in between": """
import sys, imgnet, builtins
sys.modules["PIL._imaging"] = None
try:
    from PIL import Image
    raise SystemExit("Pillow needs its core")
except ImportError:
    del sys.modules["PIL._imaging"]
""",
}


@pytest.mark.parametrize("order", ORDERS)
def test_in_whatever_order_things_are_imported(order: str) -> None:
    command = [sys.executable, "-c", ORDERS[order] + CHECK]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_other_imports_are_left_alone() -> None:
    code = "import imgnet, json.tool, PIL; print(json.tool.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "json.tool\n"


@pytest.mark.parametrize(
    ("prefix", "may_be"),
    [
        (bytes([170, 0, 0, 0, 0, 0, 0, 0]) + b'{"__meta', True),
        (b"II*\0\x08\0\0\x02{       ", False),  # a TIFF file
        (b"P6\n1 1\n2{", False),
        (b"{}", False),
        (b"", False),
    ],
)
def test_only_safetensors_files_are_looked_at(prefix: bytes, may_be: bool) -> None:
    assert accept(prefix) is may_be

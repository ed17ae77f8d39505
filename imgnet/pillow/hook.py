"""Import hook that registers .inr files with Pillow, without loading Pillow itself.

Pillow has no entry points, so plug-ins register themselves. This one registers when `imgnet` is
imported if Pillow is loaded already, else as soon as Pillow is loaded. `plugin.py`, which reads and
writes files, is loaded with the first of them.
"""

from __future__ import annotations

import sys
from typing import IO, TYPE_CHECKING, Any, cast

from imgnet.signature import looks_encoded

if TYPE_CHECKING:  # collections.abc would double the time of `import imgnet`
    from collections.abc import Sequence
    from importlib.abc import Loader
    from importlib.machinery import ModuleSpec
    from types import ModuleType

FORMAT = "INR"
EXTENSION = ".inr"
MIME = "image/x-inr"

_PILLOW = "PIL.Image"


def register_soon() -> None:
    """Register with Pillow now or, if it is not loaded yet, when it is."""
    if _PILLOW in sys.modules:
        register(sys.modules[_PILLOW])
    elif not any(isinstance(finder, _Watch) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Watch())


def register(image: Any) -> None:
    """Register the format .inr with Pillow.

    Args:
        image: The module `PIL.Image`.
    """
    image.register_open(FORMAT, _open, accept)
    image.register_save(FORMAT, _save)
    image.register_extension(FORMAT, EXTENSION)
    image.register_mime(FORMAT, MIME)


def accept(prefix: bytes) -> bool:
    """Tell from the first 16 bytes whether a file may be an .inr; any safetensors file may.

    >>> accept(bytes(8) + b'{"__meta'), accept(b"GIF89a" + bytes(10))
    (True, False)
    """
    return looks_encoded(prefix)


def _open(file: IO[bytes] | str, filename: str | bytes | None = None) -> Any:
    from imgnet.pillow.plugin import InrImageFile

    return InrImageFile(file, filename)


def _save(image: Any, file: IO[bytes], filename: str | bytes) -> None:
    from imgnet.pillow.plugin import save

    save(image, file, filename)


class _Watch:
    """Finder of modules that stays first in `sys.meta_path` until Pillow is imported."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != _PILLOW:
            return None
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec(name, path, target)
            if spec is not None and spec.loader is not None:
                spec.loader = cast("Loader", _Registering(spec.loader, self))
                return spec
        return None


class _Registering:
    """Loader of Pillow that registers the plug-in afterwards."""

    def __init__(self, loader: Loader, watch: _Watch) -> None:
        self._loader = loader
        self._watch = watch

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self._loader  # hide this loader from users of the module
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        register(module)
        sys.meta_path.remove(self._watch)

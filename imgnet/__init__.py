"""Images as small neural networks: encode, decode and resample."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imgnet.pillow.hook import register_soon

__version__ = "0.1.0"

if TYPE_CHECKING:
    from imgnet.api import decode as decode
    from imgnet.api import encode as encode
    from imgnet.api import open as open
    from imgnet.api import resample as resample
    from imgnet.api import save as save
    from imgnet.codec.format.container import Encoded as Encoded
    from imgnet.codec.format.container import Report as Report
    from imgnet.errors import FormatError as FormatError
    from imgnet.errors import ImgnetError as ImgnetError
    from imgnet.errors import InputError as InputError
    from imgnet.errors import OutputError as OutputError
    from imgnet.errors import TargetError as TargetError
    from imgnet.errors import UsageError as UsageError
    from imgnet.image.geometry import Crop as Crop
    from imgnet.progress import Progress as Progress

_HOMES = {
    "api": ("decode", "encode", "open", "resample", "save"),
    "codec.format.container": ("Encoded", "Report"),
    "errors": (
        "FormatError",
        "ImgnetError",
        "InputError",
        "OutputError",
        "TargetError",
        "UsageError",
    ),
    "image.geometry": ("Crop",),
    "progress": ("Progress",),
}
_MODULES = {name: module for module, names in _HOMES.items() for name in names}
__all__ = ["__version__", *_MODULES]


def __getattr__(name: str) -> Any:
    # Lazy: `imgnet --version` should not wait for the import of NumPy.
    from importlib import import_module

    if name not in _MODULES:
        raise AttributeError(f"module 'imgnet' has no attribute {name!r}")
    return getattr(import_module(f"imgnet.{_MODULES[name]}"), name)


register_soon()

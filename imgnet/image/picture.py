"""An image in memory: pixels, mode, depth and metadata."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgnet.arrays import BoolArray
from imgnet.errors import UsageError
from imgnet.image.geometry import resolve_size

Samples = NDArray[np.unsignedinteger[Any]]  # of 8 or 16 bits
DTYPES: dict[int, np.dtype[Any]] = {8: np.dtype(np.uint8), 16: np.dtype(np.uint16)}

CHOICES = {"all": ("icc", "exif", "xmp"), "icc": ("icc",), "none": ()}

_MODES = ("L", "LA", "RGB", "RGBA")
_DEPTHS = {dtype: depth for depth, dtype in DTYPES.items()}


@dataclass(frozen=True)
class Metadata:
    """The metadata of an image, byte for byte; b"" for a part that is absent.

    Attributes:
        icc: Colour profile.
        exif: EXIF, starting with its byte order mark.
        xmp: XMP packet.
    """

    icc: bytes = b""
    exif: bytes = b""
    xmp: bytes = b""

    def parts(self) -> dict[str, bytes]:
        """Return the parts that are present, by name.

        >>> Metadata(xmp=b"<x/>").parts()
        {'xmp': b'<x/>'}
        """
        everything = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: part for name, part in everything.items() if part}

    @property
    def num_bytes(self) -> int:
        """Count the bytes of all parts.

        >>> Metadata(b"profile", b"exif").num_bytes
        11
        """
        return sum(map(len, self.parts().values()))

    def only(self, choice: str) -> Metadata:
        """Return the metadata that a choice keeps.

        Args:
            choice: "all", "icc" (the colour profile alone) or "none".

        Raises:
            UsageError: The choice is none of these.

        >>> Metadata(b"profile", b"exif").only("icc")
        Metadata(icc=b'profile', exif=b'', xmp=b'')
        """
        if choice not in CHOICES:
            raise UsageError(f"metadata {choice!r} is not one of {', '.join(CHOICES)}")
        return Metadata(**{name: getattr(self, name) for name in CHOICES[choice]})


MAX_METADATA_BYTES = 1 << 24  # of each kind
NO_METADATA = Metadata()


@dataclass(frozen=True)
class Profile:
    """The properties of an image besides its pixels.

    Attributes:
        mode: "L", "LA", "RGB" or "RGBA".
        depth: Bits of a sample in the source file, 8 or 16.
        metadata: Metadata of the upright image.
        notes: Parts of the source that were not read, one sentence each.
    """

    mode: str
    depth: int = 8
    metadata: Metadata = NO_METADATA
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Original:
    """An image to encode.

    Attributes:
        pixels: (H, W, C) samples.
        profile: Mode, depth and metadata.
        mask: (H, W) or (H, W, C), true for the pixels or samples to fit; None for all.
    """

    pixels: Samples
    profile: Profile
    mask: BoolArray | None = None


def profile_of(pixels: Samples) -> Profile:
    """Return the profile of an array that did not come from a file.

    Raises:
        UsageError: The array has the wrong shape or type, or too many pixels.

    >>> profile_of(np.zeros((5, 7, 3), np.uint8)).mode
    'RGB'
    """
    if pixels.ndim != 3 or not 1 <= pixels.shape[2] <= 4 or pixels.dtype not in _DEPTHS:
        raise UsageError(
            f"an array of shape {pixels.shape} and type {pixels.dtype} is no image; "
            "expected (height, width, 1..4) of uint8 or uint16"
        )
    resolve_size((pixels.shape[1], pixels.shape[0]), None)
    return Profile(_MODES[pixels.shape[2] - 1], _DEPTHS[pixels.dtype])


def peak_of(dtype: np.dtype[Any]) -> int:
    """Return the largest value of an integer type: full brightness.

    >>> peak_of(np.dtype(np.uint16))
    65535
    """
    return int(np.iinfo(dtype).max)


def describes(icc: bytes, mode: str) -> bool:
    """Tell whether an ICC profile applies to images of a mode.

    An RGB profile applies to grey as well: it has a tone curve.
    """
    space = icc[16:20]
    return space == b"RGB " or (space == b"GRAY" and mode.startswith("L"))


def name_of(source: object) -> str:
    """Return the name of a source in messages."""
    if isinstance(source, str | Path):
        return str(source)
    return str(getattr(source, "filename", "") or getattr(source, "name", "") or "<image>")

"""What an image is: its pixels and, besides them, its mode, its depth and its metadata."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgnet.errors import UsageError
from imgnet.image.geometry import resolve_size

Samples = NDArray[np.unsignedinteger[Any]]  # of 8 or 16 bits
DTYPES: dict[int, np.dtype[Any]] = {8: np.dtype(np.uint8), 16: np.dtype(np.uint16)}

CHOICES = {"all": ("icc", "exif", "xmp"), "icc": ("icc",), "none": ()}

_MODES = ("L", "LA", "RGB", "RGBA")
_DEPTHS = {dtype: depth for depth, dtype in DTYPES.items()}


@dataclass(frozen=True)
class Metadata:
    """What programs besides ours want to know of an image; b"" for what there is not.

    Attributes:
        icc: Colour profile.
        exif: EXIF, from its byte order mark on.
        xmp: XMP packet.
    """

    icc: bytes = b""
    exif: bytes = b""
    xmp: bytes = b""

    def parts(self) -> dict[str, bytes]:
        """Return what there is, by name.

        >>> Metadata(xmp=b"<x/>").parts()
        {'xmp': b'<x/>'}
        """
        everything = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: part for name, part in everything.items() if part}

    @property
    def num_bytes(self) -> int:
        """Count the bytes of all of it.

        >>> Metadata(b"profile", b"exif").num_bytes
        11
        """
        return sum(map(len, self.parts().values()))

    def only(self, choice: str) -> Metadata:
        """Return "all" of it, the "icc" profile or "none".

        Raises:
            UsageError: The choice is another.

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
    """What an image is besides its pixels.

    Attributes:
        mode: "L", "LA", "RGB" or "RGBA".
        depth: Bits of a sample at its source, 8 or 16.
        metadata: Of the upright picture.
        notes: What of the source was not read, in words.
    """

    mode: str
    depth: int = 8
    metadata: Metadata = NO_METADATA
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Original:
    """An image that is to be encoded.

    Attributes:
        pixels: (H, W, C) colours.
        profile: What it is besides them.
        seen: (H, W) or (H, W, C) True where a fit may look; None for everywhere.
    """

    pixels: Samples
    profile: Profile
    seen: NDArray[np.bool_] | None = None


def profile_of(pixels: Samples) -> Profile:
    """Return the profile of an array that did not come from a file.

    Raises:
        UsageError: It is not of the form of an image, or too large for one.

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


def describes(icc: bytes, mode: str) -> bool:
    """Tell whether a colour profile is about the colours of a mode.

    One of RGB also says how bright a grey is.
    """
    space = icc[16:20]
    return space == b"RGB " or (space == b"GRAY" and mode.startswith("L"))

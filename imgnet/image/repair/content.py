"""The content of a file after its repair."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Repaired:
    """The content of a file that Pillow can read.

    Attributes:
        data: Content.
        notes: Parts that were left out or replaced, one sentence each.
        icc: Colour profile that Pillow refuses, or b"".
        is_inverted: Whether the tones are to be inverted.
    """

    data: bytes
    notes: tuple[str, ...] = ()
    icc: bytes = b""
    is_inverted: bool = False

"""Images of callers (path, file, Pillow image or array) as pixels and a profile."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from imgnet.errors import InputError
from imgnet.image.files import read_photo
from imgnet.image.picture import MAX_METADATA_BYTES, Profile, Samples, profile_of

Photo = tuple[Samples, Profile]
Picture = str | Path | BinaryIO | Image.Image | Samples | Photo


def load_photo(image: Picture, metadata: str = "all", *, force_read: bool = False) -> Photo:
    """Return the pixels and the profile of an image.

    Args:
        image: Path, binary file, Pillow image, (H, W, C) array, or pixels with their profile.
        metadata: Metadata to keep: "all" (ICC, EXIF, XMP), "icc" or "none".
        force_read: Read what is there of a truncated file.

    Returns:
        (H, W, C) samples of 8 or 16 bits, contiguous and writable, and their profile.

    Raises:
        UsageError: The array has the wrong shape or type, or `metadata` is none of these choices.
        InputError: The image cannot be read, or its metadata is larger than a file may hold.

    >>> load_photo(np.zeros((3, 4, 1), np.uint16))[1].depth
    16
    """
    if isinstance(image, np.ndarray):
        image = image, profile_of(image)
    pixels, profile = (
        image if isinstance(image, tuple) else read_photo(image, force_read=force_read)
    )
    kept = profile.metadata.only(metadata)
    for name, part in kept.parts().items():
        if len(part) > MAX_METADATA_BYTES:
            raise InputError(
                f"{len(part)} bytes of {name} metadata are more than {MAX_METADATA_BYTES}; "
                "leave it out with --metadata none"
            )
    # torch accepts neither read-only arrays nor negative strides.
    return np.array(pixels, order="C"), replace(profile, metadata=kept)

"""The images that a command line names: files, and with -r what is in folders."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from imgnet.errors import ImgnetError, InputError

# By which images are told from the other files of a folder; a file that is named itself may have
# any name.
SUFFIXES = {
    *(".avif", ".bmp", ".gif", ".png", ".tif", ".tiff", ".webp"),
    *(".jfif", ".jpe", ".jpeg", ".jpg"),
    *(".pbm", ".pgm", ".pnm", ".ppm"),
}


@dataclass(frozen=True)
class Source:
    """One image.

    Attributes:
        path: As the command line names it, or found in a folder that it names; "-" for stdin.
        inside: Folder of the image, seen from the folder that was named.
        fault: Why there is no image to take.
    """

    path: str
    inside: str = ""
    fault: ImgnetError | None = None


def find_sources(inputs: Sequence[str], *, recursive: bool) -> list[Source]:
    """Return the images that a command line means, in order; those of a folder sorted by name.

    Hidden files and folders and links to folders are left out.

    Args:
        inputs: Files, folders and "-".
        recursive: Take the images of folders.
    """
    return [source for name in inputs for source in _sources_of(name, recursive)]


def _sources_of(name: str, recursive: bool) -> list[Source]:
    if not os.path.isdir(name):
        return [Source(name)]
    if not recursive:
        fault = InputError(f"{name}: is a folder; add -r to encode the images in it")
        return [Source(name, fault=fault)]
    nothing = InputError(f"{name}: holds no image; a file of another name must be named itself")
    return list(_walk(name)) or [Source(name, fault=nothing)]


def _walk(top: str) -> Iterator[Source]:
    unread: list[Source] = []

    def note(error: OSError) -> None:
        fault = InputError(f"{error.filename}: cannot be read ({error.strerror})")
        unread.append(Source(str(error.filename), fault=fault))

    for folder, subfolders, names in os.walk(top, onerror=note):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        for name in sorted(names):
            if is_image_name(name):
                yield Source(os.path.join(folder, name), os.path.relpath(folder, top))
    yield from unread


def is_image_name(name: str) -> bool:
    """Tell whether a file of a folder is taken for an image.

    >>> [is_image_name(name) for name in ("a.JPG", "notes.txt", ".hidden.png")]
    [True, False, False]
    """
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in SUFFIXES

"""The plan of a batch: its images and their outputs, checked before anything is encoded."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from imgnet.batch.task import STDIO, Outcome, Task, failed, skipped
from imgnet.cli.inputs import check_input, image_file
from imgnet.cli.outputs import name_output, resolve_output, shared_output
from imgnet.errors import ImgnetError, InputError, UsageError
from imgnet.request.encode_options import EncodeOptions

SUFFIX = ".inr"
# Extensions of images in a folder; a file that is named itself may have any name.
IMAGE_SUFFIXES = {
    *(".avif", ".bmp", ".gif", ".png", ".tif", ".tiff", ".webp"),
    *(".jfif", ".jpe", ".jpeg", ".jpg"),
    *(".pbm", ".pgm", ".pnm", ".ppm"),
}


@dataclass(frozen=True)
class Source:
    """One image of the command line.

    Attributes:
        path: File that the command line names, or in a folder that it names; "-" for stdin.
        inside: Folder of the file, relative to the folder that was named.
        fault: Why there is no image.
    """

    path: str
    inside: str = ""
    fault: ImgnetError | None = None


@dataclass(frozen=True)
class Plan:
    """Inputs of a batch and the rules for its outputs.

    Attributes:
        inputs: Files, folders and "-".
        output: What -o says.
        recursive: Take the images of folders.
        force: Let a derived name replace an existing file.
        skip_existing: Leave out images whose file exists.
    """

    inputs: Sequence[str]
    output: str | None
    recursive: bool = False
    force: bool = False
    skip_existing: bool = False

    def entries(self, options: EncodeOptions) -> list[Task | Outcome]:
        """Return a task for every image, or its outcome if that is known already.

        Args:
            options: Options of the encoder.

        Raises:
            UsageError: Options contradict each other, two images have the same output, or several
                images have an output that cannot be a folder.
        """
        if self.force and self.skip_existing:
            raise UsageError("--force replaces existing files, --skip-existing does not; give one")
        sources = find_sources(self.inputs, recursive=self.recursive)
        output = self._output()
        if len(sources) > 1:
            output = shared_output(output, SUFFIX)
        _check_distinct([source for source in sources if source.fault is None], output)
        return [self._entry(source, output, options) for source in sources]

    def _output(self) -> str | None:
        """Return -o; the output of folders is a folder, also without a slash."""
        if self.output in (None, STDIO) or not any(map(os.path.isdir, self.inputs)):
            return self.output
        return os.path.join(str(self.output), "") if self.recursive else self.output

    def _entry(self, source: Source, output: str | None, options: EncodeOptions) -> Task | Outcome:
        try:
            if source.fault is not None:
                raise source.fault
            return self._task(source, output, options)
        except ImgnetError as error:
            return failed(source.path, options, error)

    def _task(self, source: Source, output: str | None, options: EncodeOptions) -> Task | Outcome:
        check_input(source.path)
        path = name_output(source.path, output, SUFFIX, source.inside)
        if self.skip_existing and path is not None and os.path.exists(path):
            return skipped(source.path, path, options)
        path = resolve_output(source.path, output, SUFFIX, inside=source.inside, force=self.force)
        return Task(source.path, image_file(source.path), path, options)


def _check_distinct(sources: Sequence[Source], output: str | None) -> None:
    """Refuse a batch in which a result would replace another result or an input.

    Raises:
        UsageError: Two results have the same file, or a result has the file of an input.
    """
    makers: dict[str, Source] = {}
    for source in sources:
        path = _named(source, output)
        if path is None:
            continue
        maker = makers.setdefault(_place(path), source)
        if maker is not source:
            raise UsageError(
                f"{maker.path} and {source.path} would both become {path}; rename one, or "
                "encode them into different folders"
            )
    for source in sources:
        maker = makers.get(_place(Path(source.path)), source)
        if maker is not source:
            raise UsageError(
                f"{source.path} is an input, and {maker.path} would become it; encode into "
                "another folder with -o"
            )


def _named(source: Source, output: str | None) -> Path | None:
    try:
        return name_output(source.path, output, SUFFIX, source.inside)
    except UsageError:  # stdin has no name; `_task` says so
        return None


def _place(path: Path) -> str:
    return os.path.normcase(os.path.realpath(path))


def find_sources(inputs: Sequence[str], *, recursive: bool) -> list[Source]:
    """Return the images of a command line in order; those of a folder are sorted by name.

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
    return list(_images_in(name)) or [Source(name, fault=nothing)]


def _images_in(top: str) -> Iterator[Source]:
    unread: list[Source] = []

    def note(error: OSError) -> None:
        fault = InputError(f"{error.filename}: cannot be read ({error.strerror})")
        unread.append(Source(str(error.filename), fault=fault))

    for folder, name in _walk(top, note):
        if _suffix(name) in IMAGE_SUFFIXES:
            yield Source(os.path.join(folder, name), os.path.relpath(folder, top))
    yield from unread


def _walk(top: str, onerror: Callable[[OSError], None] | None = None) -> Iterator[tuple[str, str]]:
    """Yield the folder and the name of every file in a folder and its subfolders, in order."""
    for folder, subfolders, names in os.walk(top, onerror=onerror):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        yield from ((folder, name) for name in sorted(names) if not name.startswith("."))


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()


def notes_on(inputs: Sequence[str]) -> Iterator[str]:
    """Yield a sentence on each folder with files that are not taken for images.

    Results of earlier runs are not counted.
    """
    for top in filter(os.path.isdir, inputs):
        suffixes = Counter(_suffix(name) for _, name in _walk(top))
        left_out = [(s, n) for s, n in suffixes.items() if s not in {SUFFIX, *IMAGE_SUFFIXES}]
        if left_out:
            kinds = ", ".join(f"{n} {s or 'without extension'}" for s, n in sorted(left_out))
            yield (
                f"{top}: files that are not taken for images: {kinds}; "
                "a file of another name must be named itself"
            )

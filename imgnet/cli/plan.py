"""What a batch has to do, decided and checked as a whole before any of it is done."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from imgnet.batch.task import STDIO, Outcome, Task, failed, skipped
from imgnet.cli.inputs import check_input, image_file
from imgnet.cli.outputs import check_shared, name_output, resolve_output
from imgnet.cli.sources import Source, find_sources
from imgnet.errors import ImgnetError, UsageError
from imgnet.request.encode_options import EncodeOptions

SUFFIX = ".inr"


@dataclass(frozen=True)
class Plan:
    """Where inputs come from, and which files may be written.

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
        """Return a task for every image, or what became of it already.

        Args:
            options: Of all fits.

        Raises:
            UsageError: Two images would become one file, or several would not go into a folder.
        """
        if self.force and self.skip_existing:
            raise UsageError("--force replaces existing files, --skip-existing does not; give one")
        sources = find_sources(self.inputs, recursive=self.recursive)
        output = self._output()
        if len(sources) > 1:
            check_shared(output)
        _check_distinct([source for source in sources if source.fault is None], output)
        return [self._entry(source, output, options) for source in sources]

    def _output(self) -> str | None:
        """Return what -o says; what folders go to is a folder, also without a slash."""
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
        if self.skip_existing and path is not None and path.exists():
            return skipped(source.path, path, options)
        path = resolve_output(source.path, output, SUFFIX, inside=source.inside, force=self.force)
        return Task(source.path, image_file(source.path), path, options)


def _check_distinct(sources: Sequence[Source], output: str | None) -> None:
    """Refuse a batch in which one result, or one input, would be lost to another result.

    Raises:
        UsageError: Two images would become one file, or a file would become another input.
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
    except UsageError:  # has no name; refused by itself
        return None


def _place(path: Path) -> str:
    return os.path.normcase(os.path.realpath(path))

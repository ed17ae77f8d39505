"""Task of a batch: one image to encode, and its outcome.

This process, the workers of a pool and those of a cluster all call `encode_one`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from io import BytesIO
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from imgnet.errors import ImgnetError, TargetError
from imgnet.progress import Progress
from imgnet.request.encode_options import EncodeOptions

if TYPE_CHECKING:
    from imgnet.codec.format.container import Encoded

STDIO = "-"
DEFAULTS = EncodeOptions()
MOST_LATE, MOST_LATE_S = 1.2, 1.5  # times a time limit, or seconds after it, without a note


class NamedBytes(BytesIO):
    """A file in memory with the name of the real file, for messages."""

    def __init__(self, data: bytes, name: str) -> None:
        super().__init__(data)
        self.name = name


@dataclass(frozen=True)
class Task:
    """One image to encode.

    Attributes:
        source: Name of the image in messages; "-" for stdin.
        image: File to read.
        output: File to write, or None to return its bytes.
        options: Options of the encoder.
    """

    source: str
    image: Path | BinaryIO
    output: Path | None
    options: EncodeOptions = DEFAULTS


@dataclass(frozen=True)
class Result:
    """Result of one image, as a line of text or of JSON.

    Attributes:
        input: Image file, or "-".
        output: File that was written, or "-"; file that exists if the image was skipped; None if it
            failed.
        effort: 1..9.
        model: Network family.
        status: "done", "skipped" or "failed".
        error: Message of the fault, or None.
        bytes: Size of the file.
        bpp: File bits a pixel.
        psnr_db: PSNR of the decoded image over the fitted pixels; None if infinite.
        psnr_unseen_db: PSNR over the pixels that `--mask` or `--keep` left out, or None.
        seconds: Time of the fit.
        steps: Optimiser steps taken.
        device: Where the fit ran: "cpu", "cuda" or "mps".
        ended_early: A signal ended the fit early.
    """

    input: str
    output: str | None
    effort: int
    model: str
    status: str = "done"
    error: str | None = None
    bytes: int | None = None
    bpp: float | None = None
    psnr_db: float | None = None
    psnr_unseen_db: float | None = None
    seconds: float | None = None
    steps: int | None = None
    device: str | None = None
    ended_early: bool = False

    def as_json(self) -> str:
        """Return one line of JSON."""
        return json.dumps(asdict(self))

    def as_text(self) -> str:
        """Return one line of text.

        >>> Result("a.png", "a.inr", 3, "gated", bytes=12345, bpp=0.25, psnr_db=28.407,
        ...        seconds=61.2, steps=900).as_text()
        'a.png -> a.inr: 12,345 bytes, 0.250 bpp, 28.41 dB, 61.2 s'
        >>> Result("a.png", "a.inr", 3, "grid", "skipped").as_text()
        'a.png: skipped; a.inr exists'
        """
        if self.status == "skipped":
            return f"{self.input}: skipped; {self.output} exists"
        unseen = "" if self.psnr_unseen_db is None else f" ({self.psnr_unseen_db:.2f} dB unseen)"
        psnr = "exact" if self.psnr_db is None else f"{self.psnr_db:.2f} dB"
        return (
            f"{self.input} -> {self.output}: {self.bytes:,} bytes, {self.bpp:.3f} bpp, "
            f"{psnr}{unseen}, {self.seconds} s{', ended early' * self.ended_early}"
        )


@dataclass(frozen=True)
class Outcome:
    """The outcome of a task: its result, and data for the program.

    Attributes:
        result: Result to report.
        exit_code: Exit code of the fault, or 0.
        data: Bytes of the file if the task has no output.
        notes: Notes on parts of the image that were not read.
        advice: Sentence on smaller files of the image, or "".
    """

    result: Result
    exit_code: int = 0
    data: bytes | None = None
    notes: tuple[str, ...] = ()
    advice: str = ""


def encode_one(
    task: Task,
    on_progress: Callable[[Progress], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Outcome:
    """Encode one image and write its file atomically; a fault becomes part of the outcome.

    The task of a lost worker can be repeated, which writes the same file again.

    Args:
        task: Image to encode.
        on_progress: Called with the progress of the fit a few times a second.
        should_stop: Called before every step; if true, the fit ends with the best so far.
    """
    try:
        return _encode(task, on_progress, should_stop)
    except ImgnetError as error:
        return failed(task.source, task.options, error)
    except Exception as error:  # a bug that one image shows should not stop the others
        fault = ImgnetError(f"unexpected fault, {type(error).__name__}: {error}")
        return failed(task.source, task.options, fault)


def _encode(
    task: Task,
    on_progress: Callable[[Progress], None] | None,
    should_stop: Callable[[], bool] | None,
) -> Outcome:
    began = time.monotonic()
    from imgnet import api
    from imgnet.batch.advice import advise
    from imgnet.codec.format.container import to_bytes
    from imgnet.image.atomic import write_atomically
    from imgnet.image.files import read_photo

    photo, missed = read_photo(task.image, force_read=task.options.force_read), None
    try:
        rest = task.options.later(time.monotonic() - began)
        watched = replace(rest, on_progress=on_progress, should_stop=should_stop)
        encoded = api.encode_with(photo, watched)
    except TargetError as error:
        if error.best is None:
            raise
        encoded, missed = error.best, error
    ended_early = should_stop is not None and should_stop()
    data = to_bytes(encoded)
    result = _measured(task, encoded, len(data), ended_early=ended_early)
    late = late_notes(time.monotonic() - began, task.options.time_limit)
    outcome = Outcome(result, notes=photo[1].notes + late)
    if missed is not None:
        written = f"; the best is written to {result.output}"
        fault = f"{name_of(task.source)}: {missed}{written if task.output else ''}"
        result = replace(result, error=fault)
        outcome = replace(outcome, result=result, exit_code=missed.exit_code)
    if task.output is None:
        outcome = replace(outcome, data=data)
    else:
        write_atomically(task.output, data)
    if ended_early:
        return outcome
    return replace(outcome, advice=advise(photo[0], encoded.metadata, len(data), task.image))


def late_notes(seconds: float, limit_s: float | None) -> tuple[str, ...]:
    """Return a note if an image took much longer than its time limit.

    >>> late_notes(28.6, 10.0), late_notes(10.4, 10.0)
    (('took 28.6 s instead of the 10 s of its time limit',), ())
    """
    if limit_s is None or seconds <= max(MOST_LATE * limit_s, limit_s + MOST_LATE_S):
        return ()
    return (f"took {seconds:.1f} s instead of the {limit_s:g} s of its time limit",)


def failed(source: str, options: EncodeOptions, error: ImgnetError) -> Outcome:
    """Return the outcome of an image that could not be encoded.

    >>> from imgnet.errors import TargetError
    >>> outcome = failed("a.png", EncodeOptions(), TargetError("9 bytes are few"))
    >>> outcome.exit_code, outcome.result.error
    (5, 'a.png: 9 bytes are few')
    """
    name, message = name_of(source), str(error)
    message = message if name in message else f"{name}: {message}"
    return Outcome(_unmeasured(source, None, options, "failed", message), error.exit_code)


def skipped(source: str, path: Path, options: EncodeOptions) -> Outcome:
    """Return the outcome of an image that is skipped because its file exists."""
    return Outcome(_unmeasured(source, str(path), options, "skipped", None))


def name_of(source: str) -> str:
    """Return the name of an input in messages."""
    return "<stdin>" if source == STDIO else source


def _unmeasured(
    source: str, output: str | None, options: EncodeOptions, status: str, error: str | None
) -> Result:
    return Result(source, output, options.effort, options.model, status, error)


def _measured(task: Task, encoded: Encoded, num_bytes: int, *, ended_early: bool) -> Result:
    """Return the result of a fit and its file."""
    from imgnet.metrics.psnr import bpp

    spec, report = encoded.spec, encoded.report
    assert report is not None  # every fit reports
    return Result(
        input=task.source,
        output=STDIO if task.output is None else str(task.output),
        effort=task.options.effort,
        model=spec.family,
        bytes=num_bytes,
        bpp=round(bpp(num_bytes, spec.width, spec.height), 4),
        psnr_db=_finite(report.psnr_db),
        psnr_unseen_db=_finite(report.psnr_unseen_db),
        seconds=round(report.seconds, 2),
        steps=report.steps,
        device=report.device,
        ended_early=ended_early,
    )


def _finite(number: float | None) -> float | None:
    # JSON has no infinity, the PSNR of equal pictures.
    return round(number, 4) if number is not None and isfinite(number) else None

"""One image of many: what is to be done with it, doing it, and what became of it.

Whoever runs the tasks, this process, others beside it or a cluster, calls `encode_one`.
"""

from __future__ import annotations

import json
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


class NamedBytes(BytesIO):
    """A file in memory that messages call by the name of the real one."""

    def __init__(self, data: bytes, name: str) -> None:
        super().__init__(data)
        self.name = name


@dataclass(frozen=True)
class Task:
    """One image to encode.

    Attributes:
        source: What messages call it; "-" for stdin.
        image: File to read.
        output: File to write, or None to hand its bytes back.
        options: Of the fit.
    """

    source: str
    image: Path | BinaryIO
    output: Path | None
    options: EncodeOptions = DEFAULTS


@dataclass(frozen=True)
class Result:
    """Report what became of one image: a line for people, a line of JSON for programs.

    Attributes:
        input: Image file, or "-".
        output: The file written, or "-"; of a skipped image, the file that exists; else None.
        effort: As asked for.
        model: Network family.
        status: "done", "skipped" or "failed".
        error: What went wrong, or None.
        bytes: Size of the file.
        bpp: File bits a pixel.
        psnr_db: PSNR of the decoded image over the pixels that were fitted; None when infinite.
        psnr_unseen_db: The same over the pixels that `--mask` or `--keep` left out, else None.
        seconds: Time of the fit.
        steps: QSteps of the fit.
        device: Where the fit ran: "cpu", "cuda" or "mps".
        ended_early: The fit ended on a signal, before its time.
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
        """Return one line of words.

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
    """The result of a task, and what only the program itself needs to know.

    Attributes:
        result: For people and programs.
        exit_code: Of the fault, or 0.
        data: The file, where the task names no output.
        notes: What of the image was not read, in words.
    """

    result: Result
    exit_code: int = 0
    data: bytes | None = None
    notes: tuple[str, ...] = ()


def encode_one(
    task: Task,
    on_progress: Callable[[Progress], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Outcome:
    """Encode one image and write its file in one piece; a fault becomes part of the outcome.

    Doing it again writes the file again, so a task whose worker was lost can be repeated.

    Args:
        task: What to do.
        on_progress: Called a few times a second.
        should_stop: Asked before every step whether the fit shall end with what it has.
    """
    try:
        return _encode(task, on_progress, should_stop)
    except ImgnetError as error:
        return failed(task.source, task.options, error)
    except Exception as error:  # of one image; the others need not suffer for it
        fault = ImgnetError(f"unexpected fault, {type(error).__name__}: {error}")
        return failed(task.source, task.options, fault)


def _encode(
    task: Task,
    on_progress: Callable[[Progress], None] | None,
    should_stop: Callable[[], bool] | None,
) -> Outcome:
    from imgnet import api
    from imgnet.codec.format.container import to_bytes
    from imgnet.image.files import read_photo, write_atomically

    photo, missed = read_photo(task.image), None
    try:
        watched = replace(task.options, on_progress=on_progress, should_stop=should_stop)
        encoded = api.encode_with(photo, watched)
    except TargetError as error:
        if error.best is None:
            raise
        encoded, missed = error.best, error
    ended_early = should_stop is not None and should_stop()
    data = to_bytes(encoded)
    result = _measured(task, encoded, len(data), ended_early=ended_early)
    outcome = Outcome(result, notes=photo[1].notes)
    if missed is not None:
        written = f"; the best is written to {result.output}"
        fault = f"{name_of(task.source)}: {missed}{written if task.output else ''}"
        result = replace(result, error=fault)
        outcome = replace(outcome, result=result, exit_code=missed.exit_code)
    if task.output is None:
        return replace(outcome, data=data)
    write_atomically(task.output, data)
    return outcome


def failed(source: str, options: EncodeOptions, error: ImgnetError) -> Outcome:
    """Return the outcome of an image whose encoding came to nothing.

    >>> from imgnet.errors import TargetError
    >>> outcome = failed("a.png", EncodeOptions(), TargetError("9 bytes are few"))
    >>> outcome.exit_code, outcome.result.error
    (5, 'a.png: 9 bytes are few')
    """
    name, message = name_of(source), str(error)
    message = message if name in message else f"{name}: {message}"
    return Outcome(_unmeasured(source, None, options, "failed", message), error.exit_code)


def skipped(source: str, path: Path, options: EncodeOptions) -> Outcome:
    """Return the outcome of an image whose file exists."""
    return Outcome(_unmeasured(source, str(path), options, "skipped", None))


def name_of(source: str) -> str:
    """Return what messages call an input."""
    return "<stdin>" if source == STDIO else source


def _unmeasured(
    source: str, output: str | None, options: EncodeOptions, status: str, error: str | None
) -> Result:
    return Result(source, output, options.effort, options.model, status, error)


def _measured(task: Task, encoded: Encoded, num_bytes: int, *, ended_early: bool) -> Result:
    """Collect what the fit measured and what the file weighs."""
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
    # JSON has no infinity, which is the PSNR of equal pictures.
    return round(number, 4) if number is not None and isfinite(number) else None

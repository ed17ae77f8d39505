"""`imgnet encode`: fit a network to each image and store it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from imgnet.cli import options
from imgnet.cli.details import byte_lines, check_verbosity, fit_line, network_line
from imgnet.cli.inputs import STDIO, for_each, load_image, name_of
from imgnet.cli.outputs import (
    check_shared,
    check_snapshots,
    print_result,
    resolve_output,
    write_bytes,
)
from imgnet.cli.terminal import say, watch
from imgnet.errors import ImgnetError, UsageError

if TYPE_CHECKING:
    from imgnet.container import Encoded

SUFFIX = ".inr"
MAX_DIM, MAX_LAYERS = 4096, 64  # limits of the file format


def encode(
    inputs: Annotated[list[str], typer.Argument(metavar="IMAGE...", help="Images; - for stdin.")],
    output: options.Output = None,
    model: options.Model = "grid",
    quality: options.Quality = 75,
    target_bpp: Annotated[
        float | None,
        typer.Option(metavar="BPP", max=1000, help="Aim at this many file bits a pixel."),
    ] = None,
    target_size: Annotated[
        int | None,
        typer.Option(
            metavar="BYTES", parser=options.parse_bytes, help="Never exceed this: 900, 20k, 1.5M."
        ),
    ] = None,
    effort: options.Effort = 3,
    time_limit: options.TimeLimit = None,
    mask: options.Mask = None,
    keep: Annotated[
        float | None, typer.Option(metavar="FRACTION", help="Fit this random part of the pixels.")
    ] = None,
    dim_axis: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, max=MAX_DIM, help="Units of each axis branch of gated."),
    ] = None,
    dim_hidden: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            max=MAX_DIM,
            help="Units a layer; published: 100 with gated, 64 with mlp.",
        ),
    ] = None,
    num_layers: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            max=MAX_LAYERS,
            help="Depth; published: 2 blocks of gated, 3 layers of mlp.",
        ),
    ] = None,
    weights: Annotated[
        Literal["coded", "float16", "float32"],
        typer.Option(help="Small file, or tensors that other programs can load."),
    ] = "coded",
    snapshot_every: Annotated[
        tuple[int, Path] | None,
        typer.Option(metavar="N DIR", help="Write a preview to DIR every N steps."),
    ] = None,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    force: options.Force = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> int:
    """Fit a small network to each image and store it as an .inr file.

    Without -o the file goes beside the image, under the same name ending in .inr.
    """
    from imgnet import api

    check_verbosity(quiet=quiet, verbose=verbose)
    if as_json and (output == STDIO or (output is None and STDIO in inputs)):
        raise UsageError("--json and -o - both want stdout; choose one of them")
    if len(inputs) > 1:
        check_shared(output)
    if snapshot_every is not None:
        check_snapshots(*snapshot_every)
    fit_options: dict[str, Any] = {
        "model": model,
        "quality": quality,
        "target_bpp": target_bpp,
        "target_size": target_size,
        "effort": effort,
        "time_limit": time_limit,
        "mask": mask,
        "keep": keep,
        "dim_axis": dim_axis,
        "dim_hidden": dim_hidden,
        "num_layers": num_layers,
        "weights": weights,
        "snapshot": snapshot_every,
        "seed": seed,
        "device": device,
    }

    def work(source: str) -> None:
        path = resolve_output(source, output, SUFFIX, force=force)
        image = load_image(source)
        with watch(name_of(source), quiet=quiet) as on_progress:
            encoded = api.encode(image, **fit_options, on_progress=on_progress)
        result = Result.of(encoded, write_encoded(encoded, path), source, path, effort)
        if not quiet:
            say(result.as_text())
        if verbose:
            say_details(encoded, result)
        if as_json:
            print_result(result.as_json())

    def failed(source: str, error: ImgnetError) -> None:
        if as_json:
            fault = Result(source, None, effort, model, status="failed", error=str(error))
            print_result(fault.as_json())

    return for_each(inputs, work, failed)


def say_details(encoded: Encoded, result: Result) -> None:
    """Print what `-v` adds about a file that was just made."""
    assert result.steps is not None
    assert result.seconds is not None
    assert result.bytes is not None
    say(network_line(encoded))
    say(fit_line(result.effort, result.steps, result.seconds, result.device or "?"))
    for line in byte_lines(encoded, result.bytes):
        say(line)


def write_encoded(encoded: Encoded, path: Path | None) -> int:
    """Write a file, or stdout when `path` is None, and return its size in bytes.

    Raises:
        OutputError: Writing fails.
    """
    from imgnet.container import to_bytes

    data = to_bytes(encoded)
    write_bytes(data, path)
    return len(data)


@dataclass(frozen=True)
class Result:
    """Report what became of one image: a line for people, a line of JSON for programs.

    Attributes:
        input: Image file, or "-".
        output: The file written, or "-"; None when there is none.
        effort: As asked for.
        model: Network family.
        status: "done" or "failed".
        error: What went wrong, or None.
        bytes: Size of the file.
        bpp: File bits a pixel.
        psnr_db: PSNR of the decoded image over the pixels that were fitted; None when infinite.
        psnr_unseen_db: The same over the pixels that `--mask` or `--keep` left out, else None.
        seconds: Time of the fit.
        steps: Steps of the fit.
        device: Where the fit ran: "cpu", "cuda" or "mps".
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

    @classmethod
    def of(
        cls, encoded: Encoded, num_bytes: int, source: str, path: Path | None, effort: int
    ) -> Result:
        """Collect what the fit measured and what the file weighs."""
        from imgnet.metrics import bpp

        spec, report = encoded.spec, encoded.report
        assert report is not None  # every fit reports
        return cls(
            input=source,
            output=STDIO if path is None else str(path),
            effort=effort,
            model=spec.family,
            bytes=num_bytes,
            bpp=round(bpp(num_bytes, spec.width, spec.height), 4),
            psnr_db=_finite(report.psnr_db),
            psnr_unseen_db=_finite(report.psnr_unseen_db),
            seconds=round(report.seconds, 2),
            steps=report.steps,
            device=report.device,
        )

    def as_json(self) -> str:
        """Return one line of JSON."""
        return json.dumps(asdict(self))

    def as_text(self) -> str:
        """Return one line of words.

        >>> Result("a.png", "a.inr", 3, "gated", bytes=12345, bpp=0.25, psnr_db=28.407,
        ...        seconds=61.2, steps=900).as_text()
        'a.png -> a.inr: 12,345 bytes, 0.250 bpp, 28.41 dB, 61.2 s'
        """
        unseen = "" if self.psnr_unseen_db is None else f" ({self.psnr_unseen_db:.2f} dB unseen)"
        psnr = "exact" if self.psnr_db is None else f"{self.psnr_db:.2f} dB"
        return (
            f"{self.input} -> {self.output}: {self.bytes:,} bytes, {self.bpp:.3f} bpp, "
            f"{psnr}{unseen}, {self.seconds} s"
        )


def _finite(number: float | None) -> float | None:
    # JSON has no infinity, which is the PSNR of equal pictures.
    return round(number, 4) if number is not None and isfinite(number) else None
